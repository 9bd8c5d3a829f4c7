//! Copilot CLI: `session-state/SESSION/events.jsonl`.

use std::path::PathBuf;

use serde_json::Value;
use session_store_core::LogEntry;

use crate::candidate::Candidate;
use crate::description::{Description, Role, ToolCall};
use crate::environment::Environment;
use crate::format::{Encoding, FileKind, Format};
use crate::identity::{Identity, as_uuid, derived_id};
use crate::time::time_in;
use crate::value::value_of;

/// The logs of Copilot CLI.
///
/// ```text
/// ~/.copilot/session-state/{session}/events.jsonl    the events of a session
/// ~/.copilot/session-state/{session}.jsonl           in old versions
/// ```
///
/// The name of the folder or of the file contains the id of the session. If the name of the file
/// contains this id, the segment has the same id. The segment id of an `events.jsonl` is derived
/// from the id of the session.
#[derive(Clone, Copy, Debug)]
pub struct CopilotCli;

impl Format for CopilotCli {
    fn name(&self) -> &'static str {
        "copilot-cli"
    }

    fn default_folders(&self, environment: &Environment) -> Vec<PathBuf> {
        vec![environment.folder_or("COPILOT_HOME", ".copilot").join("session-state")]
    }

    fn classify(&self, file: &Candidate<'_>) -> Option<FileKind> {
        let is_in_session = as_uuid(file.folder()).is_some() && file.is_below("session-state");
        if file.name() == "events.jsonl" {
            let is_log = is_in_session || file.head_contains("\"session.start\"");
            return is_log.then_some(FileKind::Log(Encoding::Lines));
        }
        if is_in_session {
            return Some(FileKind::Companion("files of sessions"));
        }
        let is_old =
            file.stem("jsonl").and_then(as_uuid).is_some() && file.folder() == "session-state";
        is_old.then_some(FileKind::Log(Encoding::Lines))
    }

    fn identify(&self, file: &Candidate<'_>, first: &LogEntry) -> Identity {
        if let Some(id) = file.stem("jsonl").and_then(as_uuid) {
            return Identity::new(id, id);
        }
        let start: Value = first.decode().unwrap_or_default();
        let session = as_uuid(file.folder())
            .or_else(|| as_uuid(start["data"]["sessionId"].as_str()?))
            .unwrap_or_else(|| derived_id(self.name(), first.as_json()));
        Identity::new(session, derived_id(self.name(), &format!("{session}/{}", file.name())))
    }

    fn recognize(&self, first: &[LogEntry]) -> bool {
        const TYPES: [&str; 4] =
            ["session.start", "session.resume", "user.message", "assistant.message"];
        first.iter().any(|entry| {
            let value = value_of(entry);
            value["data"].is_object()
                && value["type"].as_str().is_some_and(|kind| TYPES.contains(&kind))
        })
    }

    fn describe(&self, entry: &LogEntry) -> Description {
        let value = value_of(entry);
        let data = &value["data"];
        let text = |value: &Value, name: &str| value[name].as_str().map(str::to_owned);
        let described = Description {
            time: value.get("timestamp").and_then(time_in),
            id: text(&value, "id"),
            parent: text(&value, "parentId"),
            ..Description::default()
        };
        let said = |role, text| Description { role: Some(role), text, ..described.clone() };
        match value["type"].as_str() {
            Some("user.message") => said(Role::User, text(data, "content")),
            Some("system.message") => said(Role::System, text(data, "content")),
            Some("tool.execution_complete") => said(Role::Tool, text(&data["result"], "content")),
            Some("session.title_changed") => {
                Description { title: text(data, "title"), ..described }
            }
            Some("assistant.message") => {
                let content = text(data, "content").filter(|content| !content.is_empty());
                let calls = data["toolRequests"].as_array().into_iter().flatten();
                let calls = calls.filter_map(tool_call).collect();
                Description { tool_calls: calls, ..said(Role::Assistant, content) }
            }
            _ => described,
        }
    }
}

fn tool_call(request: &Value) -> Option<ToolCall> {
    let name = request["name"].as_str()?.to_owned();
    Some(ToolCall { name, input: request["arguments"].to_string() })
}
