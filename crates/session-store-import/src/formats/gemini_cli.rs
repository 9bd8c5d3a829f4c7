//! Gemini CLI: `tmp/PROJECT/chats/session-TIME-ID.json`, and `.jsonl` in newer versions.

use std::path::PathBuf;

use serde_json::Value;
use session_store_core::{LogEntry, StoreError};

use super::blocks::text_of;
use crate::candidate::Candidate;
use crate::description::{Description, Role, ToolCall};
use crate::document;
use crate::environment::Environment;
use crate::format::{Encoding, FileKind, Format};
use crate::identity::{Identity, Origin, as_uuid, derived_id};
use crate::time::time_in;
use crate::value::value_of;

/// The logs of Gemini CLI.
///
/// ```text
/// ~/.gemini/tmp/{project}/chats/session-{time}-{short id}.jsonl    header, messages and updates
/// ~/.gemini/tmp/{project}/chats/{session}/{id}.jsonl               the log of a subagent
/// ~/.gemini/tmp/{project}/chats/session-{time}-{short id}.json     old: one document
/// ```
///
/// The header contains the id of the session. The segment of a log of lines has the same id. The
/// segment id of a document is derived, because one session can have a document and a log of lines:
/// an old version of the program began the session, and a newer version continued it.
///
/// The program changes messages of a document after it has written them, for example to add the
/// result of a tool. The first entry of a document is its header, without the fields that change
/// with every message. The other entries are the messages.
#[derive(Clone, Copy, Debug)]
pub struct GeminiCli;

impl Format for GeminiCli {
    fn name(&self) -> &'static str {
        "gemini-cli"
    }

    fn default_folders(&self, environment: &Environment) -> Vec<PathBuf> {
        let home = environment.folder("GEMINI_CLI_HOME").unwrap_or(environment.home());
        vec![home.join(".gemini/tmp")]
    }

    fn classify(&self, file: &Candidate<'_>) -> Option<FileKind> {
        let has_header = file.head_contains("\"sessionId\"") && file.head_contains("\"startTime\"");
        let is_ours = file.is_below("chats") || file.head_contains("\"projectHash\"");
        if is_ours && has_header {
            let encoding =
                if file.stem("jsonl").is_some() { Encoding::Lines } else { Encoding::Document };
            let is_log = encoding == Encoding::Lines || file.stem("json").is_some();
            return is_log.then_some(FileKind::Log(encoding));
        }
        if file.name() == "logs.json" && file.head_contains("\"messageId\"") {
            return Some(FileKind::Companion("prompt histories"));
        }
        let is_checkpoint = file.stem("json").is_some_and(|stem| stem.starts_with("checkpoint"));
        (is_checkpoint && file.is_below(".gemini"))
            .then_some(FileKind::Companion("saved checkpoints"))
    }

    fn identify(&self, file: &Candidate<'_>, first: &LogEntry) -> Identity {
        let header: Value = first.decode().unwrap_or_default();
        let id = header["sessionId"].as_str().unwrap_or(file.name());
        let own = as_uuid(id).unwrap_or_else(|| derived_id(self.name(), id));
        if file.stem("jsonl").is_none() {
            return Identity::new(own, derived_id(self.name(), &format!("{own}.json")));
        }
        match as_uuid(file.folder()) {
            Some(parent) => Identity::new(parent, own).forked_from(Origin::new(parent, parent)),
            None => Identity::new(own, own),
        }
    }

    fn split(&self, document: &str) -> Result<Vec<LogEntry>, StoreError> {
        document::header_and_messages(document, &["lastUpdated"])
    }

    fn rewrites(&self) -> bool {
        true
    }

    fn recognize(&self, first: &[LogEntry]) -> bool {
        first.iter().any(|entry| {
            let value = value_of(entry);
            value["projectHash"].is_string() || value["type"] == "gemini"
        })
    }

    fn describe(&self, entry: &LogEntry) -> Description {
        let value = value_of(entry);
        let role = match value["type"].as_str() {
            Some("user") => Some(Role::User),
            Some("gemini") => Some(Role::Assistant),
            Some("info" | "warning" | "error") => Some(Role::System),
            _ => None,
        };
        let calls = value["toolCalls"].as_array().into_iter().flatten();
        let summary = value["summary"].as_str().or_else(|| value["$set"]["summary"].as_str());
        Description {
            time: ["timestamp", "startTime"].iter().find_map(|name| time_in(value.get(*name)?)),
            role,
            title: summary.map(str::to_owned),
            text: text_of(&value["content"]).filter(|text| !text.is_empty()),
            tool_calls: calls.filter_map(tool_call).collect(),
            id: value["id"].as_str().map(str::to_owned),
            parent: None,
        }
    }
}

fn tool_call(call: &Value) -> Option<ToolCall> {
    let name = call["name"].as_str()?.to_owned();
    Some(ToolCall { name, input: call["args"].to_string() })
}
