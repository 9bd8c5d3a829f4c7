//! The writer over a store that works: it owns its tail, and loses it to another writer without harm.

use session_store_agent::{BestEffort, Course, Lineage, Origin, SegmentWriter};
use session_store_core::{Capability, LogEntry, SegmentId, SessionId, Store, StoreError};
use session_store_memory::MemoryStore;

use crate::flaky::{Fault, Flaky};
use crate::{bare_fork, named, texts, turn_end};

/// A segment that begins with `names`, and a writer at its end.
fn writer_with(store: &MemoryStore, names: &[&str]) -> SegmentWriter<MemoryStore> {
    SegmentWriter::create(store.clone(), SessionId::new(), &named(names)).unwrap()
}

fn another(writer: &SegmentWriter<MemoryStore>) -> SegmentWriter<MemoryStore> {
    let (session, segment) = (writer.session_id(), writer.segment_id());
    SegmentWriter::open(writer.store().clone(), session, segment).unwrap().0
}

fn texts_of<S: Store>(writer: &SegmentWriter<S>) -> Vec<String> {
    texts(writer.store(), writer.session_id(), writer.segment_id())
}

#[test]
fn appends_one_many_and_values() {
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
fn of_two_that_create_one_segment_one_does() {
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
fn another_writer_is_a_conflict_until_reloaded() {
    let mut mine = writer_with(&MemoryStore::new(), &["a"]);
    another(&mine).append_all(&named(&["theirs"])).unwrap();
    assert!(mine.append_all(&named(&["mine"])).unwrap_err().is_conflict());
    assert!(mine.append_all(&[]).unwrap_err().is_conflict(), "an empty append compares");
    assert_eq!(mine.reload().unwrap(), named(&["a", "theirs"]));
    mine.append_all(&named(&["mine"])).unwrap();
    assert_eq!(texts_of(&mine).len(), 3);
}

#[test]
fn forks_where_it_lost_its_tail() {
    let store = MemoryStore::new();
    let mut mine = writer_with(&store, &["a"]);
    mine.append_all(&[turn_end(), named(&["b"])[0].clone()]).unwrap();
    let (session, root) = (mine.session_id(), mine.segment_id());
    another(&mine).append_all(&[turn_end()]).unwrap();
    let before = texts(&store, session, root);

    let from = Origin { segment_id: root, at_turn_index: 1 };
    let course = mine.append_or_fork(&named(&["mine"]), bare_fork).unwrap();
    assert_eq!(course, Course::Forked { from });
    assert_ne!(mine.segment_id(), root);
    assert_eq!(texts(&store, session, root), before, "what is left behind is not touched");
    let log = store.read_all(session, mine.segment_id()).unwrap();
    assert_eq!(Lineage::of(&log[0]), Some(Lineage::ForkedFrom(from)));
    assert_eq!(log[1..], named(&["mine"]));

    let again = mine.append_or_fork(&[turn_end()], bare_fork).unwrap();
    assert_eq!(again, Course::Stayed);
    assert_eq!(mine.origin(), Origin { segment_id: mine.segment_id(), at_turn_index: 1 });
}

#[test]
fn cut_and_grown_back_is_a_conflict() {
    let store = MemoryStore::new();
    let mut mine = writer_with(&store, &["a", "b"]);
    let (session, segment) = (mine.session_id(), mine.segment_id());
    store.truncate(session, segment, 1).unwrap();
    store.append(session, segment, &named(&["b"])[0]).unwrap();
    assert!(mine.append_all(&named(&["c"])).unwrap_err().is_conflict());
}

#[test]
fn a_segment_that_is_gone_is_forked_too() {
    let store = MemoryStore::new();
    let mut mine = writer_with(&store, &["a"]);
    store.delete_segment(mine.session_id(), mine.segment_id()).unwrap();
    let course = mine.append_or_fork(&named(&["b"]), bare_fork).unwrap();
    assert!(matches!(course, Course::Forked { .. }));
    assert_eq!(texts_of(&mine).len(), 2);
}

#[test]
fn rolls_back_its_own_and_nobody_elses() {
    let mut mine = writer_with(&MemoryStore::new(), &["a"]);
    mine.append_all(&[turn_end(), turn_end()]).unwrap();
    mine.roll_back(2).unwrap();
    assert_eq!((mine.entry_count(), mine.origin().at_turn_index), (2, 1));
    mine.append_all(&named(&["b"])).unwrap();
    let error = mine.roll_back(9).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { line: 9, .. }), "{error}");

    another(&mine).append_all(&named(&["theirs"])).unwrap();
    assert!(mine.roll_back(1).unwrap_err().is_conflict());
    assert_eq!(texts_of(&mine).len(), 4);
}

fn ensure(
    writer: &SegmentWriter<MemoryStore>,
    tally: usize,
) -> (SegmentWriter<MemoryStore>, Course) {
    let (session, segment) = (writer.session_id(), writer.segment_id());
    let store = writer.store().clone();
    SegmentWriter::ensure_head_or_fork(store, session, segment, tally, bare_fork).unwrap()
}

#[test]
fn a_tally_that_fits_stays() {
    let writer = writer_with(&MemoryStore::new(), &["a", "b"]);
    let (mut ensured, course) = ensure(&writer, 2);
    assert_eq!((course, ensured.segment_id()), (Course::Stayed, writer.segment_id()));
    ensured.append_all(&named(&["c"])).unwrap();
    assert_eq!(texts_of(&writer).len(), 3);
}

#[test]
fn a_tally_that_does_not_fit_forks() {
    let mut writer = writer_with(&MemoryStore::new(), &[]);
    writer.append_all(&[turn_end(), turn_end()]).unwrap();
    let root = writer.segment_id();
    // Somebody has written; entries were cut; the segment is gone.
    for (tally, gone, turns) in [(1, false, 1), (5, false, 2), (2, true, 0), (0, true, 0)] {
        if gone {
            writer.store().delete_segment(writer.session_id(), root).unwrap();
        }
        let (mut ensured, course) = ensure(&writer, tally);
        let from = Origin { segment_id: root, at_turn_index: turns };
        assert_eq!(course, Course::Forked { from }, "tally {tally}");
        ensured.append_all(&named(&["next"])).unwrap();
        assert_eq!(texts_of(&ensured).len(), 2);
    }
    assert!(!writer.store().exists(writer.session_id(), root).unwrap());
}

#[test]
fn a_store_without_conditions_is_refused_unless_by_name() {
    let store = Flaky { lacks: Some(Capability::ConditionalAppend), ..Flaky::default() };
    let session = SessionId::new();
    let error = SegmentWriter::create(store.clone(), session, &[]).unwrap_err();
    assert!(matches!(error, StoreError::Unsupported { .. }), "{error}");
    assert_eq!(store.list_sessions().unwrap(), []);

    let mut mine = SegmentWriter::create(BestEffort(store.clone()), session, &[]).unwrap();
    let segment = mine.segment_id();
    mine.append_all(&named(&["a", "b"])).unwrap();
    mine.roll_back(1).unwrap();
    store.append(session, segment, &named(&["theirs"])[0]).unwrap();
    assert!(mine.append_all(&named(&["c"])).unwrap_err().is_conflict());
    assert!(mine.roll_back(0).unwrap_err().is_conflict());
    assert!(SegmentWriter::create_as(mine.store(), session, segment, &[]).is_err());
}

#[test]
fn best_effort_sees_late_what_it_did_not_see_in_time() {
    let store = Flaky { lacks: Some(Capability::ConditionalAppend), ..Flaky::default() };
    let mut mine = SegmentWriter::create(BestEffort(store.clone()), SessionId::new(), &[]).unwrap();
    store.will(&[Fault::Followed]);
    mine.append_all(&named(&["a"])).unwrap();
    assert_eq!(mine.entry_count(), 1);
    assert!(mine.append_all(&named(&["b"])).unwrap_err().is_conflict());
}

#[test]
fn best_effort_keeps_the_stores_own_conditions() {
    let store = Flaky::default();
    let mut mine =
        SegmentWriter::create(BestEffort(store.clone()), SessionId::new(), &named(&["a"])).unwrap();
    store.will(&[Fault::Refused, Fault::Refused]);
    assert!(mine.append_all(&named(&["b"])).is_err(), "only the store's own can be refused");
    assert!(mine.roll_back(0).is_err());
    mine.append_all(&named(&["b"])).unwrap();
}
