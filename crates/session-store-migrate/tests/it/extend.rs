//! Tests of `extend`, which appends the entries that a segment lacks. The tests cover every
//! relation between the stored entries and the source.

use std::convert::Infallible;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use rstest::rstest;
use session_store_core::{LogEntry, SegmentKey, Store, StoreError, StoreExt};
use session_store_memory::MemoryStore;
use session_store_migrate::{Difference, Extension, Side, Stop, extend};

use crate::hooked_store::{Call, HookedStore};
use crate::{entries, log_of, new_key, store_with};

fn extend_to(store: &dyn Store, key: SegmentKey, texts: &[&str]) -> Extension<Infallible> {
    extend(store, key, entries(texts).into_iter().map(Ok))
}

const A: &str = r#"{"n":1.0}"#;
const B: &str = r#"{"n":1e999}"#;
const C: &str = r#"{"n":"\ud800"}"#;

#[rstest]
#[case::absent(None, &[A, B], 0, 2)]
#[case::absent_and_empty(None, &[], 0, 0)]
#[case::empty(Some(&[][..]), &[A], 0, 1)]
#[case::prefix(Some(&[A][..]), &[A, B, C], 1, 2)]
#[case::equal(Some(&[A, B][..]), &[A, B], 2, 0)]
fn missing_entries_are_appended(
    #[case] there: Option<&[&str]>,
    #[case] source: &[&str],
    #[case] already: usize,
    #[case] appended: usize,
) {
    let key = new_key();
    let store = there.map_or_else(MemoryStore::new, |texts| store_with(key, texts));
    let extension = extend_to(&store, key, source);
    assert!(extension.stopped.is_none());
    assert_eq!((extension.already, extension.appended), (already, appended));
    let bytes: usize = source[already..].iter().map(|text| text.len()).sum();
    assert_eq!(extension.bytes, bytes as u64);
    assert_eq!(log_of(&store, key), source);
}

#[rstest]
#[case::differs(&[A, C], &[A, B, C], Difference::Entry { number: 2, source_bytes: 11, destination_bytes: 14, byte: 6 })]
#[case::longer(&[A, B], &[A], Difference::Ends { side: Side::Source, entries: 1 })]
#[case::other_text_of_the_same_value(&[r#"{"n":1}"#], &[A], Difference::Entry { number: 1, source_bytes: 9, destination_bytes: 7, byte: 7 })]
fn a_conflict_changes_nothing(
    #[case] there: &[&str],
    #[case] source: &[&str],
    #[case] expected: Difference,
) {
    let key = new_key();
    let store = store_with(key, there);
    let extension = extend_to(&store, key, source);
    let Some(Stop::Conflict(difference)) = extension.stopped.as_deref() else {
        panic!("{:?}", extension.stopped);
    };
    assert_eq!(*difference, expected);
    assert_eq!(extension.appended, 0);
    assert_eq!(log_of(&store, key), there);
}

/// Another writer appends after the comparison and before the append of the copy. Only a
/// conditional append notices the other append.
#[rstest]
#[case::absent(None)]
#[case::prefix(Some(&[A][..]))]
fn another_writer_is_a_conflict(#[case] there: Option<&[&str]>) {
    let key = new_key();
    let store = there.map_or_else(MemoryStore::new, |texts| store_with(key, texts));
    let hooked = HookedStore::with_hook(&store, move |call, store| match call {
        Call::AppendIf => store.at(key).append(&entries(&[C])[0]),
        _ => Ok(()),
    });
    let extension = extend_to(&hooked, key, &[A, B]);
    assert!(
        matches!(extension.stopped.as_deref(), Some(Stop::Moved { .. })),
        "{:?}",
        extension.stopped
    );
    let expected = [there.unwrap_or_default(), &[C]].concat();
    assert_eq!(log_of(&store, key), expected);
}

/// The append is conditional on the head at the comparison, and not on a head that is read later.
#[test]
fn a_writer_during_the_read_of_the_source_is_a_conflict() {
    let key = new_key();
    let store = store_with(key, &[A]);
    let source = entries(&[A, B]).into_iter().map(|entry| {
        if entry.as_json() == B {
            store.at(key).append(&entries(&[C])[0]).unwrap();
        }
        Ok::<_, Infallible>(entry)
    });
    let extension = extend(&store, key, source);
    assert!(
        matches!(extension.stopped.as_deref(), Some(Stop::Moved { .. })),
        "{:?}",
        extension.stopped
    );
    assert_eq!(log_of(&store, key), [A, C]);
}

#[test]
fn a_source_that_fails_leaves_a_prefix() {
    let key = new_key();
    let store = MemoryStore::new();
    let source = [Ok(entries(&[A])[0].clone()), Err(io::Error::other("torn"))];
    let extension = extend(&store, key, source);
    assert!(matches!(extension.stopped.as_deref(), Some(Stop::Source(_))));
    assert_eq!(log_of(&store, key), [A]);
}

#[test]
fn a_source_that_fails_at_its_first_entry_creates_nothing() {
    let key = new_key();
    let store = MemoryStore::new();
    let extension = extend(&store, key, [Err(io::Error::other("torn"))]);
    assert!(matches!(extension.stopped.as_deref(), Some(Stop::Source(_))));
    assert!(!store.at(key).exists().unwrap());
}

#[test]
fn a_full_destination_is_resumed_where_it_stopped() {
    let key = new_key();
    let store = MemoryStore::new();
    let large =
        |n: usize| LogEntry::from_json(format!("{{\"n\":{n},\"x\":\"{}\"}}", "x".repeat(1 << 19)));
    let all: Vec<_> = (0..8).map(|n| large(n).unwrap()).collect();
    let source = || all.iter().cloned().map(Ok::<_, Infallible>);

    let calls = AtomicUsize::new(0);
    let hooked = HookedStore::with_hook(&store, move |call, _| match call {
        Call::AppendIf if calls.fetch_add(1, Ordering::Relaxed) == 2 => {
            Err(StoreError::Io(io::ErrorKind::StorageFull.into()))
        }
        _ => Ok(()),
    });
    let stopped = extend(&hooked, key, source());
    assert!(matches!(stopped.stopped.as_deref(), Some(Stop::Destination(_))));
    assert!((1..8).contains(&stopped.appended), "{}", stopped.appended);

    let resumed = extend(&hooked, key, source());
    assert!(resumed.stopped.is_none());
    assert_eq!((resumed.already, resumed.appended), (stopped.appended, 8 - stopped.appended));
    assert_eq!(store.at(key).read_all().unwrap(), all);
}

/// Batches are limited in bytes, so the source is not collected in memory.
#[test]
fn a_large_source_is_written_while_it_is_read() {
    let key = new_key();
    let store = MemoryStore::new();
    let entry = LogEntry::from_json(format!("{{\"x\":\"{}\"}}", "x".repeat(300_000))).unwrap();
    let source = (0..20).map(|read| {
        let written = store.at(key).read_entry_count().unwrap_or(0);
        assert!(read - written <= 4, "{read} read, {written} written");
        Ok::<_, Infallible>(entry.clone())
    });
    assert_eq!(extend(&store, key, source).appended, 20);
}
