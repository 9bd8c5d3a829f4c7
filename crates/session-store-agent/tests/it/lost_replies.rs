//! Tests of lost replies: the writer finds out whether its entries are stored, and never stores
//! them twice.
//!
//! A [`Fault`] determines whether a write is executed before its reply is lost. One call of the
//! writer sends an append at most four times, so the outcome of the call is unknown after four lost
//! replies.

use rstest::rstest;
use session_store_agent::{AppendOutcome, SegmentWriter};
use session_store_core::{LogEntry, SessionId, Store, StoreError};

use crate::faulty_store::Fault::{self, LostAfter, LostBefore, LostPart, Part, Refused, Succeeds};
use crate::faulty_store::FaultyStore;
use crate::{bare_fork, named, texts};

fn writer(store: &FaultyStore) -> SegmentWriter<FaultyStore> {
    SegmentWriter::create(store.clone(), SessionId::new(), &named(&["a"])).unwrap()
}

fn log_of(writer: &SegmentWriter<FaultyStore>) -> Vec<LogEntry> {
    writer.store().read_all(writer.session_id(), writer.segment_id()).unwrap()
}

/// Appends to the writer's segment, as another writer does.
fn append_as_other(writer: &SegmentWriter<FaultyStore>) {
    let (session, segment) = (writer.session_id(), writer.segment_id());
    writer.store().store.append(session, segment, &named(&["other"])[0]).unwrap();
}

#[rstest]
#[case::not_stored(&[LostBefore])]
#[case::stored(&[LostAfter])]
#[case::several(&[LostBefore, LostBefore, LostAfter])]
#[case::stored_then_refused(&[LostAfter, Refused])]
#[case::not_stored_then_refused(&[LostBefore, Refused])]
#[case::a_part(&[LostPart(1)])]
#[case::two_parts(&[LostPart(1), Succeeds, LostPart(1)])]
#[case::stored_at_the_last_resend(&[LostBefore, LostBefore, LostBefore])]
fn an_append_is_stored_once(#[case] faults: &[Fault]) {
    let store = FaultyStore::default();
    let mut writer = writer(&store);
    store.set_faults(faults);
    writer.append_all(&named(&["b", "c", "d"])).unwrap();
    assert_eq!(log_of(&writer), named(&["a", "b", "c", "d"]));
    writer.append_all(&named(&["e"])).unwrap();
    assert_eq!(log_of(&writer).len(), 5);
}

#[rstest]
#[case::never_stored(&[LostBefore; 4])]
#[case::stored_by_the_first_attempt(&[LostAfter, LostBefore, LostBefore, LostBefore])]
fn an_append_with_an_unknown_outcome_can_be_repeated(#[case] faults: &[Fault]) {
    let store = FaultyStore::default();
    let mut writer = writer(&store);
    store.set_faults(faults);
    let entries = named(&["b", "c"]);
    assert!(writer.append_all(&entries).unwrap_err().is_indeterminate());
    // The repetition of an append is refused. This does not show whether the first call stored the
    // entries.
    store.set_faults(&[Refused; 4]);
    assert!(writer.append_all(&entries).unwrap_err().is_indeterminate());
    store.set_faults(&[]);
    writer.append_all(&entries).unwrap();
    assert_eq!(log_of(&writer), named(&["a", "b", "c"]));
}

#[rstest]
#[case::never_stored(LostBefore)]
#[case::stored(LostAfter)]
fn a_repetition_can_have_more_entries(#[case] first: Fault) {
    let store = FaultyStore::default();
    let mut writer = writer(&store);
    store.set_faults(&[first, LostBefore, LostBefore, LostBefore]);
    assert!(writer.append_all(&named(&["b", "c"])).unwrap_err().is_indeterminate());
    writer.append_all(&named(&["b", "c", "d"])).unwrap();
    assert_eq!(log_of(&writer), named(&["a", "b", "c", "d"]));
    assert_eq!(writer.entry_count(), 4);
}

#[rstest]
#[case::never_stored(LostBefore, &["a", "x"])]
#[case::stored(LostAfter, &["a", "b", "x"])]
fn other_entries_are_appended_after_entries_with_an_unknown_outcome(
    #[case] first: Fault,
    #[case] expected: &[&str],
) {
    let store = FaultyStore::default();
    let mut writer = writer(&store);
    store.set_faults(&[first, LostBefore, LostBefore, LostBefore]);
    assert!(writer.append_all(&named(&["b"])).unwrap_err().is_indeterminate());
    writer.append_all(&named(&["x"])).unwrap();
    assert_eq!(log_of(&writer), named(expected));
}

#[test]
fn stored_entries_are_found_even_if_another_writer_has_appended_after_them() {
    let store = FaultyStore::default();
    let mut writer = writer(&store);
    store.set_faults(&[LostAfter, LostBefore, LostBefore, LostBefore]);
    assert!(writer.append_all(&named(&["b"])).unwrap_err().is_indeterminate());
    append_as_other(&writer);
    writer.append_all(&named(&["b"])).unwrap();
    assert_eq!(log_of(&writer), named(&["a", "b", "other"]));
    assert_eq!(writer.entry_count(), 2);
    assert!(writer.append_all(&named(&["c"])).unwrap_err().is_conflict());
    let outcome = writer.append_or_fork(&named(&["c"]), bare_fork).unwrap();
    assert!(matches!(outcome, AppendOutcome::Forked { .. }));
}

#[test]
fn entries_of_another_writer_at_the_same_place_are_a_conflict() {
    let store = FaultyStore::default();
    let mut writer = writer(&store);
    store.set_faults(&[LostBefore; 4]);
    assert!(writer.append_all(&named(&["b"])).unwrap_err().is_indeterminate());
    append_as_other(&writer);
    assert!(writer.append_all(&named(&["b"])).unwrap_err().is_conflict());
    assert_eq!(log_of(&writer), named(&["a", "other"]));
}

#[test]
fn a_roll_back_first_finds_the_entries_with_an_unknown_outcome() {
    let store = FaultyStore::default();
    let mut writer = writer(&store);
    store.set_faults(&[LostAfter, LostBefore, LostBefore, LostBefore]);
    assert!(writer.append_all(&named(&["b"])).unwrap_err().is_indeterminate());
    writer.roll_back(1).unwrap();
    assert_eq!(log_of(&writer), named(&["a"]));
}

#[test]
fn a_reload_forgets_the_entries_with_an_unknown_outcome() {
    let store = FaultyStore::default();
    let mut writer = writer(&store);
    store.set_faults(&[LostBefore; 4]);
    assert!(writer.append_all(&named(&["other"])).unwrap_err().is_indeterminate());
    assert_eq!(writer.reload().unwrap(), named(&["a"]));
    append_as_other(&writer);
    assert!(writer.append_all(&named(&["other"])).unwrap_err().is_conflict());
}

#[test]
fn an_empty_append_to_a_changed_log_stays_a_conflict() {
    let store = FaultyStore::default();
    let mut writer = writer(&store);
    append_as_other(&writer);
    store.set_faults(&[LostBefore]);
    assert!(writer.append_all(&[]).unwrap_err().is_conflict());
}

#[test]
fn a_writer_continues_after_the_stored_part_of_a_batch() {
    let store = FaultyStore::default();
    let mut writer = writer(&store);
    store.set_faults(&[Part(2)]);
    let error = writer.append_all(&named(&["b", "c", "d"])).unwrap_err();
    assert!(matches!(error, StoreError::Partial { appended: 2, .. }), "{error}");
    writer.append_all(&named(&["d"])).unwrap();
    assert_eq!(log_of(&writer), named(&["a", "b", "c", "d"]));
}

#[rstest]
#[case::not_stored(LostBefore)]
#[case::stored(LostAfter)]
fn a_fork_is_stored_once(#[case] fault: Fault) {
    let store = FaultyStore::default();
    let mut writer = writer(&store);
    append_as_other(&writer);
    // The append to the old segment needs no fault, because it is a conflict. The fault is for the
    // append to the fork.
    store.set_faults(&[Succeeds, fault]);
    let outcome = writer.append_or_fork(&named(&["b"]), bare_fork).unwrap();
    assert!(matches!(outcome, AppendOutcome::Forked { .. }));
    assert_eq!(store.list_segments(writer.session_id()).unwrap().len(), 2);
    assert_eq!(log_of(&writer)[1..], named(&["b"]));
}

#[test]
fn a_failed_fork_leaves_the_writer_in_its_segment() {
    let store = FaultyStore::default();
    let mut writer = writer(&store);
    let root = writer.segment_id();
    append_as_other(&writer);
    store.set_faults(&[Succeeds, Part(1)]);
    let error = writer.append_or_fork(&named(&["b"]), bare_fork).unwrap_err();
    assert!(matches!(error, StoreError::Io(_)), "{error}");
    assert_eq!((writer.segment_id(), writer.entry_count()), (root, 1));
    let outcome = writer.append_or_fork(&named(&["b"]), bare_fork).unwrap();
    assert!(matches!(outcome, AppendOutcome::Forked { .. }));
}

#[rstest]
#[case::not_stored(LostBefore)]
#[case::stored(LostAfter)]
fn a_new_segment_is_created_once(#[case] fault: Fault) {
    for opening in [named(&[]), named(&["a", "b"])] {
        let store = FaultyStore::default();
        store.set_faults(&[fault]);
        let mut writer = SegmentWriter::create(store.clone(), SessionId::new(), &opening).unwrap();
        writer.append_all(&named(&["c"])).unwrap();
        assert_eq!(log_of(&writer).len(), opening.len() + 1);
    }
}

#[test]
fn a_roll_back_whose_reply_is_lost_is_repeated() {
    let store = FaultyStore::default();
    let mut writer = writer(&store);
    writer.append_all(&named(&["b"])).unwrap();
    store.set_faults(&[LostBefore]);
    writer.roll_back(1).unwrap();
    store.set_faults(&[LostAfter]);
    assert!(writer.roll_back(0).unwrap_err().is_indeterminate());
    assert_eq!(writer.reload().unwrap(), []);
    assert_eq!(texts(&store, writer.session_id(), writer.segment_id()).len(), 0);
}
