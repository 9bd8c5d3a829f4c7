//! Tests of the copy engine through its public interface.

mod backup;
mod conflict;
mod dry;
mod durable;
mod extend;
mod faults;
mod follow;
mod hooked_store;
mod jobs;
mod live;
mod migrate;
mod pairs;
mod pods;
mod select;
mod verify;

use session_store_core::{LogEntry, SegmentId, SegmentKey, SessionId, Store, StoreExt, TraceEntry};
use session_store_memory::MemoryStore;
use session_store_migrate::{MigrateReport, Migration, VerifyReport};

fn new_key() -> SegmentKey {
    SegmentKey::new(SessionId::new(), SegmentId::new())
}

fn entries(texts: &[&str]) -> Vec<LogEntry> {
    texts.iter().map(|text| LogEntry::from_json(*text).unwrap()).collect()
}

/// Returns a store with one segment that has these entries.
fn store_with(key: SegmentKey, texts: &[&str]) -> MemoryStore {
    let store = MemoryStore::new();
    store.at(key).create(&entries(texts)).unwrap();
    store
}

fn trace(store: &dyn Store, key: SegmentKey, texts: &[&str]) {
    for text in texts {
        let entry = TraceEntry::from_json(*text).unwrap();
        store.at(key).append_trace(&entry).unwrap();
    }
}

fn log_of(store: &dyn Store, key: SegmentKey) -> Vec<String> {
    let entries = store.at(key).read_all().unwrap();
    entries.iter().map(|entry| entry.as_json().to_owned()).collect()
}

fn migrate(source: &dyn Store, destination: &dyn Store) -> MigrateReport {
    Migration::new(source, destination).run().unwrap()
}

fn verify(source: &dyn Store, destination: &dyn Store) -> VerifyReport {
    Migration::new(source, destination).verify().unwrap()
}
