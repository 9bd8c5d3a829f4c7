//! pi, and OpenClaw, which is built on pi: `sessions/…/TIME_SESSION.jsonl`.

use std::path::PathBuf;

use serde_json::Value;
use session_store_core::LogEntry;
use uuid::Uuid;

use super::blocks::{text_of, tool_calls};
use crate::candidate::Candidate;
use crate::description::{Description, Role};
use crate::environment::Environment;
use crate::format::{Encoding, FileKind, Format};
use crate::identity::{Identity, Origin, as_uuid, derived_id, uuids_in};
use crate::time::time_in;

/// The logs of the coding agent pi.
///
/// ```text
/// ~/.pi/agent/sessions/--{project}--/{time}_{session}.jsonl
/// ```
///
/// The first entry of a log is the header of the session. A log is one session with one segment,
/// and both have the id in the header. A forked session names the file of its parent.
#[derive(Clone, Copy, Debug)]
pub struct Pi;

/// The logs of OpenClaw. Its entries are those of pi.
///
/// ```text
/// ~/.openclaw/agents/{agent}/sessions/{session}.jsonl
/// ~/.openclaw/agents/{agent}/sessions/{session}-topic-{thread}.jsonl
/// ~/.openclaw/agents/{agent}/sessions/{session}.jsonl.reset.{time}
/// ```
///
/// A log that was reset or deleted keeps its ids. The segment of a topic is derived from the name
/// of the file.
#[derive(Clone, Copy, Debug)]
pub struct OpenClaw;

/// The folders of OpenClaw, under its present and its earlier names.
const OPENCLAW: [&str; 3] = [".openclaw", ".moltbot", ".clawdbot"];

impl Format for Pi {
    fn name(&self) -> &'static str {
        "pi"
    }

    fn default_folders(&self, environment: &Environment) -> Vec<PathBuf> {
        vec![environment.folder_or("PI_CODING_AGENT_DIR", ".pi/agent").join("sessions")]
    }

    fn classify(&self, file: &Candidate<'_>) -> Option<FileKind> {
        file.stem("jsonl")?;
        is_header(file).then_some(FileKind::Log(Encoding::Lines))
    }

    fn identify(&self, file: &Candidate<'_>, first: &LogEntry) -> Identity {
        let header: Value = first.decode().unwrap_or_default();
        let named =
            header["id"].as_str().and_then(as_uuid).or_else(|| uuids_in(file.name()).last());
        let id = named.unwrap_or_else(|| derived_id(self.name(), first.as_json()));
        Identity::new(id, id).forked_from(parent_of(&header))
    }

    /// The program upgrades the header of a log in its place.
    fn rewrites(&self) -> bool {
        true
    }

    fn recognize(&self, first: &[LogEntry]) -> bool {
        let is_header = |header: &Value| header["type"] == "session" && header["cwd"].is_string();
        first.first().is_some_and(|first| first.decode().is_ok_and(|header| is_header(&header)))
    }

    fn describe(&self, entry: &LogEntry) -> Description {
        let Ok(value) = entry.decode::<Value>() else { return Description::default() };
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        let described = Description {
            time: value.get("timestamp").and_then(time_in),
            id: text("id"),
            parent: text("parentId"),
            ..Description::default()
        };
        match value["type"].as_str() {
            Some("message") => {
                let message = &value["message"];
                Description {
                    role: message["role"].as_str().and_then(Role::of),
                    text: text_of(&message["content"]),
                    tool_calls: tool_calls(&message["content"]),
                    ..described
                }
            }
            Some("compaction" | "branch_summary") => {
                Description { role: Some(Role::System), text: text("summary"), ..described }
            }
            Some("session_info") => Description { title: text("name"), ..described },
            _ => described,
        }
    }
}

impl Format for OpenClaw {
    fn name(&self) -> &'static str {
        "openclaw"
    }

    fn default_folders(&self, environment: &Environment) -> Vec<PathBuf> {
        let configured =
            environment.folder("OPENCLAW_STATE_DIR").map(|folder| folder.join("agents"));
        let usual = OPENCLAW.iter().map(|name| environment.home().join(name).join("agents"));
        configured.map_or_else(|| usual.collect(), |folder| vec![folder])
    }

    fn classify(&self, file: &Candidate<'_>) -> Option<FileKind> {
        let is_ours = file.folder() == "sessions" && file.is_below("agents");
        if !is_ours || !OPENCLAW.iter().any(|name| file.is_below(name)) && !is_header(file) {
            return None;
        }
        if file.name() == "sessions.json" {
            return Some(FileKind::Companion("indexes of sessions"));
        }
        log_stem(file.name()).map(|_| FileKind::Log(Encoding::Lines))
    }

    fn identify(&self, file: &Candidate<'_>, first: &LogEntry) -> Identity {
        let stem = log_stem(file.name()).unwrap_or(file.name());
        let header: Value = first.decode().unwrap_or_default();
        let named = uuids_in(stem).next().or_else(|| as_uuid(header["id"].as_str()?));
        let session = named.unwrap_or_else(|| derived_id(self.name(), stem));
        let is_topic = stem.contains("-topic-");
        let segment = if is_topic { derived_id(self.name(), stem) } else { session };
        Identity::new(session, segment).forked_from(parent_of(&header))
    }

    fn rewrites(&self) -> bool {
        true
    }

    /// A stored log of OpenClaw is recognized as one of pi.
    fn recognize(&self, _first: &[LogEntry]) -> bool {
        false
    }

    fn describe(&self, entry: &LogEntry) -> Description {
        Pi.describe(entry)
    }
}

/// Returns whether the file begins with the header of a session.
fn is_header(file: &Candidate<'_>) -> bool {
    let line = file.head().split(|&byte| byte == b'\n').next().unwrap_or_default();
    let has = |text: &str| line.windows(text.len()).any(|window| window == text.as_bytes());
    (has(r#""type":"session""#) || has(r#""type": "session""#)) && has("\"cwd\"")
}

/// Returns the name of a log without its ending, also of one that was reset or deleted.
fn log_stem(name: &str) -> Option<&str> {
    let (stem, ending) = name.split_once(".jsonl")?;
    let is_kept = ["", ".reset.", ".deleted."].iter().any(|kept| match *kept {
        "" => ending.is_empty(),
        kept => ending.starts_with(kept),
    });
    is_kept.then_some(stem)
}

/// Returns the log of the parent session. Its file name contains its id.
fn parent_of(header: &Value) -> Option<Origin> {
    let path = header["parentSession"].as_str().or_else(|| header["branchedFrom"].as_str())?;
    let parent: Uuid = uuids_in(path).last()?;
    Some(Origin::new(parent, parent))
}
