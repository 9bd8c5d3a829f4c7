//! Tests of `AsyncWriter`: order, batches, a full queue, dropped futures and errors.

use std::future::Future;
use std::pin::pin;

use futures_lite::future::{block_on, poll_once};
use session_store_agent::{AsyncWriteError, AsyncWriter, SegmentWriter};
use session_store_core::{Capability, LogEntry, SessionId, Store, StoreError};
use test_deadlines::wait_until;

use crate::faulty_store::Fault::{self, LostAfter, LostBefore, Refused};
use crate::faulty_store::FaultyStore;
use crate::gated_store::GatedStore;
use crate::named;

/// Waits for a future with the deadline of the tests.
fn wait<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut output = None;
    wait_until("a future", || {
        output = block_on(poll_once(future.as_mut()));
        output.is_some()
    });
    output.unwrap()
}

/// A new segment with the entry `a`.
fn segment(store: &FaultyStore) -> SegmentWriter<GatedStore> {
    let store = GatedStore::new(store.clone());
    SegmentWriter::create(store, SessionId::new(), &named(&["a"])).unwrap()
}

fn log_of(store: &GatedStore, writer: &AsyncWriter<GatedStore>) -> Vec<LogEntry> {
    let key = writer.key();
    store.read_all(key.session_id, key.segment_id).unwrap()
}

type Stored = std::pin::Pin<Box<dyn Future<Output = Result<(), AsyncWriteError>> + Send>>;

fn submit(writer: &mut AsyncWriter<GatedStore>, names: &[&str]) -> Stored {
    Box::pin(wait(writer.submit(named(names))).unwrap())
}

/// Holds back the append of `b`, and then queues one append for each name.
fn queue_behind_b(
    store: &GatedStore,
    writer: &mut AsyncWriter<GatedStore>,
    names: &[&str],
) -> Vec<Stored> {
    store.close();
    let first = submit(writer, &["b"]);
    store.wait_until_reached();
    let rest = names.iter().map(|name| submit(writer, &[*name]));
    std::iter::once(first).chain(rest).collect()
}

#[test]
fn queued_appends_are_one_batch_if_the_store_is_atomic() {
    for (faulty, batches) in [
        (FaultyStore::default(), vec![1, 3]),
        (FaultyStore::lacking(Capability::AtomicBatch), vec![1, 1, 1, 1]),
    ] {
        let writer = segment(&faulty);
        let store = writer.store().clone();
        let mut writer = AsyncWriter::new(writer);
        let stored = queue_behind_b(&store, &mut writer, &["c", "d", "e"]);
        store.open();
        for stored in stored {
            wait(stored).unwrap();
        }
        assert_eq!(store.batches(), batches);
        assert_eq!(log_of(&store, &writer), named(&["a", "b", "c", "d", "e"]));
    }
}

#[test]
fn a_full_queue_makes_appends_wait() {
    let writer = segment(&FaultyStore::default());
    let store = writer.store().clone();
    let mut writer = AsyncWriter::with_capacity(writer, 2);
    let stored = queue_behind_b(&store, &mut writer, &["c", "d"]);
    {
        let mut waiting = pin!(writer.append(named(&["dropped"])[0].clone()));
        assert!(block_on(poll_once(waiting.as_mut())).is_none());
        // The future is dropped before it has a place in the queue, so nothing is appended.
    }
    store.open();
    for stored in stored {
        wait(stored).unwrap();
    }
    wait(writer.append(named(&["e"])[0].clone())).unwrap();
    assert_eq!(log_of(&store, &writer), named(&["a", "b", "c", "d", "e"]));
}

#[test]
fn an_append_whose_future_is_dropped_is_executed() {
    let writer = segment(&FaultyStore::default());
    let store = writer.store().clone();
    let mut writer = AsyncWriter::new(writer);
    drop(queue_behind_b(&store, &mut writer, &["c", "d"]));
    {
        let mut append = pin!(writer.append_all(named(&["e", "f"])));
        assert!(block_on(poll_once(append.as_mut())).is_none());
    }
    store.open();
    wait(writer.flush()).unwrap();
    assert_eq!(log_of(&store, &writer), named(&["a", "b", "c", "d", "e", "f"]));
}

#[test]
fn dropping_all_handles_executes_the_queued_appends() {
    let writer = segment(&FaultyStore::default());
    let (store, key) = (writer.store().clone(), writer.key());
    let mut writer = AsyncWriter::new(writer);
    let mut stored = queue_behind_b(&store, &mut writer, &["c"]);
    drop(writer);
    store.open();
    wait(stored.pop().unwrap()).unwrap();
    let log = store.read_all(key.session_id, key.segment_id).unwrap();
    assert_eq!(log, named(&["a", "b", "c"]));
}

#[test]
fn each_handle_keeps_its_order() {
    const PER_HANDLE: usize = 200;
    let writer = segment(&FaultyStore::default());
    let store = writer.store().clone();
    let writer = AsyncWriter::with_capacity(writer, 3);
    std::thread::scope(|scope| {
        for handle in 0..4 {
            let mut writer = writer.clone();
            scope.spawn(move || {
                let append = |n| named(&[&format!("{handle} {n}")]);
                let results = (0..PER_HANDLE).map(|n| wait(writer.submit(append(n))).unwrap());
                results.collect::<Vec<_>>().into_iter().for_each(|stored| wait(stored).unwrap());
            });
        }
    });
    let log = log_of(&store, &writer);
    assert_eq!(log.len(), 1 + 4 * PER_HANDLE);
    for handle in 0..4 {
        let prefix = format!("{{\"name\":\"{handle} ");
        let own = log.iter().filter(|entry| entry.as_json().starts_with(&prefix));
        let expected = (0..PER_HANDLE).map(|n| format!("{prefix}{n}\"}}"));
        assert!(own.map(LogEntry::as_json).eq(expected), "handle {handle}");
    }
}

#[test]
fn nothing_is_appended_after_a_failure() {
    let faulty = FaultyStore::default();
    let writer = segment(&faulty);
    let store = writer.store().clone();
    let mut writer = AsyncWriter::new(writer);
    let stored = queue_behind_b(&store, &mut writer, &["c", "d", "e"]);
    // The batch of c, d and e fails. Then the worker appends each entry alone: c succeeds, and d
    // fails.
    faulty.set_faults(&[Fault::Succeeds, Refused, Fault::Succeeds, Refused]);
    store.open();
    let [b, c, d, e] = stored.into_iter().map(wait).collect::<Vec<_>>().try_into().unwrap();
    assert!(b.is_ok() && c.is_ok());
    let AsyncWriteError::Store(error) = d.unwrap_err() else { panic!("d has the error") };
    assert!(matches!(*error, StoreError::Io(_)), "{error}");
    assert!(matches!(e.unwrap_err(), AsyncWriteError::Abandoned(_)));
    assert!(matches!(wait(writer.flush()).unwrap_err(), AsyncWriteError::Store(_)));
    let later = wait(writer.append(named(&["f"])[0].clone())).unwrap_err();
    assert!(matches!(later, AsyncWriteError::Abandoned(_)), "{later}");

    let mut writer = wait(writer.close()).unwrap();
    writer.append_all(&named(&["d", "e", "f"])).unwrap();
    let log = store.read_all(writer.session_id(), writer.segment_id()).unwrap();
    assert_eq!(log, named(&["a", "b", "c", "d", "e", "f"]));
}

#[test]
fn entries_with_an_unknown_outcome_are_stored_once_when_all_failed_entries_are_repeated() {
    for first in [LostBefore, LostAfter] {
        let faulty = FaultyStore::default();
        let writer = segment(&faulty);
        let store = writer.store().clone();
        let mut writer = AsyncWriter::new(writer);
        let stored = queue_behind_b(&store, &mut writer, &["c", "d"]);
        faulty.set_faults(&[Fault::Succeeds, first, LostBefore, LostBefore, LostBefore]);
        store.open();
        let [b, c, d] = stored.into_iter().map(wait).collect::<Vec<_>>().try_into().unwrap();
        b.unwrap();
        for error in [c.unwrap_err(), d.unwrap_err()] {
            let AsyncWriteError::Store(error) = error else { panic!("{error}") };
            assert!(error.is_indeterminate(), "{error}");
        }
        let later = wait(writer.append(named(&["e"])[0].clone())).unwrap_err();
        assert!(matches!(later, AsyncWriteError::Abandoned(_)), "{later}");

        let mut writer = wait(writer.close()).unwrap();
        writer.append_all(&named(&["c", "d", "e"])).unwrap();
        let log = store.read_all(writer.session_id(), writer.segment_id()).unwrap();
        assert_eq!(log, named(&["a", "b", "c", "d", "e"]), "{first:?}");
    }
}

#[test]
fn a_closed_writer_executes_the_queue_and_refuses_later_appends() {
    let writer = segment(&FaultyStore::default());
    let store = writer.store().clone();
    let mut writer = AsyncWriter::new(writer);
    let mut other = writer.clone();
    let stored = queue_behind_b(&store, &mut writer, &["c"]);
    let mut close = pin!(writer.close());
    assert!(block_on(poll_once(close.as_mut())).is_none());
    // This append is in the queue after the request to close, so it is not executed.
    let behind = submit(&mut other, &["behind"]);
    store.open();
    for stored in stored {
        wait(stored).unwrap();
    }
    assert_eq!(wait(close).unwrap().entry_count(), 3);
    assert!(matches!(wait(behind), Err(AsyncWriteError::Closed)));
    let error = wait(other.append(named(&["later"])[0].clone())).unwrap_err();
    assert!(matches!(error, AsyncWriteError::Closed), "{error}");
    assert!(matches!(wait(other.flush()), Err(AsyncWriteError::Closed)));
    assert_eq!(log_of(&store, &other), named(&["a", "b", "c"]));
    assert!(matches!(wait(other.close()), Err(AsyncWriteError::Closed)));
}

#[test]
fn a_panic_of_the_store_fails_all_appends() {
    let writer = segment(&FaultyStore::default());
    let store = writer.store().clone();
    let mut writer = AsyncWriter::new(writer);
    let stored = queue_behind_b(&store, &mut writer, &["c"]);
    store.open_to_panic();
    let [b, c] = stored.into_iter().map(wait).collect::<Vec<_>>().try_into().unwrap();
    assert!(matches!(b, Err(AsyncWriteError::Panicked)), "the outcome is unknown");
    assert!(matches!(c, Err(AsyncWriteError::Closed)), "the append was not executed");
    assert!(matches!(wait(writer.close()), Err(AsyncWriteError::Closed)));
}
