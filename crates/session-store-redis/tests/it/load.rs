//! Writers that run during a fault, and the check of their logs: no entry may be lost, stored twice
//! or out of order ([A4](session_store_core::contract#a4), [A6](session_store_core::contract#a6)).
//!
//! A run can have 100,000 appends, so the check must take time in proportion to the length of the
//! logs. The search of the conformance kit (`linearize`) would take too long: 16 s and 280 MB for a
//! log of 8,000 appends (measured in a debug build), and about four times as long for twice the
//! number of appends.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use session_store_core::{LogEntry, SegmentId, SessionId, Store};
use session_store_redis::RedisStore;
use test_deadlines::{RaiseAtEnd, wait_until};

pub(crate) const WRITERS: usize = 8;

/// The result of appending an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Acknowledged,
    Unknown,
    Refused,
}

/// The results of all writers: by writer, then by entry.
pub(crate) struct Record {
    segments: Vec<(SessionId, SegmentId)>,
    outcomes: Vec<Vec<Outcome>>,
}

/// The number of entries with each outcome.
#[derive(Debug, Default)]
pub(crate) struct Count {
    pub(crate) acknowledged: usize,
    pub(crate) unknown: usize,
    pub(crate) refused: usize,
}

fn entry(writer: usize, n: usize) -> LogEntry {
    // The sizes vary, and the largest entries do not fit into one packet.
    let filling = "x".repeat(n * 37 % 3001);
    LogEntry::from_json(format!(r#"{{"writer":{writer},"n":{n},"filling":"{filling}"}}"#)).unwrap()
}

/// Runs 8 writers while `fault` runs. Each pair of writers appends to one segment.
pub(crate) fn write_during(store: &RedisStore, fault: impl FnOnce()) -> Record {
    let segments: Vec<_> = (0..WRITERS / 2).map(|_| (SessionId::new(), SegmentId::new())).collect();
    let over = AtomicBool::new(false);
    let outcomes = thread::scope(|scope| {
        let (segments, over) = (&segments, &over);
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| scope.spawn(move || write(store, segments[writer / 2], writer, over)))
            .collect();
        let raised = RaiseAtEnd(over);
        fault();
        drop(raised);
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    Record { segments, outcomes }
}

fn write(
    store: &RedisStore,
    (session, segment): (SessionId, SegmentId),
    writer: usize,
    over: &AtomicBool,
) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    while !over.load(Ordering::SeqCst) {
        let result = store.append(session, segment, &entry(writer, outcomes.len()));
        outcomes.push(match result {
            Ok(()) => Outcome::Acknowledged,
            Err(error) if error.is_indeterminate() => Outcome::Unknown,
            Err(error) => {
                assert!(error.is_transient(), "{error:?}");
                Outcome::Refused
            }
        });
    }
    outcomes
}

/// The number of acknowledged changes of each of 4 writers.
#[derive(Default)]
pub(crate) struct Progress(pub(crate) [AtomicUsize; 4]);

impl Progress {
    /// Waits until `more` changes of each writer are acknowledged.
    pub(crate) fn wait_for_more(&self, more: usize) {
        let now = || self.0.iter().map(|count| count.load(Ordering::SeqCst));
        let enough: Vec<_> = now().map(|count| count + more).collect();
        wait_until("every writer to make progress", || {
            now().zip(&enough).all(|(count, &e)| count >= e)
        });
    }
}

impl Record {
    /// Compares the logs with the results of the writers.
    pub(crate) fn check(&self, store: &RedisStore) -> Count {
        for (index, &(session, segment)) in self.segments.iter().enumerate() {
            let log = store.read_all(session, segment).unwrap();
            let bytes: usize = log.iter().map(|entry| entry.as_json().len() + 1).sum();
            let info = store.segment_info(session, segment).unwrap().unwrap();
            assert_eq!(info.bytes, Some(bytes as u64));
            let mut positions = HashMap::<_, Vec<usize>>::new();
            for (position, stored) in log.iter().enumerate() {
                positions.entry(stored.as_json()).or_default().push(position);
            }
            for writer in [2 * index, 2 * index + 1] {
                self.check_writer(writer, &positions);
            }
        }
        self.count()
    }

    fn check_writer(&self, writer: usize, positions: &HashMap<&str, Vec<usize>>) {
        let mut order = Vec::new();
        for (n, &outcome) in self.outcomes[writer].iter().enumerate() {
            let found = positions.get(entry(writer, n).as_json()).map_or(&[][..], Vec::as_slice);
            let right = match outcome {
                Outcome::Acknowledged => found.len() == 1,
                Outcome::Unknown => found.len() <= 1,
                Outcome::Refused => found.is_empty(),
            };
            assert!(right, "entry {n} of writer {writer}, {outcome:?}, is at {found:?}");
            order.extend_from_slice(found);
        }
        assert!(order.is_sorted(), "the entries of writer {writer} are out of order");
    }

    pub(crate) fn count(&self) -> Count {
        let of = |kind| self.outcomes.iter().flatten().filter(|&&outcome| outcome == kind).count();
        Count {
            acknowledged: of(Outcome::Acknowledged),
            unknown: of(Outcome::Unknown),
            refused: of(Outcome::Refused),
        }
    }
}

/// Returns how many faults a test causes: the number in an environment variable, or the default.
pub(crate) fn amount(variable: &str, default: usize) -> usize {
    let amount = std::env::var(variable)
        .map_or(default, |number| number.parse().expect("the variable must be a number"));
    println!("{variable}={amount}");
    amount
}
