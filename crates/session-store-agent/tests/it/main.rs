//! Tests of the public interface. Some tests use several writers, stores that fail, or stores that
//! return an error after a successful append.

#[cfg(feature = "async")]
mod async_writer;
mod branch;
mod child_writer;
mod faulty_store;
#[cfg(feature = "async")]
mod gated_store;
mod interleavings;
mod lost_replies;
mod pods;
mod processes;
#[cfg(feature = "redact")]
mod redact;
mod replay;
mod tree;
mod writer;

use session_store_agent::{Kind, Origin, Record};
use session_store_core::{LogEntry, SegmentId, SessionId, Store, StoreError};

fn entry(text: &str) -> LogEntry {
    LogEntry::from_json(text).unwrap()
}

/// Returns one entry for each name. The entry contains the name.
fn named(names: &[&str]) -> Vec<LogEntry> {
    names.iter().map(|name| entry(&format!("{{\"name\":\"{name}\"}}"))).collect()
}

fn record(kind: Kind, payload: &serde_json::Value) -> LogEntry {
    Record::at(1, kind, payload).unwrap().into_entry()
}

fn turn_end() -> LogEntry {
    record(Kind::TurnEnd, &serde_json::json!({}))
}

/// Returns the texts of a segment's entries.
fn texts(store: &dyn Store, session: SessionId, segment: SegmentId) -> Vec<String> {
    let entries = store.read_all(session, segment).unwrap();
    entries.iter().map(|entry| entry.as_json().to_owned()).collect()
}

/// Returns the first entries of a fork, which name the origin of the fork and contain no state.
fn bare_fork(from: Origin) -> Result<Vec<LogEntry>, StoreError> {
    let start = Record::at(1, Kind::SegmentStart, &serde_json::json!({"forked_from": from}))?;
    Ok(vec![start.into_entry()])
}
