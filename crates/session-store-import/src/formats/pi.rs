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
use crate::value::value_of;

/// The logs of the coding agent pi.
///
/// ```text
/// ~/.pi/agent/sessions/--{project}--/{time}_{session}.jsonl
/// ```
///
/// The first entry of a log is the header of the session. A log is one session with one segment,
/// and both have the id from the header. An id that is not a UUID was chosen by the user. Session
/// and segment then have an id that is derived from the user's id alone, because the program can
/// change the rest of the header. The header of a forked session names the file of the parent
/// session.
#[derive(Clone, Copy, Debug)]
pub struct Pi;

/// The logs of OpenClaw. The entries have the same form as the entries of pi.
///
/// ```text
/// ~/.openclaw/agents/{agent}/sessions/{session}.jsonl
/// ~/.openclaw/agents/{agent}/sessions/{session}-topic-{thread}.jsonl
/// ~/.openclaw/agents/{agent}/sessions/{session}.jsonl.reset.{time}
/// ~/.openclaw/agents/{agent}/sessions/{session}.checkpoint.{id}.jsonl    before a compaction
/// ~/.openclaw/agents/{agent}/sessions/{session}.trajectory.jsonl         the events of its runs
/// ```
///
/// A log that was reset or deleted keeps its ids. A checkpoint is a segment with its own id. The
/// segment id of a topic or a trajectory is derived from the name of the file.
#[derive(Clone, Copy, Debug)]
pub struct OpenClaw;

/// The end of the name of a trajectory.
const TRAJECTORY: &str = ".trajectory";

/// The folders of OpenClaw, under its present and its earlier names.
const OPENCLAW: [&str; 3] = [".openclaw", ".moltbot", ".clawdbot"];

impl Format for Pi {
    fn name(&self) -> &'static str {
        "pi"
    }

    fn default_folders(&self, environment: &Environment) -> Vec<PathBuf> {
        let usual = environment.folder_or("PI_CODING_AGENT_DIR", ".pi/agent").join("sessions");
        vec![environment.folder("PI_CODING_AGENT_SESSION_DIR").map_or(usual, Into::into)]
    }

    fn classify(&self, file: &Candidate<'_>) -> Option<FileKind> {
        file.stem("jsonl")?;
        is_header(file).then_some(FileKind::Log(Encoding::Lines))
    }

    fn identify(&self, file: &Candidate<'_>, first: &LogEntry) -> Identity {
        let header: Value = first.decode().unwrap_or_default();
        let own = header["id"].as_str().filter(|id| !id.is_empty());
        let named = own.and_then(as_uuid).or_else(|| uuids_in(file.name()).last());
        let id = named
            .unwrap_or_else(|| derived_id(self.name(), own.unwrap_or_else(|| first.as_json())));
        Identity::new(id, id).forked_from(parent_of(&header))
    }

    /// The program upgrades the header of a log in place.
    fn rewrites(&self) -> bool {
        true
    }

    fn recognize(&self, first: &[LogEntry]) -> bool {
        let is_header = |header: &Value| header["type"] == "session" && header["cwd"].is_string();
        first.first().is_some_and(|first| is_header(&value_of(first)))
    }

    fn describe(&self, entry: &LogEntry) -> Description {
        let value = value_of(entry);
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
        let is_placed = file.folder() == "sessions" && file.is_below("agents");
        let is_below_ours = OPENCLAW.iter().any(|name| file.is_below(name));
        if is_placed && is_below_ours && file.name() == "sessions.json" {
            return Some(FileKind::Companion("indexes of sessions"));
        }
        let stem = log_stem(file.name())?;
        // If a log was copied out of OpenClaw's folders, the copy must have the same ids as the
        // log. So the copy is recognized by its name. If the copy has the plain name
        // `{session}.jsonl`, the format of pi recognizes it instead, and returns the same ids.
        let has_own_name = uuids_in(stem).next().is_some_and(|id| is_session(stem, id))
            && (as_uuid(stem).is_none() || file.stem("jsonl").is_none());
        let is_ours = is_placed && is_below_ours
            || is_header(file) && (is_placed || has_own_name)
            || has_own_name && stem.ends_with(TRAJECTORY);
        is_ours.then_some(FileKind::Log(Encoding::Lines))
    }

    fn identify(&self, file: &Candidate<'_>, first: &LogEntry) -> Identity {
        let stem = log_stem(file.name()).unwrap_or(file.name());
        let header: Value = first.decode().unwrap_or_default();
        let named = uuids_in(stem).next().or_else(|| as_uuid(header["id"].as_str()?));
        let session = named.unwrap_or_else(|| derived_id(self.name(), stem));
        let last = uuids_in(stem).last().filter(|last| *last != session);
        let has_suffix = stem.contains("-topic-") || stem.ends_with(TRAJECTORY);
        let segment = match last {
            _ if has_suffix => derived_id(self.name(), stem),
            Some(last) => last,
            None => session,
        };
        let checkpoint = last.map(|_| Origin::new(session, session));
        Identity::new(session, segment).forked_from(checkpoint.or_else(|| parent_of(&header)))
    }

    fn rewrites(&self) -> bool {
        true
    }

    /// Returns false, because a stored log of OpenClaw is recognized as a log of pi.
    fn recognize(&self, _first: &[LogEntry]) -> bool {
        false
    }

    fn describe(&self, entry: &LogEntry) -> Description {
        Pi.describe(entry)
    }
}

/// Returns whether the name of a log begins with the id of its session.
fn is_session(stem: &str, id: Uuid) -> bool {
    stem.get(..36).and_then(as_uuid) == Some(id)
}

/// Returns whether the file begins with the header of a session.
fn is_header(file: &Candidate<'_>) -> bool {
    let line = file.head().split(|&byte| byte == b'\n').next().unwrap_or_default();
    let has = |text: &str| line.windows(text.len()).any(|window| window == text.as_bytes());
    (has(r#""type":"session""#) || has(r#""type": "session""#)) && has("\"cwd\"")
}

/// Returns the name of a log without the ending `.jsonl`. Also removes the ending that the program
/// adds when it resets or deletes the log.
fn log_stem(name: &str) -> Option<&str> {
    let (stem, ending) = name.split_once(".jsonl")?;
    let is_kept = ["", ".reset.", ".deleted."].iter().any(|kept| match *kept {
        "" => ending.is_empty(),
        kept => ending.starts_with(kept),
    });
    is_kept.then_some(stem)
}

/// Returns the log of the parent session. The header names the file of this log, and the name of
/// the file contains the id.
fn parent_of(header: &Value) -> Option<Origin> {
    let path = header["parentSession"].as_str().or_else(|| header["branchedFrom"].as_str())?;
    let parent: Uuid = uuids_in(path).last()?;
    Some(Origin::new(parent, parent))
}
