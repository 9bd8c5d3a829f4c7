//! The contents of a store, and assertions that a copy of the store has all contents or a part of
//! them.
//!
//! The tests interrupt the program that copies: they kill the program, fill its disk or kill its
//! server. The tests compare the interrupted copy, and the copy of a second run, with these
//! contents.

use session_store::{LogEntry, OpenStore, Pod, SegmentId, SessionId, Store, StoreExt, TraceEntry};

use crate::program::run;

/// Everything in a store.
#[derive(PartialEq)]
pub(super) struct Contents {
    logs: Vec<Log>,
    pods: Vec<(String, String)>,
}

#[derive(PartialEq)]
struct Log {
    session: SessionId,
    segment: SegmentId,
    entries: Vec<LogEntry>,
    trace: Vec<TraceEntry>,
}

impl Contents {
    /// Creates a store with small segments, traces and pods. Some segments are larger than one
    /// batch of a copy.
    pub(super) fn fill(url: &str) -> Self {
        let store = session_store::open_or_create(url).expect("the source can be created");
        let mut session = SessionId::new();
        for number in 0..48 {
            if number % 8 == 0 {
                session = SessionId::new();
                let name = format!("pod {number}").parse().expect("the text is a valid name");
                let pods = store.pods().expect("the store has pods");
                pods.put_pod(&name, &Pod::new(session, None)).expect("the pod can be stored");
            }
            fill_segment(&store, session, number);
        }
        Self::of(&store)
    }

    pub(super) fn open(url: &str) -> Self {
        Self::of(&session_store::open(url).expect("the store can be opened"))
    }

    fn of(store: &OpenStore) -> Self {
        let mut logs = Vec::new();
        for session in store.list_sessions().expect("the store can list sessions") {
            for segment in store.list_segments(session).expect("the store can list segments") {
                let entries = store.read_all(session, segment).expect("the log can be read");
                let trace = store.trace_entries(session, segment, 0);
                let trace = trace.collect::<Result<_, _>>().expect("the trace can be read");
                logs.push(Log { session, segment, entries, trace });
            }
        }
        let pods = store.pods().expect("the store has pods");
        let read = |name| {
            pods.read_pod(name).expect("the pod can be read").map(|pod| pod.as_json().to_owned())
        };
        let names = pods.list_pods().expect("the store can list pods");
        let pods = names.iter().filter_map(|name| Some((name.to_string(), read(name)?))).collect();
        Self { logs, pods }
    }

    pub(super) fn entries(&self) -> usize {
        self.logs.iter().map(|log| log.entries.len()).sum()
    }

    /// Returns the number of entries in those segments of the destination that these contents have.
    /// The number is 0 if the copying program has not created the destination yet.
    pub(super) fn copied_to(&self, store: &mut Destination) -> usize {
        let count = |store: &OpenStore, log: &Log| store.read_entry_count(log.session, log.segment);
        let Some(store) = store.opened() else { return 0 };
        self.logs.iter().filter_map(|log| count(store, log).ok()).sum()
    }

    /// Asserts that every segment of a store is a segment of these contents. The log and the trace
    /// of each segment must be prefixes of the log and the trace in these contents.
    ///
    /// This must hold after each interrupted copy. The store can be missing, because the copying
    /// program can be killed before it creates the store.
    pub(super) fn assert_part_in(&self, url: &str) {
        let Ok(store) = session_store::open(url) else { return };
        for found in &Self::of(&store).logs {
            let log = self
                .logs
                .iter()
                .find(|log| (log.session, log.segment) == (found.session, found.segment));
            let log = log.expect("the segment is in the source");
            assert!(log.entries.starts_with(&found.entries), "segment {}", log.segment);
            assert!(log.trace.starts_with(&found.trace), "the trace of segment {}", log.segment);
        }
    }

    /// Asserts that a store has exactly these contents.
    pub(super) fn assert_all_in(&self, url: &str) {
        assert!(*self == Self::open(url), "{url} is not the same");
    }
}

/// Creates a segment. Its entries have different sizes, so that the pages in which they are copied
/// end at different entries. The tests kill the copying program, and the kill then hits different
/// positions of a page.
fn fill_segment(store: &OpenStore, session: SessionId, number: usize) {
    let segment = SegmentId::new();
    let entries = match number % 16 {
        3 => 0,
        7 => 600,
        _ => 25,
    };
    let entry = |n: usize| {
        let text = format!("{{\"n\":{n},\"x\":\"{}\"}}", "y".repeat(n * 7919 % 6007));
        LogEntry::from_json(text).expect("the text is a JSON object")
    };
    let log: Vec<_> = (0..entries).map(entry).collect();
    store.create_segment(session, segment, &log).expect("the segment can be created");
    if number % 4 == 1 {
        for n in 0..20 {
            let entry =
                TraceEntry::from_json(format!("{{\"t\":{n}}}")).expect("the text is a JSON object");
            store.append_trace(session, segment, &entry).expect("the store can append to a trace");
        }
    }
}

/// The destination of a copy. The copying program creates the destination while the test watches,
/// so the test opens the destination as soon as it exists.
pub(super) struct Destination {
    url: String,
    store: Option<OpenStore>,
}

impl Destination {
    pub(super) fn new(url: &str) -> Self {
        Self { url: url.to_owned(), store: None }
    }

    /// Returns the store, or `None` if it does not exist yet.
    fn opened(&mut self) -> Option<&OpenStore> {
        if self.store.is_none() {
            self.store = session_store::open(&self.url).ok();
        }
        self.store.as_ref()
    }
}

/// Creates a backup of a file store beside it. Returns its path.
pub(super) fn backup_of(store: &str) -> String {
    let backup = format!("{}.tar.zst", store.trim_start_matches("fs:"));
    run(["export", store, &backup]).ok();
    backup
}
