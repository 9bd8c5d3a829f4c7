//! The provenance line: a line in the trace of an imported segment. It names the origin of the log.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use session_store_core::{Capability, SegmentKey, Store, StoreError, StoreExt, TraceEntry};

use crate::format::Format;
use crate::formats::OwnLayout;
use crate::identity::{Identity, Origin};
use crate::unit::Unit;

/// The kind of the line.
const KIND: &str = "import";

/// The number of bytes at the beginning of a trace in which the line is looked for.
const SEARCHED: usize = 64 * 1024;

/// Adds the line to the trace of a segment, unless the trace already has such a line. `is_new` is
/// true if this import created the segment.
///
/// A segment from the layout of the project's own file store does not get the line. The import
/// stores the trace of such a segment too. With a further line, the stored trace would differ from
/// the imported trace.
pub(crate) fn add(
    to: &dyn Store,
    key: SegmentKey,
    unit: &Unit,
    identity: &Identity,
    is_new: bool,
) -> Result<(), StoreError> {
    if unit.format.name() == OwnLayout.name() {
        return Ok(());
    }
    let has_line = match to.capabilities().has(Capability::ReadTraces) {
        true => find_line(to, key)?.is_some(),
        false => !is_new,
    };
    if has_line { Ok(()) } else { to.at(key).append_trace(&line(unit, identity)?) }
}

/// Returns the origin of an imported log, if its program recorded the origin. The origin is the log
/// from which the imported log was forked, or the log that started the imported log as a subagent.
///
/// The import stores the origin in the trace of the segment. So the result is also `None` if the
/// store cannot read traces.
///
/// # Errors
/// As [`Store::read_trace_page`].
pub fn imported_origin(store: &dyn Store, key: SegmentKey) -> Result<Option<Origin>, StoreError> {
    #[derive(Deserialize)]
    struct StoredOrigin {
        #[serde(flatten)]
        key: SegmentKey,
        entry: Option<String>,
    }
    if !store.capabilities().has(Capability::ReadTraces) {
        return Ok(None);
    }
    let line = find_line(store, key)?;
    let origin = line.and_then(|mut line| StoredOrigin::deserialize(line["origin"].take()).ok());
    Ok(origin.map(|StoredOrigin { key, entry }| Origin { key, entry }))
}

fn find_line(store: &dyn Store, key: SegmentKey) -> Result<Option<Value>, StoreError> {
    let page = store.at(key).read_trace_page(0, SEARCHED)?;
    let mut values = page.entries.iter().filter_map(|entry| entry.decode::<Value>().ok());
    Ok(values.find(|value| value["kind"] == KIND))
}

fn line(unit: &Unit, identity: &Identity) -> Result<TraceEntry, StoreError> {
    let mut line = json!({
        "kind": KIND,
        "agent": unit.format.name(),
        "path": unit.file.shown(),
        "at": Timestamp::now().to_string(),
    });
    if let Some(origin) = &identity.origin {
        line["origin"] = json!(origin.key);
        if let Some(entry) = &origin.entry {
            line["origin"]["entry"] = json!(entry);
        }
    }
    TraceEntry::encode(&line)
}
