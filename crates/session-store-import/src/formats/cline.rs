//! Cline and Roo Code: `tasks/TASK/api_conversation_history.json`.

use std::path::PathBuf;

use session_store_core::LogEntry;

use super::any::AnyJsonl;
use crate::candidate::Candidate;
use crate::description::Description;
use crate::environment::Environment;
use crate::format::{Encoding, FileKind, Format};
use crate::identity::{Identity, as_uuid, derived_id};

/// The tasks of Cline, an extension of VS Code and a command.
///
/// ```text
/// tasks/{time}/api_conversation_history.json    the messages of a task: one array
/// ```
///
/// A task is a session with one segment. Both have the id of the task if that is a UUID, else one
/// that is derived from it. The program rewrites the whole array, and can shorten earlier messages.
#[derive(Clone, Copy, Debug)]
pub struct Cline;

/// The tasks of Roo Code, which began as a copy of Cline. Its tasks have UUIDs. Old ones are named
/// by a time, and have the ids that the same task of Cline would have.
#[derive(Clone, Copy, Debug)]
pub struct RooCode;

/// The file with the messages of a task.
const HISTORY: &str = "api_conversation_history.json";

/// The folder of Roo Code's extension.
const ROO: &str = "rooveterinaryinc.roo-cline";

impl Format for Cline {
    fn name(&self) -> &'static str {
        "cline"
    }

    fn default_folders(&self, environment: &Environment) -> Vec<PathBuf> {
        let mut folders = extension_folders(environment, "saoudrizwan.claude-dev");
        folders.push(environment.folder_or("CLINE_DIR", ".cline").join("data/tasks"));
        folders
    }

    fn classify(&self, file: &Candidate<'_>) -> Option<FileKind> {
        if file.name() == HISTORY {
            return Some(FileKind::Log(Encoding::Document));
        }
        let is_in_task = file.folders().iter().rev().nth(1).is_some_and(|name| name == "tasks");
        (is_in_task && file.stem("json").is_some())
            .then_some(FileKind::Companion("descriptions of tasks"))
    }

    fn identify(&self, file: &Candidate<'_>, _first: &LogEntry) -> Identity {
        identity(file)
    }

    fn rewrites(&self) -> bool {
        true
    }

    /// A stored task has no field of its own. [`AnyJsonl`] describes such entries.
    fn recognize(&self, _first: &[LogEntry]) -> bool {
        false
    }

    fn describe(&self, entry: &LogEntry) -> Description {
        AnyJsonl.describe(entry)
    }
}

impl Format for RooCode {
    fn name(&self) -> &'static str {
        "roo-code"
    }

    fn default_folders(&self, environment: &Environment) -> Vec<PathBuf> {
        extension_folders(environment, ROO)
    }

    fn classify(&self, file: &Candidate<'_>) -> Option<FileKind> {
        let is_ours = file.is_below(ROO) || as_uuid(file.folder()).is_some();
        Cline.classify(file).filter(|_| is_ours)
    }

    fn identify(&self, file: &Candidate<'_>, _first: &LogEntry) -> Identity {
        identity(file)
    }

    fn rewrites(&self) -> bool {
        true
    }

    fn recognize(&self, _first: &[LogEntry]) -> bool {
        false
    }

    fn describe(&self, entry: &LogEntry) -> Description {
        AnyJsonl.describe(entry)
    }
}

/// Returns the ids of a task. They do not depend on the program, because a copy of an old task of
/// Roo Code in another folder cannot be distinguished from one of Cline.
fn identity(file: &Candidate<'_>) -> Identity {
    let task = file.folder();
    let id = as_uuid(task).unwrap_or_else(|| derived_id(Cline.name(), task));
    Identity::new(id, id)
}

/// The editors that are VS Code under another name.
const EDITORS: [&str; 5] = ["Code", "Code - Insiders", "VSCodium", "Cursor", "Windsurf"];

/// Returns the folders of an extension's tasks in VS Code and its variants: on macOS, on Linux, on
/// Windows, and on a computer that an editor is connected to.
fn extension_folders(environment: &Environment, extension: &str) -> Vec<PathBuf> {
    let home = environment.home();
    let configured = [
        home.join("Library/Application Support"),
        environment.folder_or("XDG_CONFIG_HOME", ".config"),
        environment.folder_or("APPDATA", "AppData/Roaming"),
    ];
    let editors = configured.iter().flat_map(|folder| EDITORS.map(|editor| folder.join(editor)));
    let remote = [".vscode-server", ".cursor-server"].map(|name| home.join(name).join("data"));
    let storages = editors.chain(remote).map(|folder| folder.join("User/globalStorage"));
    storages.map(|storage| storage.join(extension).join("tasks")).collect()
}
