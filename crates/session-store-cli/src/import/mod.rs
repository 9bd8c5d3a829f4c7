//! The parts of `import`: finding log files and assigning ids to them. The command in
//! `command/import.rs` does the writing.

use std::time::UNIX_EPOCH;

use session_store::LogEntry;
use session_store_import::time_of;

pub(crate) mod files;
pub(crate) mod ids;
pub(crate) mod report;
pub(crate) mod stored_segments;

/// Returns the time of an entry in milliseconds since 1970.
pub(crate) fn millis_of(entry: &LogEntry) -> Option<u64> {
    let since = time_of(entry)?.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok()
}
