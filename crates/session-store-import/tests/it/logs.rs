//! A folder of log files, and a store in memory as the destination of an import.

use std::fs;
use std::path::{Path, PathBuf};

use session_store_core::{LogEntry, SegmentKey, Store, StoreExt};
use session_store_import::{Event, Import, Options, State, Summary, UnitReport};
use session_store_memory::MemoryStore;
use tempfile::TempDir;

pub(crate) const S: &str = "0ccf1a04-1b4c-43b6-8aa5-79e41db43a68";
pub(crate) const G: &str = "019a93b9-f380-7600-98ff-940e6b99603c";

/// A folder of log files, and a store.
pub(crate) struct Logs {
    folder: TempDir,
    pub(crate) store: MemoryStore,
    pub(crate) options: Options,
}

/// The results of an import.
#[derive(Debug)]
pub(crate) struct Imported {
    pub(crate) reports: Vec<UnitReport>,
    pub(crate) summary: Summary,
}

impl Logs {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder, store: MemoryStore::new(), options: Options::default() }
    }

    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let logs = Self::new();
        for (path, content) in files {
            logs.put(path, content);
        }
        logs
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub(crate) fn put(&self, path: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn import(&self) -> Imported {
        self.import_paths(&[self.folder.path().to_owned()])
    }

    pub(crate) fn import_paths(&self, paths: &[PathBuf]) -> Imported {
        let mut reports = Vec::new();
        let mut observe = |event: Event<'_>| {
            if let Event::Done(report) = event {
                reports.push(report.clone());
            }
            Ok::<(), ()>(())
        };
        let import = Import::new(paths, &self.options);
        let summary = import.run(&mut || Ok(&self.store as &dyn Store), &mut observe).unwrap();
        Imported { reports, summary }
    }

    /// Returns the segments, each with its entries joined by spaces.
    pub(crate) fn stored(&self) -> Vec<(SegmentKey, String)> {
        let mut stored = Vec::new();
        for session in self.store.list_sessions().unwrap() {
            for segment in self.store.list_segments(session).unwrap() {
                let entries = self.store.read_all(session, segment).unwrap();
                let texts: Vec<_> = entries.iter().map(LogEntry::as_json).collect();
                stored.push((SegmentKey::new(session, segment), texts.join(" ")));
            }
        }
        stored
    }

    /// Returns the entries of the trace of a segment.
    pub(crate) fn trace(&self, key: SegmentKey) -> Vec<serde_json::Value> {
        let page = self.store.at(key).read_trace_page(0, usize::MAX).unwrap();
        page.entries.iter().map(|entry| entry.decode().unwrap()).collect()
    }
}

impl Imported {
    /// Returns the states, in the order of the reports.
    pub(crate) fn states(&self) -> Vec<State> {
        self.reports.iter().map(|report| report.state).collect()
    }

    /// Returns the report of the file with this name.
    #[track_caller]
    pub(crate) fn of(&self, name: &str) -> &UnitReport {
        let found = self.reports.iter().find(|report| Path::new(&report.path).ends_with(name));
        found.unwrap_or_else(|| panic!("no report of {name}: {:?}", self.reports))
    }

    /// Returns the kinds of files that were not imported, with the number of files of each kind.
    pub(crate) fn passed_over(&self) -> Vec<(&str, usize)> {
        let kinds = self.summary.passed_over.iter();
        kinds.map(|(kind, files)| (kind.as_str(), files.count)).collect()
    }
}
