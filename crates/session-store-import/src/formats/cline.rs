//! Cline and Roo Code: `tasks/TASK/api_conversation_history.json`, and in newer versions of Cline
//! `sessions/SESSION/SESSION.messages.json`.

use std::path::PathBuf;

use serde_json::Value;
use session_store_core::{LogEntry, StoreError};

use super::any::AnyJsonl;
use crate::candidate::Candidate;
use crate::description::Description;
use crate::document;
use crate::environment::Environment;
use crate::format::{Encoding, FileKind, Format};
use crate::identity::{Identity, Origin, as_uuid, derived_id};

/// The tasks of Cline, which is an extension of VS Code and also a command.
///
/// ```text
/// tasks/{time}/api_conversation_history.json              the messages of a task: one array
/// ~/.cline/data/sessions/{session}/{session}.messages.json    newer: a header and messages
/// ~/.cline/data/sessions/{session}/{agent}.messages.json      the messages of a subagent
/// ```
///
/// A task is a session with one segment. If the id of the task is a UUID, session and segment have
/// this id. Otherwise both have an id that is derived from the task's id. Every write of the
/// program replaces the whole array, and can shorten earlier messages.
///
/// The header of a newer file contains the id of the session. For a subagent, this id has the form
/// `{session}__{agent}`. The segment id of a subagent is derived from the session and the name of
/// the file.
#[derive(Clone, Copy, Debug)]
pub struct Cline;

/// The tasks of Roo Code, which began as a copy of Cline. The name of a task is a UUID. The name of
/// an old task is a time, and the task gets the same ids as a task of Cline with the same name.
#[derive(Clone, Copy, Debug)]
pub struct RooCode;

/// The file with the messages of a task.
const HISTORY: &str = "api_conversation_history.json";

/// The ending of a newer file of messages.
const MESSAGES: &str = ".messages.json";

/// The folder of Roo Code's extension.
const ROO: &str = "rooveterinaryinc.roo-cline";

impl Format for Cline {
    fn name(&self) -> &'static str {
        "cline"
    }

    fn default_folders(&self, environment: &Environment) -> Vec<PathBuf> {
        let mut folders = extension_folders(environment, "saoudrizwan.claude-dev");
        let usual = environment.folder_or("CLINE_DIR", ".cline").join("data");
        let data = environment.folder("CLINE_DATA_DIR").unwrap_or(&usual);
        let sessions = environment.folder("CLINE_SESSION_DATA_DIR");
        folders.push(data.join("tasks"));
        folders.push(sessions.map_or_else(|| data.join("sessions"), Into::into));
        folders
    }

    fn classify(&self, file: &Candidate<'_>) -> Option<FileKind> {
        if file.name() == HISTORY {
            return Some(FileKind::Log(Encoding::Document));
        }
        if is_newer(file) {
            return Some(FileKind::Log(Encoding::Document));
        }
        let stem = file.stem("json")?;
        let is_in_task = file.folders().iter().rev().nth(1).is_some_and(|name| name == "tasks");
        let is_in_session = file.is_below("sessions")
            && stem
                .strip_prefix(file.folder())
                .is_some_and(|end| ["", ".compaction"].contains(&end));
        (is_in_task || is_in_session).then_some(FileKind::Companion("descriptions of tasks"))
    }

    fn identify(&self, file: &Candidate<'_>, first: &LogEntry) -> Identity {
        let Some(stem) = file.name().strip_suffix(MESSAGES) else { return identity(file) };
        let header: Value = first.decode().unwrap_or_default();
        let named = header["sessionId"].as_str().unwrap_or(file.folder());
        let name = named.split("__").next().unwrap_or(named);
        let session = as_uuid(name).unwrap_or_else(|| derived_id(self.name(), name));
        if stem == name {
            return Identity::new(session, session);
        }
        Identity::new(session, derived_id(self.name(), &format!("{name}/{stem}")))
            .forked_from(Origin::new(session, session))
    }

    fn split(&self, document: &str) -> Result<Vec<LogEntry>, StoreError> {
        if document.trim_start().starts_with('[') {
            return document::elements(document);
        }
        document::header_and_messages(document, &["updated_at"])
    }

    fn rewrites(&self) -> bool {
        true
    }

    /// The entries of a task do not contain a field that identifies the program. [`AnyJsonl`]
    /// describes them.
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
        Cline.classify(file).filter(|_| is_ours && !file.name().ends_with(MESSAGES))
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

/// Returns whether the file contains the messages of a session of a newer version.
fn is_newer(file: &Candidate<'_>) -> bool {
    file.name().ends_with(MESSAGES)
        && file.head_contains("\"sessionId\"")
        && file.head_contains("\"updated_at\"")
}

/// Returns the ids of a task. The ids do not depend on the program. A copy of an old task of Roo
/// Code in another folder looks like a task of Cline, and must get the same ids as the original.
fn identity(file: &Candidate<'_>) -> Identity {
    let task = file.folder();
    let id = as_uuid(task).unwrap_or_else(|| derived_id(Cline.name(), task));
    Identity::new(id, id)
}

/// The names of VS Code and its variants.
const EDITORS: [&str; 5] = ["Code", "Code - Insiders", "VSCodium", "Cursor", "Windsurf"];

/// Returns the folders of an extension's tasks in VS Code and its variants. The list has the
/// folders on macOS, Linux and Windows, and the folders on a remote computer to which an editor
/// connects.
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
