//! Tests of the SQLite backend on real database files, through its public interface.

use std::ops::Range;
use std::path::PathBuf;

use session_store_core::{LogEntry, SegmentId, SessionId};
use session_store_sqlite::SqliteStore;
use tempfile::TempDir;

#[cfg(unix)]
mod bulk_load;
mod concurrent;
mod conformance;
mod corrupt;
mod exclusive;
mod full_disk;
mod group_commit;
mod info;
mod limits;
mod log;
mod maintenance;
#[cfg(unix)]
mod moved;
mod open;
mod planted;
mod power;
#[cfg(target_os = "linux")]
mod read_only;
mod refused;
mod salvage;
mod stale_wal;
mod upgrade;

/// Returns a new store, its file, and the folder that contains the file.
fn fresh() -> (TempDir, PathBuf, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.db");
    let store = SqliteStore::open_or_create(&path).unwrap();
    (folder, path, store)
}

fn ids() -> (SessionId, SegmentId) {
    (SessionId::new(), SegmentId::new())
}

fn entry(n: usize) -> LogEntry {
    LogEntry::from_json(format!(r#"{{"n":{n}}}"#)).unwrap()
}

fn entries(numbers: Range<usize>) -> Vec<LogEntry> {
    numbers.map(entry).collect()
}
