//! Two sample conversations with the records of an agent runtime. One conversation has a fork and a
//! compaction.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use session_store::{Pod, PodName, SegmentId, SessionId, Store, StoreError, StoreExt, TraceEntry};

/// The sessions that were created.
pub(crate) struct Sessions {
    sessions: usize,
    segments: usize,
    entries: usize,
    pub(crate) session_id: SessionId,
    /// The first segment of the session, which has the trace. The other segments descend from this
    /// segment.
    pub(crate) root: SegmentId,
    pub(crate) pod: PodName,
}

impl fmt::Display for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sessions, segments, entries, pod, .. } = self;
        write!(
            f,
            "Created {sessions} sessions with {segments} segments and {entries} entries, one trace, "
        )?;
        write!(f, "and the pod \"{pod}\"")
    }
}

/// Creates the sessions in an empty store, entry by entry.
pub(crate) fn create_sessions(store: &dyn Store) -> Result<Sessions, StoreError> {
    let mut writer = Writer { store, entries: 0, segments: 0 };
    let short = SessionId::new();
    writer.segment(short, &short_conversation())?;

    let session_id = SessionId::new();
    let root = writer.segment(session_id, &conversation())?;
    writer.segment(session_id, &fork(root))?;
    let compacted = writer.segment(session_id, &compaction(root))?;
    writer.trace(session_id, root)?;
    let pod: PodName = "coder".parse()?;
    if let Some(pods) = store.pods() {
        pods.put_pod(&pod, &Pod::new(session_id, Some(compacted)))?;
    }
    let Writer { entries, segments, .. } = writer;
    Ok(Sessions { sessions: 2, segments, entries, session_id, root, pod })
}

/// The kind and the other fields of a record.
type Fields = (&'static str, Value);

struct Writer<'a> {
    store: &'a dyn Store,
    entries: usize,
    segments: usize,
}

impl Writer<'_> {
    fn segment(&mut self, session: SessionId, log: &[Fields]) -> Result<SegmentId, StoreError> {
        let segment = SegmentId::new();
        for (kind, fields) in log {
            let ts = Timestamp::now().as_millisecond();
            self.store.append_value(session, segment, &Record { kind, ts, fields })?;
        }
        self.segments += 1;
        self.entries += log.len();
        Ok(segment)
    }

    fn trace(&self, session: SessionId, segment: SegmentId) -> Result<(), StoreError> {
        for (event, ms) in [("request_sent", 0), ("first_token", 412), ("stream_ended", 2_937)] {
            let entry = TraceEntry::encode(&json!({"event": event, "ms": ms}))?;
            self.store.append_trace(session, segment, &entry)?;
        }
        Ok(())
    }
}

/// A record of a conversation, in the form in which an agent runtime writes it.
#[derive(Serialize)]
struct Record<'a> {
    kind: &'a str,
    ts: i64,
    #[serde(flatten)]
    fields: &'a Value,
}

fn short_conversation() -> Vec<Fields> {
    vec![
        ("segment_start", json!({"system_prompt": "You are a helpful assistant."})),
        ("user_input", json!({"text": "Good morning! 今日は何をしましょうか。"})),
        ("assistant_item", json!({"text": "おはようございます。まずテストを見てみましょう。"})),
        ("turn_end", json!({"turn_index": 0})),
        ("run_completed", json!({})),
    ]
}

fn conversation() -> Vec<Fields> {
    vec![
        ("segment_start", json!({"system_prompt": "You are a careful programmer."})),
        ("user_input", json!({"text": "The test parses_leap_seconds fails. Why?"})),
        (
            "assistant_item",
            json!({"tool_call": {"id": "t1", "name": "run", "input": {"cmd": "cargo test parses_leap_seconds"}}}),
        ),
        (
            "tool_result",
            json!({"tool_call_id": "t1", "output": "assertion failed: left: 59, right: 60"}),
        ),
        ("assistant_item", json!({"text": "The parser clamps the seconds to 59."})),
        ("llm_usage", json!({"input_tokens": 1_204, "output_tokens": 61})),
        ("turn_end", json!({"turn_index": 0})),
        ("user_input", json!({"text": "Allow 60 then."})),
        (
            "assistant_item",
            json!({"text": "Done: 60 is accepted, 61 is refused. The test passes."}),
        ),
        ("turn_end", json!({"turn_index": 1})),
        ("run_completed", json!({})),
    ]
}

fn fork(root: SegmentId) -> Vec<Fields> {
    vec![
        ("segment_start", json!({"forked_from": {"segment_id": root, "at_turn_index": 1}})),
        ("user_input", json!({"text": "No: refuse leap seconds, and say so in the error."})),
        (
            "assistant_item",
            json!({"text": "Done: \"leap seconds are not supported\", with the position."}),
        ),
        ("turn_end", json!({"turn_index": 1})),
        ("run_completed", json!({})),
    ]
}

fn compaction(root: SegmentId) -> Vec<Fields> {
    vec![
        (
            "segment_start",
            json!({"compacted_from": {"segment_id": root, "at_turn_index": 2},
               "history": [{"role": "user", "text": "Summary: the parser now accepts a 60th second."}]}),
        ),
        ("user_input", json!({"text": "Add it to the changelog."})),
        ("assistant_item", json!({"text": "Added under \"Fixed\"."})),
        ("turn_end", json!({"turn_index": 2})),
        ("run_completed", json!({})),
    ]
}
