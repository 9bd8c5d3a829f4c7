//! Tests of `Migration::verify`, which compares two stores.

use rstest::rstest;
use session_store_core::{SegmentId, SegmentKey, SessionId, Store};
use session_store_memory::MemoryStore;
use session_store_migrate::{Comparison, Difference, MigrateError, Migration, Side};

use crate::hooked_store::HookedStore;
use crate::{new_key, store_with, trace, verify};

#[rstest]
#[case::equal(&["{}", "{}"], &["{}", "{}"], None)]
#[case::shorter(&["{}"], &["{}", "{}"], Some(Difference::Ends { side: Side::Source, entries: 1 }))]
#[case::longer(&["{}"], &[], Some(Difference::Ends { side: Side::Destination, entries: 0 }))]
#[case::other(&["{}", r#"{"a":1}"#], &["{}", r#"{"a":10}"#],
    Some(Difference::Entry { number: 2, source_bytes: 7, destination_bytes: 8, byte: 7 }))]
#[case::equal_first_byte(&["{}"], &[r#"{"a":1}"#],
    Some(Difference::Entry { number: 1, source_bytes: 2, destination_bytes: 7, byte: 2 }))]
fn logs_and_traces_are_compared(
    #[case] a: &[&str],
    #[case] b: &[&str],
    #[case] expected: Option<Difference>,
) {
    let key = new_key();
    let found = |outcome: &Comparison| match outcome {
        Comparison::Equal { .. } => None,
        Comparison::Differs(difference) => Some(*difference),
        other => panic!("{other:?}"),
    };
    let report = verify(&store_with(key, a), &store_with(key, b));
    assert_eq!(found(&report.segments[0].log), expected);
    assert_eq!(report.is_equal(), expected.is_none());

    let traced = |texts: &[&str]| {
        let store = store_with(key, &[]);
        trace(&store, key, texts);
        store
    };
    let report = verify(&traced(a), &traced(b));
    assert!(report.segments[0].log.is_equal());
    assert_eq!(found(report.segments[0].trace.as_ref().unwrap()), expected);
    assert_eq!(report.is_equal(), expected.is_none());
}

#[test]
fn a_segment_of_one_store_is_reported() {
    let key = new_key();
    let other = SegmentKey::new(key.session_id, SegmentId::new());
    let a = store_with(key, &[]);
    let b = store_with(other, &["{}"]);
    let report = verify(&a, &b);
    let only = |index: usize| match report.segments[index].log {
        Comparison::OnlyIn(side) => (report.segments[index].key, side),
        ref log => panic!("{log:?}"),
    };
    assert_eq!([only(0), only(1)], [(key, Side::Source), (other, Side::Destination)]);
    assert!(!report.is_equal());
    assert!(verify(&MemoryStore::new(), &MemoryStore::new()).is_equal());
}

#[test]
fn a_wrong_entry_count_is_a_difference() {
    let key = new_key();
    let store = store_with(key, &["{}"]);
    let mut hooked = HookedStore::new(&store);
    hooked.overcounts = 2;
    let report = verify(&store, &hooked);
    let expected = Difference::Count { side: Side::Destination, counted: 3, read: 1 };
    assert!(matches!(report.segments[0].log, Comparison::Differs(found) if found == expected));
}

#[test]
fn a_read_error_names_the_side_and_the_segment() {
    let key = new_key();
    let store = store_with(key, &["{}", "{}"]);
    let mut hooked = HookedStore::new(&store);
    hooked.bad_entry = 1;
    let report = verify(&store, &hooked);
    let Comparison::Failed(failure) = &report.segments[0].log else {
        panic!("{report:?}");
    };
    assert_eq!(failure.side, Side::Destination);
    assert!(failure.to_string().contains(&key.to_string()), "{failure}");
    assert!(std::error::Error::source(failure).unwrap().to_string().contains("line 2"));
}

#[test]
fn an_unknown_session_is_an_error() {
    let store = MemoryStore::new();
    let result = Migration::new(&store, &store).sessions([SessionId::new()]).verify();
    assert!(matches!(result.unwrap_err(), MigrateError::NoSuchSession(_)));
    assert!(store.list_sessions().unwrap().is_empty());
}
