//! Tests of `SegmentWriter`, with one writer or several writers on the same segment. Most tests use
//! a store without faults.

use session_store_agent::{AppendOutcome, BestEffort, Lineage, Origin, SegmentWriter};
use session_store_core::{Capability, LogEntry, SegmentId, SessionId, Store, StoreError};
use session_store_memory::MemoryStore;

use crate::faulty_store::{Fault, FaultyStore};
use crate::{bare_fork, named, texts, turn_end};

/// Returns a writer at the end of a new segment with these entries.
fn writer_with(store: &MemoryStore, names: &[&str]) -> SegmentWriter<MemoryStore> {
    SegmentWriter::create(store.clone(), SessionId::new(), &named(names)).unwrap()
}

/// Returns a second writer at the end of the same segment.
fn another(writer: &SegmentWriter<MemoryStore>) -> SegmentWriter<MemoryStore> {
    let (session, segment) = (writer.session_id(), writer.segment_id());
    SegmentWriter::open(writer.store().clone(), session, segment).unwrap().0
}

fn texts_of<S: Store>(writer: &SegmentWriter<S>) -> Vec<String> {
    texts(writer.store(), writer.session_id(), writer.segment_id())
}

#[test]
fn a_writer_appends_entries_batches_and_values() {
    let mut writer = writer_with(&MemoryStore::new(), &["a"]);
    writer.append(&named(&["b"])[0]).unwrap();
    writer.append_all(&named(&["c", "d"])).unwrap();
    writer.append_value(&serde_json::json!({"name": "e"})).unwrap();
    writer.append_all(&[]).unwrap();
    let expected = named(&["a", "b", "c", "d", "e"]);
    assert!(texts_of(&writer).iter().eq(expected.iter().map(LogEntry::as_json)));
    assert_eq!(writer.entry_count(), 5);
}

#[test]
fn only_one_of_two_writers_creates_a_segment() {
    let store = MemoryStore::new();
    let (session, segment) = (SessionId::new(), SegmentId::new());
    let create = |name| SegmentWriter::create_as(store.clone(), session, segment, &named(&[name]));
    assert!(create("first").is_ok());
    assert!(create("second").unwrap_err().is_conflict());
    assert_eq!(texts(&store, session, segment), ["{\"name\":\"first\"}"]);
}

#[test]
fn opening_an_unknown_segment_creates_nothing() {
    let store = MemoryStore::new();
    let (session, segment) = (SessionId::new(), SegmentId::new());
    let error = SegmentWriter::open(store.clone(), session, segment).unwrap_err();
    assert!(error.is_not_found());
    assert!(!store.exists(session, segment).unwrap());
}

#[test]
fn the_entries_of_another_writer_are_a_conflict_until_a_reload() {
    let mut writer = writer_with(&MemoryStore::new(), &["a"]);
    another(&writer).append_all(&named(&["other"])).unwrap();
    assert!(writer.append_all(&named(&["own"])).unwrap_err().is_conflict());
    assert!(
        writer.append_all(&[]).unwrap_err().is_conflict(),
        "an empty append compares the heads"
    );
    assert_eq!(writer.reload().unwrap(), named(&["a", "other"]));
    writer.append_all(&named(&["own"])).unwrap();
    assert_eq!(texts_of(&writer).len(), 3);
}

#[test]
fn a_writer_forks_at_its_last_turn_boundary() {
    let store = MemoryStore::new();
    let mut writer = writer_with(&store, &["a"]);
    writer.append_all(&[turn_end(), named(&["b"])[0].clone()]).unwrap();
    let (session, root) = (writer.session_id(), writer.segment_id());
    another(&writer).append_all(&[turn_end()]).unwrap();
    let before = texts(&store, session, root);

    let from = Origin { segment_id: root, at_turn_index: 1 };
    let outcome = writer.append_or_fork(&named(&["own"]), bare_fork).unwrap();
    assert_eq!(outcome, AppendOutcome::Forked { from });
    assert_ne!(writer.segment_id(), root);
    assert_eq!(texts(&store, session, root), before, "the old segment is not changed");
    let log = store.read_all(session, writer.segment_id()).unwrap();
    assert_eq!(Lineage::of(&log[0]), Some(Lineage::ForkedFrom(from)));
    assert_eq!(log[1..], named(&["own"]));

    let again = writer.append_or_fork(&[turn_end()], bare_fork).unwrap();
    assert_eq!(again, AppendOutcome::Stayed);
    assert_eq!(writer.origin(), Origin { segment_id: writer.segment_id(), at_turn_index: 1 });
}

#[test]
fn a_log_that_was_truncated_and_has_grown_back_is_a_conflict() {
    let store = MemoryStore::new();
    let mut writer = writer_with(&store, &["a", "b"]);
    let (session, segment) = (writer.session_id(), writer.segment_id());
    store.truncate(session, segment, 1).unwrap();
    store.append(session, segment, &named(&["b"])[0]).unwrap();
    assert!(writer.append_all(&named(&["c"])).unwrap_err().is_conflict());
}

#[test]
fn a_deleted_segment_is_forked() {
    let store = MemoryStore::new();
    let mut writer = writer_with(&store, &["a"]);
    store.delete_segment(writer.session_id(), writer.segment_id()).unwrap();
    let outcome = writer.append_or_fork(&named(&["b"]), bare_fork).unwrap();
    assert!(matches!(outcome, AppendOutcome::Forked { .. }));
    assert_eq!(texts_of(&writer).len(), 2);
}

#[test]
fn a_writer_rolls_back_its_own_entries_and_no_others() {
    let mut writer = writer_with(&MemoryStore::new(), &["a"]);
    writer.append_all(&[turn_end(), turn_end()]).unwrap();
    writer.roll_back(2).unwrap();
    assert_eq!((writer.entry_count(), writer.origin().at_turn_index), (2, 1));
    writer.append_all(&named(&["b"])).unwrap();
    let error = writer.roll_back(9).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { line: 9, .. }), "{error}");

    another(&writer).append_all(&named(&["other"])).unwrap();
    assert!(writer.roll_back(1).unwrap_err().is_conflict());
    assert_eq!(texts_of(&writer).len(), 4);
}

fn ensure(
    writer: &SegmentWriter<MemoryStore>,
    entry_count: usize,
) -> (SegmentWriter<MemoryStore>, AppendOutcome) {
    let (session, segment) = (writer.session_id(), writer.segment_id());
    let store = writer.store().clone();
    SegmentWriter::ensure_head_or_fork(store, session, segment, entry_count, bare_fork).unwrap()
}

#[test]
fn a_matching_entry_count_opens_the_segment() {
    let writer = writer_with(&MemoryStore::new(), &["a", "b"]);
    let (mut ensured, outcome) = ensure(&writer, 2);
    assert_eq!((outcome, ensured.segment_id()), (AppendOutcome::Stayed, writer.segment_id()));
    ensured.append_all(&named(&["c"])).unwrap();
    assert_eq!(texts_of(&writer).len(), 3);
}

#[test]
fn another_entry_count_forks_the_segment() {
    let mut writer = writer_with(&MemoryStore::new(), &[]);
    writer.append_all(&[turn_end(), turn_end()]).unwrap();
    let root = writer.segment_id();
    // In the first case, the segment has more entries than the count. In the second case, it has
    // fewer entries. In the other cases, it was deleted.
    for (count, is_deleted, turns) in [(1, false, 1), (5, false, 2), (2, true, 0), (0, true, 0)] {
        if is_deleted {
            writer.store().delete_segment(writer.session_id(), root).unwrap();
        }
        let (mut ensured, outcome) = ensure(&writer, count);
        let from = Origin { segment_id: root, at_turn_index: turns };
        assert_eq!(outcome, AppendOutcome::Forked { from }, "count {count}");
        ensured.append_all(&named(&["next"])).unwrap();
        assert_eq!(texts_of(&ensured).len(), 2);
    }
    assert!(!writer.store().exists(writer.session_id(), root).unwrap());
}

#[test]
fn a_store_without_conditional_appends_needs_best_effort() {
    let store = FaultyStore::lacking(Capability::ConditionalAppend);
    let session = SessionId::new();
    let error = SegmentWriter::create(store.clone(), session, &[]).unwrap_err();
    assert!(matches!(error, StoreError::Unsupported { .. }), "{error}");
    assert_eq!(store.list_sessions().unwrap(), []);

    let mut writer = SegmentWriter::create(BestEffort(store.clone()), session, &[]).unwrap();
    let segment = writer.segment_id();
    writer.append_all(&named(&["a", "b"])).unwrap();
    writer.roll_back(1).unwrap();
    store.append(session, segment, &named(&["other"])[0]).unwrap();
    assert!(writer.append_all(&named(&["c"])).unwrap_err().is_conflict());
    assert!(writer.roll_back(0).unwrap_err().is_conflict());
    assert!(SegmentWriter::create_as(writer.store(), session, segment, &[]).is_err());
}

#[test]
fn best_effort_detects_another_writer_at_the_next_append() {
    let store = FaultyStore::lacking(Capability::ConditionalAppend);
    let mut writer =
        SegmentWriter::create(BestEffort(store.clone()), SessionId::new(), &[]).unwrap();
    store.set_faults(&[Fault::Followed]);
    writer.append_all(&named(&["a"])).unwrap();
    assert_eq!(writer.entry_count(), 1);
    assert!(writer.append_all(&named(&["b"])).unwrap_err().is_conflict());
}

#[test]
fn best_effort_uses_the_conditional_writes_of_the_store() {
    let store = FaultyStore::default();
    let mut writer =
        SegmentWriter::create(BestEffort(store.clone()), SessionId::new(), &named(&["a"])).unwrap();
    store.set_faults(&[Fault::Refused, Fault::Refused]);
    assert!(
        writer.append_all(&named(&["b"])).is_err(),
        "only the store's own append_if has this fault"
    );
    assert!(writer.roll_back(0).is_err());
    writer.append_all(&named(&["b"])).unwrap();
}
