//! The layout of this project's own file store. The layout comes from an agent program, which has a
//! newer layout today. This format reads both layouts.

use std::path::PathBuf;

use serde_json::Value;
use session_store_core::LogEntry;
use uuid::Uuid;

use crate::candidate::Candidate;
use crate::description::{Description, Role, ToolCall};
use crate::environment::Environment;
use crate::format::{Encoding, FileKind, Format};
use crate::identity::{Identity, Origin, as_uuid, derived_id};
use crate::time::time_of;
use crate::value::value_of;

/// The layout of a file store.
///
/// ```text
/// {session}/{segment}.jsonl            a log
/// {session}/{segment}.trace.jsonl      the trace of this log
/// pods/{name}/metadata.json            a pod
/// ```
///
/// The newer layout has one folder for each agent:
///
/// ```text
/// session/session.json                 the id of the session
/// session/segments/{segment}.jsonl     a log of this session
/// ```
///
/// A log and its trace can also be in any other folder, if both are in the same folder.
#[derive(Clone, Copy, Debug)]
pub struct OwnLayout;

const MANIFEST: &str = "../session.json";

impl Format for OwnLayout {
    fn name(&self) -> &'static str {
        "session-store"
    }

    /// Returns no folder, because a store has no default place.
    fn default_folders(&self, _environment: &Environment) -> Vec<PathBuf> {
        Vec::new()
    }

    fn classify(&self, file: &Candidate<'_>) -> Option<FileKind> {
        let is_in_session = as_uuid(file.folder()).is_some() || is_segments(file);
        if let Some(id) = trace_of(file) {
            let is_trace = is_in_session || file.nearby(&format!("{id}.jsonl")).is_some();
            return is_trace.then_some(FileKind::Trace);
        }
        if file.name() == "metadata.json" && file.folders().iter().rev().nth(1)? == "pods" {
            return Some(FileKind::Pod);
        }
        if file.name() == "session.json" && file.folder() == "session" {
            return Some(FileKind::Companion("descriptions of sessions"));
        }
        let id = file.stem("jsonl").and_then(as_uuid)?;
        let is_log = is_in_session || file.nearby(&format!("{id}.trace.jsonl")).is_some();
        is_log.then_some(FileKind::Log(Encoding::Lines))
    }

    fn identify(&self, file: &Candidate<'_>, first: &LogEntry) -> Identity {
        let segment = trace_of(file).or_else(|| file.stem("jsonl").and_then(as_uuid));
        let segment = segment.unwrap_or_else(|| derived_id(self.name(), first.as_json()));
        let session = as_uuid(file.folder()).or_else(|| session_of_manifest(file));
        let session = session.unwrap_or(segment);
        Identity::new(session, segment).forked_from(origin_in(session, first))
    }

    fn recognize(&self, first: &[LogEntry]) -> bool {
        const KINDS: [&str; 6] =
            ["segment_start", "invoke", "user_input", "assistant_item", "tool_result", "turn_end"];
        first.iter().any(|entry| {
            let value = value_of(entry);
            value["kind"].as_str().is_some_and(|kind| KINDS.contains(&kind))
        })
    }

    fn describe(&self, entry: &LogEntry) -> Description {
        let value = value_of(entry);
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        let kind = value["kind"].as_str().unwrap_or_default();
        let role = match kind {
            "user_input" => Some(Role::User),
            "assistant_item" => Some(Role::Assistant),
            "tool_result" => Some(Role::Tool),
            "system_item" => Some(Role::System),
            _ => None,
        };
        let tool = text("tool").or_else(|| text("name")).filter(|_| kind == "assistant_item");
        let input = ["input", "arguments"].iter().find_map(|name| value.get(name));
        let tool_call = tool
            .map(|name| ToolCall { name, input: input.map(Value::to_string).unwrap_or_default() });
        Description {
            time: time_of(entry),
            role,
            title: text("title"),
            text: text("text").or_else(|| text("content")).or_else(|| text("output")),
            tool_calls: tool_call.into_iter().collect(),
            id: text("id"),
            parent: None,
        }
    }
}

/// Returns the segment that the file name of a trace contains, or `None` if the file is not a
/// trace.
fn trace_of(file: &Candidate<'_>) -> Option<Uuid> {
    as_uuid(file.stem("jsonl")?.strip_suffix(".trace")?)
}

/// Returns whether the file is in a folder `segments` of the newer layout.
fn is_segments(file: &Candidate<'_>) -> bool {
    session_of_manifest(file).is_some()
}

/// Returns the session that is named in the file `session.json` beside the folder `segments`.
fn session_of_manifest(file: &Candidate<'_>) -> Option<Uuid> {
    if file.folder() != "segments" {
        return None;
    }
    let manifest: Value = serde_json::from_slice(&file.nearby(MANIFEST)?).ok()?;
    as_uuid(manifest["session_id"].as_str()?)
}

/// Returns the origin that the first entry names. The session of the origin is `session`, unless
/// the entry names another session.
fn origin_in(session: Uuid, first: &LogEntry) -> Option<Origin> {
    let value: Value = first.decode().ok()?;
    let origin = value.get("forked_from").or_else(|| value.get("compacted_from"))?;
    let segment = as_uuid(origin["segment_id"].as_str()?)?;
    let session = origin["session_id"].as_str().and_then(as_uuid).unwrap_or(session);
    Some(Origin::new(session, segment))
}
