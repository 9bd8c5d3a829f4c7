//! Tests of the file backend: the content of its files, and files that other programs have changed.
//!
//! `conformance.rs` runs the conformance kit, the checks of the contract that all backends share.

mod checked_lines;
mod checkpoints;
mod conformance;
mod cuts;
mod delete;
mod exclusive;
mod handles;
mod info;
mod layout;
mod limits;
mod links;
mod listing;
mod lookup;
mod maintenance;
mod pages;
mod pods;
mod power;
mod tails;

use std::fs;
use std::path::PathBuf;

use session_store_core::{LogEntry, SegmentId, SegmentKey, SessionId, Store};
use session_store_fs::FsStore;
use tempfile::TempDir;

/// A directory with a store on it and the ids of one segment.
struct Fixture {
    folder: TempDir,
    session: SessionId,
    segment: SegmentId,
}

impl Fixture {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        Self { folder, session: SessionId::new(), segment: SegmentId::new() }
    }

    /// Returns a directory that another program wrote, with these bytes in its only log.
    fn holding(bytes: impl AsRef<[u8]>) -> Self {
        let fixture = Self::new();
        fs::create_dir(fixture.log().parent().unwrap()).unwrap();
        fs::write(fixture.log(), bytes).unwrap();
        fixture
    }

    fn key(&self) -> SegmentKey {
        SegmentKey::new(self.session, self.segment)
    }

    fn open(&self) -> FsStore {
        FsStore::open_or_create(self.folder.path()).unwrap()
    }

    fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    fn log(&self) -> PathBuf {
        self.path(&format!("{}/{}.jsonl", self.session, self.segment))
    }

    fn bytes(&self) -> String {
        String::from_utf8(fs::read(self.log()).unwrap()).unwrap()
    }

    fn append(&self, store: &FsStore, text: &str) {
        store.append(self.session, self.segment, &entry(text)).unwrap();
    }

    fn texts(&self, store: &FsStore) -> Vec<String> {
        let entries = store.read_all(self.session, self.segment).unwrap();
        entries.iter().map(|entry| entry.as_json().to_owned()).collect()
    }

    fn count(&self, store: &FsStore) -> usize {
        store.read_entry_count(self.session, self.segment).unwrap()
    }
}

fn entry(text: &str) -> LogEntry {
    LogEntry::from_json(text).unwrap()
}

fn numbered(numbers: impl IntoIterator<Item = usize>) -> Vec<LogEntry> {
    numbers.into_iter().map(|n| entry(&format!("{{\"n\":{n}}}"))).collect()
}
