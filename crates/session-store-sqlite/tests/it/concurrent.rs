//! Tests of threads and handles that use one database file at the same time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use rusqlite::Connection;
use session_store_core::{Head, LogEntry, SegmentId, SessionId, Store, StoreError};
use session_store_sqlite::{SqliteOptions, SqliteStore};
use test_deadlines::RaiseAtEnd;

use crate::{entries, entry, fresh, ids};

const WRITERS: usize = 4;
const EACH: usize = 100;

fn entry_of(writer: usize, n: usize) -> LogEntry {
    LogEntry::from_json(format!(r#"{{"writer":{writer},"n":{n}}}"#)).unwrap()
}

#[test]
fn every_append_of_every_thread_and_handle_is_stored_once_and_in_order() {
    let (_folder, path, store) = fresh();
    let handles = [&store, &SqliteStore::open(&path).unwrap()];
    let (session, segment) = ids();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let watcher = scope.spawn(|| assert_reads_are_prefixes(&store, session, segment, &done));
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                scope.spawn(move || {
                    for n in 0..EACH {
                        handles[writer % 2].append(session, segment, &entry_of(writer, n)).unwrap();
                    }
                })
            })
            .collect();
        let written: Vec<_> = writers.into_iter().map(ScopedJoinHandle::join).collect();
        done.store(true, Ordering::SeqCst);
        written.into_iter().for_each(Result::unwrap);
        watcher.join().unwrap();
    });
    let log = store.read_all(session, segment).unwrap();
    assert_eq!(log.len(), WRITERS * EACH);
    let positions: BTreeMap<_, _> =
        log.iter().enumerate().map(|(at, entry)| (entry.as_json(), at)).collect();
    for writer in 0..WRITERS {
        let positions = (0..EACH).map(|n| positions[entry_of(writer, n).as_json()]);
        assert!(positions.is_sorted(), "writer {writer}");
    }
}

/// Reads the log until `done`.
///
/// Each read must be a prefix of the next read ([R3](session_store_core::contract#r3)). The head
/// and the entries of a read must show the log at the same moment
/// ([R6](session_store_core::contract#r6)).
fn assert_reads_are_prefixes(
    store: &SqliteStore,
    session: SessionId,
    segment: SegmentId,
    done: &AtomicBool,
) {
    let mut seen = Vec::new();
    while !done.load(Ordering::SeqCst) {
        let Ok(page) = store.read_page(session, segment, 0, usize::MAX) else { continue };
        assert!(page.entries.starts_with(&seen));
        assert_eq!(page.entries.len(), page.head.entries());
        seen = page.entries;
    }
}

#[test]
fn a_read_returns_the_old_log_or_the_new_one() {
    let (_folder, _, store) = fresh();
    let (session, segment) = ids();
    let versions = [entries(0..40), entries(100..120)];
    store.create_segment(session, segment, &versions[0]).unwrap();
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for n in 0..300 {
                store.create_segment(session, segment, &versions[n % 2]).unwrap();
            }
        });
        while !writer.is_finished() {
            let page = store.read_page(session, segment, 0, usize::MAX).unwrap();
            assert!(versions.contains(&page.entries));
            assert_eq!(page.entries.len(), page.head.entries());
        }
    });
}

#[test]
fn exactly_one_of_several_appends_with_the_same_head_succeeds() {
    let (_folder, path, store) = fresh();
    let (session, segment) = ids();
    let mut head: Option<Head> = None;
    for _ in 0..20 {
        let results = thread::scope(|scope| {
            let race = |_| {
                let path = &path;
                scope.spawn(move || {
                    SqliteStore::open(path).unwrap().append_if(
                        session,
                        segment,
                        head,
                        &entries(0..2),
                    )
                })
            };
            let racers: Vec<_> = (0..WRITERS).map(race).collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).collect::<Vec<_>>()
        });
        let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        let [Ok(winner)] = won[..] else { panic!("{won:?}") };
        assert!(lost.iter().all(|result| matches!(
            result, Err(StoreError::Conflict { expected, actual })
                if *expected == head && *actual == Some(winner)
        )));
        assert_eq!(store.head(session, segment).unwrap(), Some(winner));
        head = Some(winner);
    }
}

#[test]
fn a_locked_database_is_a_transient_error_and_reads_still_work() {
    let (_folder, path, store) = fresh();
    let (session, segment) = ids();
    store.append(session, segment, &entry(0)).unwrap();
    let not_waiting = SqliteOptions::new().busy_timeout(Duration::ZERO).open(&path).unwrap();
    let mut other = Connection::open(&path).unwrap();
    let lock = other.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).unwrap();
    let error = not_waiting.append(session, segment, &entry(1)).unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    assert!(error.to_string().contains(&segment.to_string()), "{error}");
    assert_eq!(not_waiting.read_all(session, segment).unwrap(), [entry(0)]);
    drop(lock);
    not_waiting.append(session, segment, &entry(1)).unwrap();
    assert_eq!(store.read_all(session, segment).unwrap(), entries(0..2));
}

#[test]
fn a_read_does_not_wait_for_a_change_of_its_own_handle() {
    let (_folder, path, store) = fresh();
    let (session, segment) = ids();
    store.append(session, segment, &entry(0)).unwrap();
    let mut other = Connection::open(&path).unwrap();
    let lock = other.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).unwrap();
    thread::scope(|scope| {
        let blocked = scope.spawn(|| store.append(session, segment, &entry(1)));
        for _ in 0..100 {
            assert_eq!(store.read_entry_count(session, segment).unwrap(), 1);
        }
        assert!(!blocked.is_finished());
        drop(lock);
        blocked.join().unwrap().unwrap();
    });
    assert_eq!(store.read_entry_count(session, segment).unwrap(), 2);
}

/// SQLite writes the WAL from its start again only at a moment without reads. Without a truncation,
/// reads that always overlap would make the WAL grow without limit.
#[test]
fn a_long_wal_is_truncated_although_reads_always_overlap() {
    let (_folder, path, store) = fresh();
    let ((session, segment), other) = (ids(), SegmentId::new());
    store.append_all(session, segment, &entries(0..10_000)).unwrap();
    let large = LogEntry::from_json(format!(r#"{{"x":"{}"}}"#, "y".repeat(1 << 20))).unwrap();
    let done = AtomicBool::new(false);
    let length = thread::scope(|scope| {
        for _ in 0..2 * WRITERS {
            scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    assert_eq!(store.read_all(session, segment).unwrap().len(), 10_000);
                }
            });
        }
        let _raised = RaiseAtEnd(&done);
        store.append_all(session, other, &vec![large; 70]).unwrap();
        std::fs::metadata(format!("{}-wal", path.display())).unwrap().len()
    });
    assert_eq!(length, 0);
}

#[test]
fn the_wal_stays_short_without_reads() {
    let (_folder, path, store) = fresh();
    let (session, segment) = ids();
    let large = LogEntry::from_json(format!(r#"{{"x":"{}"}}"#, "y".repeat(1 << 18))).unwrap();
    for _ in 0..64 {
        store.append(session, segment, &large).unwrap();
        let length = std::fs::metadata(format!("{}-wal", path.display())).unwrap().len();
        assert!(length < 5 << 20, "the WAL has {length} bytes");
    }
}
