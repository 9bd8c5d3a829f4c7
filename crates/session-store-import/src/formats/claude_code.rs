//! Claude Code: `projects/PROJECT/SESSION.jsonl`, and the logs of subagents.

use std::path::PathBuf;

use serde_json::Value;
use session_store_core::LogEntry;
use uuid::Uuid;

use super::any::session_in;
use super::blocks::{has_result, text_of, tool_calls};
use crate::candidate::Candidate;
use crate::description::{Description, Role};
use crate::environment::Environment;
use crate::format::{Encoding, FileKind, Format};
use crate::identity::{Identity, Origin, as_uuid, derived_id, uuids_in};
use crate::time::time_in;
use crate::value::value_of;

/// The logs of Claude Code.
///
/// ```text
/// projects/{project}/{session}.jsonl                            the main log of a session
/// projects/{project}/{session}/subagents/agent-{id}.jsonl       the log of a subagent
/// projects/{project}/{session}/subagents/workflows/…/*.jsonl    logs of workflows, at any depth
/// projects/{project}/agent-{id}.jsonl                           a subagent, in old versions
/// ```
///
/// The main log of a session is the segment with the id of the session. The id of any other segment
/// is derived from the session and from the path of the file below `subagents`. In the layout of
/// old versions, the path of a subagent's log does not contain the session. The session is then
/// read from the first entry of the log.
#[derive(Clone, Copy, Debug)]
pub struct ClaudeCode;

impl Format for ClaudeCode {
    fn name(&self) -> &'static str {
        "claude-code"
    }

    fn default_folders(&self, environment: &Environment) -> Vec<PathBuf> {
        let configured = environment.folder_or("CLAUDE_CONFIG_DIR", ".claude");
        vec![configured.join("projects"), environment.home().join(".config/claude/projects")]
    }

    fn classify(&self, file: &Candidate<'_>) -> Option<FileKind> {
        if subagent_path(file).is_some() {
            return Some(match file.stem("jsonl") {
                Some(_) => FileKind::Log(Encoding::Lines),
                None => FileKind::Companion("descriptions of subagents"),
            });
        }
        if file.is_below("tool-results")
            && file.folders().iter().any(|name| as_uuid(name).is_some())
        {
            return Some(FileKind::Companion("results of tools"));
        }
        if file.name() == "sessions-index.json" {
            return Some(FileKind::Companion("indexes of sessions"));
        }
        let stem = file.stem("jsonl")?;
        if stem == "history" && file.head_contains("\"display\"") {
            return Some(FileKind::Companion("prompt histories"));
        }
        let is_named = as_uuid(stem).is_some() || stem.starts_with("agent-");
        let is_written = MARKS.iter().any(|mark| file.head_contains(mark));
        (is_named && is_written).then_some(FileKind::Log(Encoding::Lines))
    }

    fn identify(&self, file: &Candidate<'_>, first: &LogEntry) -> Identity {
        let subagent = |session: Uuid, path: &str| {
            let segment = derived_id(self.name(), &format!("{session}/{path}"));
            Identity::new(session, segment).forked_from(Origin::new(session, session))
        };
        if let Some((session, path)) = subagent_path(file) {
            return subagent(session, &path);
        }
        if let Some(session) = uuids_in(file.name()).next() {
            return Identity::new(session, session).forked_from(fork_origin(first));
        }
        let session = session_in(first);
        let session = session.unwrap_or_else(|| derived_id(self.name(), first.as_json()));
        match subagent_name(file, first) {
            Some(name) => subagent(session, &name),
            None => Identity::new(session, session).forked_from(fork_origin(first)),
        }
    }

    fn recognize(&self, first: &[LogEntry]) -> bool {
        first.iter().any(|entry| {
            let value = value_of(entry);
            let has = |name| value.get(name).is_some();
            has("parentUuid") || has("leafUuid") || has("messageId") && has("snapshot")
        })
    }

    fn describe(&self, entry: &LogEntry) -> Description {
        let value = value_of(entry);
        let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let content = &value["message"]["content"];
        let role = value["message"]["role"].as_str().or_else(|| value["type"].as_str());
        Description {
            time: value.get("timestamp").and_then(time_in),
            role: if has_result(content) { Some(Role::Tool) } else { role.and_then(Role::of) },
            title: text("customTitle").or_else(|| text("aiTitle")).or_else(|| text("summary")),
            text: text_of(content),
            tool_calls: tool_calls(content),
            id: text("uuid"),
            parent: text("parentUuid"),
        }
    }
}

/// Texts that occur in the first lines of the logs of Claude Code.
const MARKS: [&str; 5] =
    ["\"parentUuid\"", "\"leafUuid\"", "\"isSidechain\"", "\"sessionId\"", "\"snapshot\""];

/// Returns the session, and the path of the file below `{session}/subagents`, if the file is in
/// such a folder. If several such folders are above the file, uses the nearest one.
fn subagent_path(file: &Candidate<'_>) -> Option<(Uuid, String)> {
    let folders = file.folders();
    let at = (1..folders.len())
        .rev()
        .find(|&at| folders[at] == "subagents" && as_uuid(&folders[at - 1]).is_some())?;
    let below = folders[at + 1..].iter().map(String::as_str).chain([file.name()]);
    Some((as_uuid(&folders[at - 1])?, below.collect::<Vec<_>>().join("/")))
}

/// Returns the name of a subagent's log in the layout of old versions, in which the log is not
/// below the folder of its session. Returns `None` for a main log.
fn subagent_name(file: &Candidate<'_>, first: &LogEntry) -> Option<String> {
    if file.name().starts_with("agent-") {
        return Some(file.name().to_owned());
    }
    let value: Value = first.decode().ok()?;
    let agent = value["agentId"].as_str().filter(|_| value["isSidechain"] == true)?;
    Some(format!("agent-{agent}.jsonl"))
}

/// Returns the origin that the first entry of a forked session names.
fn fork_origin(first: &LogEntry) -> Option<Origin> {
    let value: Value = first.decode().ok()?;
    let origin = value.get("forkedFrom")?;
    let session = as_uuid(origin["sessionId"].as_str()?)?;
    let entry = origin["messageUuid"].as_str().map(str::to_owned);
    Some(Origin { entry, ..Origin::new(session, session) })
}
