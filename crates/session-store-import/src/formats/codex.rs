//! Codex: `sessions/YYYY/MM/DD/rollout-TIME-THREAD.jsonl`.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use session_store_core::{LogEntry, StoreError};
use uuid::Uuid;

use crate::candidate::Candidate;
use crate::description::{Description, Role, ToolCall};
use crate::document;
use crate::environment::Environment;
use crate::format::{Encoding, FileKind, Format};
use crate::identity::{Identity, Origin, as_uuid, derived_id, uuids_in};
use crate::time::time_in;
use crate::value::value_of;

/// The logs of Codex. Codex calls a log a rollout.
///
/// ```text
/// sessions/YYYY/MM/DD/rollout-{time}-{thread}.jsonl              the first log of a thread
/// sessions/YYYY/MM/DD/rollout-{time}-{thread}_{segment}.jsonl    the thread after it was resumed
/// archived_sessions/rollout-….jsonl.zst                          older logs
/// sessions/rollout-{time}-{thread}.json                          the first versions: one document
/// ```
///
/// Each thread becomes a session. The first log of a thread becomes the segment with the id of the
/// thread.
#[derive(Clone, Copy, Debug)]
pub struct Codex;

impl Format for Codex {
    fn name(&self) -> &'static str {
        "codex"
    }

    fn default_folders(&self, environment: &Environment) -> Vec<PathBuf> {
        let home = environment.folder_or("CODEX_HOME", ".codex");
        vec![home.join("sessions"), home.join("archived_sessions")]
    }

    fn classify(&self, file: &Candidate<'_>) -> Option<FileKind> {
        if let Some(stem) = file.stem("jsonl") {
            return match stem {
                "history" if file.head_contains("\"session_id\"") => {
                    Some(FileKind::Companion("prompt histories"))
                }
                "session_index" => Some(FileKind::Companion("indexes of sessions")),
                _ if stem.starts_with("rollout-") => Some(FileKind::Log(Encoding::Lines)),
                _ => None,
            };
        }
        let is_document = file.stem("json").is_some_and(|stem| stem.starts_with("rollout-"))
            && file.head_contains("\"session\"");
        is_document.then_some(FileKind::Log(Encoding::Document))
    }

    fn identify(&self, file: &Candidate<'_>, first: &LogEntry) -> Identity {
        let value: Value = first.decode().unwrap_or_default();
        let meta = value.get("payload").unwrap_or(&value);
        let field = |value: &Value| as_uuid(value.as_str()?);
        let mut ids = uuids_in(file.name());
        let (first_id, last_id) = (ids.next(), ids.last());
        let named = first_id.or_else(|| field(&meta["id"]));
        let segment = last_id.or(named);
        let segment = segment.unwrap_or_else(|| derived_id(self.name(), first.as_json()));
        // The name of an old log contains only one id, that of the log. The id of the thread is
        // then in the first entry, and is usually the same.
        let thread = match last_id {
            Some(_) => named,
            None => field(&meta["id"]).or(named),
        };
        let thread = thread.unwrap_or(segment);
        Identity::new(thread, segment).forked_from(origin(meta, thread))
    }

    /// Returns the description of the session, followed by the items.
    fn split(&self, document: &str) -> Result<Vec<LogEntry>, StoreError> {
        #[derive(Deserialize)]
        struct Rollout<'a> {
            #[serde(borrow)]
            session: &'a RawValue,
            #[serde(borrow)]
            items: Vec<&'a RawValue>,
        }
        let Rollout { session, items } = serde_json::from_str(document)?;
        document::entries(&[&[session], &items[..]].concat())
    }

    fn recognize(&self, first: &[LogEntry]) -> bool {
        const TYPES: [&str; 4] = ["session_meta", "response_item", "event_msg", "turn_context"];
        first.iter().any(|entry| {
            let value = value_of(entry);
            value["payload"].is_object()
                && value["type"].as_str().is_some_and(|kind| TYPES.contains(&kind))
        })
    }

    fn describe(&self, entry: &LogEntry) -> Description {
        let value = value_of(entry);
        // In the first versions, an entry has no payload.
        let item = value.get("payload").unwrap_or(&value);
        let is_event = value["type"] == "event_msg";
        let text = |name: &str| item[name].as_str().map(str::to_owned);
        let described = Description {
            time: value.get("timestamp").and_then(time_in),
            id: text("id"),
            ..Description::default()
        };
        match item["type"].as_str() {
            // The text of an event is not returned, because the log also contains this text as an
            // item.
            _ if is_event => match item["type"].as_str() {
                Some("thread_name_updated") => {
                    Description { title: text("thread_name"), ..described }
                }
                _ => described,
            },
            Some("message") => Description {
                role: item["role"].as_str().and_then(Role::of),
                text: content_text(&item["content"]),
                ..described
            },
            Some("function_call" | "custom_tool_call") => Description {
                role: Some(Role::Assistant),
                tool_calls: tool_call(item, &["arguments", "input"]),
                ..described
            },
            Some("local_shell_call") => Description {
                role: Some(Role::Assistant),
                tool_calls: vec![ToolCall {
                    name: "shell".to_owned(),
                    input: item["action"].to_string(),
                }],
                ..described
            },
            Some("function_call_output" | "custom_tool_call_output") => Description {
                role: Some(Role::Tool),
                text: output_text(&item["output"]),
                ..described
            },
            _ => described,
        }
    }
}

/// Returns the origin that the description of a session names. The origin is the first of these
/// that exists: the log that the session continues, the thread that was forked, or the parent
/// thread of a subagent.
fn origin(meta: &Value, thread: Uuid) -> Option<Origin> {
    let field = |value: &Value| as_uuid(value.as_str()?);
    let base = &meta["history_base"];
    let parent = field(&meta["forked_from_id"])
        .or_else(|| field(&meta["source"]["subagent"]["thread_spawn"]["parent_thread_id"]));
    let Some(segment) = field(&base["thread_id"]) else {
        let parent = parent?;
        return Some(Origin::new(parent, parent));
    };
    let session = parent.filter(|_| segment != thread).unwrap_or(thread);
    let last = base["end_ordinal_exclusive"].as_u64().and_then(|end| end.checked_sub(1));
    Some(Origin { entry: last.map(|last| last.to_string()), ..Origin::new(session, segment) })
}

fn tool_call(item: &Value, arguments: &[&str]) -> Vec<ToolCall> {
    let input = arguments.iter().find_map(|name| item[*name].as_str()).unwrap_or_default();
    let name = item["name"].as_str().map(str::to_owned);
    name.map(|name| ToolCall { name, input: input.to_owned() }).into_iter().collect()
}

/// Returns the texts of the parts of a message.
fn content_text(content: &Value) -> Option<String> {
    let parts = content.as_array()?;
    let texts: Vec<_> = parts.iter().filter_map(|part| part["text"].as_str()).collect();
    (!texts.is_empty()).then(|| texts.join("\n"))
}

/// Returns the output of a tool. Some outputs are a text that contains JSON with a field `output`.
fn output_text(output: &Value) -> Option<String> {
    let Some(text) = output.as_str() else { return content_text(output) };
    let inner: Value = serde_json::from_str(text).unwrap_or_default();
    Some(inner["output"].as_str().unwrap_or(text).to_owned())
}
