//! Qwen Code: `projects/PROJECT/chats/SESSION.jsonl`.

use std::path::PathBuf;

use serde_json::Value;
use session_store_core::LogEntry;

use super::blocks::{text_of, tool_calls};
use crate::candidate::Candidate;
use crate::description::{Description, Role};
use crate::environment::Environment;
use crate::format::{Encoding, FileKind, Format};
use crate::identity::{Identity, as_uuid, derived_id};
use crate::time::time_in;
use crate::value::value_of;

/// The logs of Qwen Code.
///
/// ```text
/// ~/.qwen/projects/{project}/chats/{session}.jsonl
/// ~/.qwen/projects/{project}/archive/{session}.jsonl
/// ```
///
/// The session and its segment have the id from the name of the file. The id can be in upper or
/// lower case. The field `parentUuid` links the entries to a tree, as in Claude Code. The messages
/// consist of parts, as in Gemini.
#[derive(Clone, Copy, Debug)]
pub struct QwenCode;

impl Format for QwenCode {
    fn name(&self) -> &'static str {
        "qwen-code"
    }

    fn default_folders(&self, environment: &Environment) -> Vec<PathBuf> {
        let home = environment.folder_or("QWEN_HOME", ".qwen");
        vec![environment.folder("QWEN_RUNTIME_DIR").unwrap_or(&home).join("projects")]
    }

    fn classify(&self, file: &Candidate<'_>) -> Option<FileKind> {
        file.stem("jsonl").and_then(as_uuid)?;
        let is_placed = ["chats", "archive"].contains(&file.folder());
        (is_placed && file.head_contains("\"parentUuid\""))
            .then_some(FileKind::Log(Encoding::Lines))
    }

    fn identify(&self, file: &Candidate<'_>, first: &LogEntry) -> Identity {
        let named = file.stem("jsonl").and_then(as_uuid);
        let id = named.unwrap_or_else(|| derived_id(self.name(), first.as_json()));
        Identity::new(id, id)
    }

    fn recognize(&self, first: &[LogEntry]) -> bool {
        first.iter().any(|entry| {
            let value = value_of(entry);
            value.get("parentUuid").is_some() && value["message"]["parts"].is_array()
        })
    }

    fn describe(&self, entry: &LogEntry) -> Description {
        let value = value_of(entry);
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        let parts = &value["message"]["parts"];
        let result = parts.as_array().into_iter().flatten().find_map(result_text);
        let title = value["systemPayload"]["customTitle"].as_str().map(str::to_owned);
        Description {
            time: value.get("timestamp").and_then(time_in),
            role: value["type"].as_str().and_then(Role::of),
            title,
            text: text_of(parts).or(result),
            tool_calls: tool_calls(parts),
            id: text("uuid"),
            parent: text("parentUuid"),
        }
    }
}

/// Returns the output of a function, if the part is the response of a function.
fn result_text(part: &Value) -> Option<String> {
    let response = &part["functionResponse"]["response"];
    let output = response["output"].as_str().or_else(|| response["error"].as_str());
    output.map(str::to_owned)
}
