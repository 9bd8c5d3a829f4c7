//! The provenance line: a line in the trace of an imported segment with the origin of the log.

use jiff::Timestamp;
use serde_json::{Value, json};
use session_store_core::{Capability, SegmentKey, Store, StoreError, StoreExt, TraceEntry};

use crate::format::Format;
use crate::formats::OwnLayout;
use crate::identity::Identity;
use crate::unit::Unit;

/// The kind of the line.
const KIND: &str = "import";

/// The number of bytes of a trace that are searched for the line.
const SEARCHED: usize = 64 * 1024;

/// Adds the line to the trace of a segment, unless the trace has such a line. `is_new` is whether
/// the segment was just created.
///
/// In the layout of the project's own file store, the trace itself is imported, so such a segment
/// gets no line.
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
    let segment = to.at(key);
    let has_line = match to.capabilities().has(Capability::ReadTraces) {
        true => {
            let page = segment.read_trace_page(0, SEARCHED)?;
            page.entries.iter().any(is_line)
        }
        false => !is_new,
    };
    if has_line { Ok(()) } else { segment.append_trace(&line(unit, identity)?) }
}

fn is_line(entry: &TraceEntry) -> bool {
    entry.decode::<Value>().is_ok_and(|value| value["kind"] == KIND)
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
