//! Lost replies: whatever happened, an entry is there once or not at all, and the writer knows which.

use rstest::rstest;
use session_store_agent::{Course, SegmentWriter};
use session_store_core::{LogEntry, SessionId, Store, StoreError};

use crate::flaky::Fault::{self, LostAfter, LostBefore, LostPart, None as Works, Part, Refused};
use crate::flaky::Flaky;
use crate::{bare_fork, named, texts};

fn writer(store: &Flaky) -> SegmentWriter<Flaky> {
    SegmentWriter::create(store.clone(), SessionId::new(), &named(&["a"])).unwrap()
}

fn log_of(writer: &SegmentWriter<Flaky>) -> Vec<LogEntry> {
    writer.store().read_all(writer.session_id(), writer.segment_id()).unwrap()
}

/// Somebody else appends.
fn intrude(writer: &SegmentWriter<Flaky>) {
    let (session, segment) = (writer.session_id(), writer.segment_id());
    writer.store().store.append(session, segment, &named(&["theirs"])[0]).unwrap();
}

#[rstest]
#[case::not_done(&[LostBefore])]
#[case::done(&[LostAfter])]
#[case::several(&[LostBefore, LostBefore, LostAfter])]
#[case::refused_in_doubt(&[LostAfter, Refused])]
#[case::refused_in_doubt_and_not_done(&[LostBefore, Refused])]
#[case::a_part(&[LostPart(1)])]
#[case::a_part_then_another(&[LostPart(1), Works, LostPart(1)])]
#[case::done_at_last(&[LostBefore, LostBefore, LostBefore])]
fn an_append_is_there_once(#[case] faults: &[Fault]) {
    let store = Flaky::default();
    let mut writer = writer(&store);
    store.will(faults);
    writer.append_all(&named(&["b", "c", "d"])).unwrap();
    assert_eq!(log_of(&writer), named(&["a", "b", "c", "d"]));
    writer.append_all(&named(&["e"])).unwrap();
    assert_eq!(log_of(&writer).len(), 5);
}

#[rstest]
#[case::never_done(&[LostBefore; 4])]
#[case::done_before_the_line_went_dead(&[LostAfter, LostBefore, LostBefore, LostBefore])]
fn what_stays_unknown_can_be_repeated(#[case] faults: &[Fault]) {
    let store = Flaky::default();
    let mut writer = writer(&store);
    store.will(faults);
    let entries = named(&["b", "c"]);
    assert!(writer.append_all(&entries).unwrap_err().is_indeterminate());
    // A repeat that is refused for certain says nothing about the first time.
    store.will(&[Refused; 4]);
    assert!(writer.append_all(&entries).unwrap_err().is_indeterminate());
    store.will(&[]);
    writer.append_all(&entries).unwrap();
    assert_eq!(log_of(&writer), named(&["a", "b", "c"]));
}

#[rstest]
#[case::never_done(LostBefore, &["a", "x"])]
#[case::done(LostAfter, &["a", "b", "x"])]
fn other_entries_come_after_what_is_there(#[case] first: Fault, #[case] expected: &[&str]) {
    let store = Flaky::default();
    let mut writer = writer(&store);
    store.will(&[first, LostBefore, LostBefore, LostBefore]);
    assert!(writer.append_all(&named(&["b"])).unwrap_err().is_indeterminate());
    writer.append_all(&named(&["x"])).unwrap();
    assert_eq!(log_of(&writer), named(expected));
}

#[test]
fn ours_with_others_after_them_are_ours() {
    let store = Flaky::default();
    let mut writer = writer(&store);
    store.will(&[LostAfter, LostBefore, LostBefore, LostBefore]);
    assert!(writer.append_all(&named(&["b"])).unwrap_err().is_indeterminate());
    intrude(&writer);
    writer.append_all(&named(&["b"])).unwrap();
    assert_eq!(log_of(&writer), named(&["a", "b", "theirs"]));
    assert_eq!(writer.entry_count(), 2);
    assert!(writer.append_all(&named(&["c"])).unwrap_err().is_conflict());
    let course = writer.append_or_fork(&named(&["c"]), bare_fork).unwrap();
    assert!(matches!(course, Course::Forked { .. }));
}

#[test]
fn others_at_our_place_are_a_conflict() {
    let store = Flaky::default();
    let mut writer = writer(&store);
    store.will(&[LostBefore; 4]);
    assert!(writer.append_all(&named(&["b"])).unwrap_err().is_indeterminate());
    intrude(&writer);
    assert!(writer.append_all(&named(&["b"])).unwrap_err().is_conflict());
    assert_eq!(log_of(&writer), named(&["a", "theirs"]));
}

#[test]
fn a_cut_comes_after_what_is_there() {
    let store = Flaky::default();
    let mut writer = writer(&store);
    store.will(&[LostAfter, LostBefore, LostBefore, LostBefore]);
    assert!(writer.append_all(&named(&["b"])).unwrap_err().is_indeterminate());
    writer.roll_back(1).unwrap();
    assert_eq!(log_of(&writer), named(&["a"]));
}

#[test]
fn reloading_ends_the_doubt() {
    let store = Flaky::default();
    let mut writer = writer(&store);
    store.will(&[LostBefore; 4]);
    assert!(writer.append_all(&named(&["theirs"])).unwrap_err().is_indeterminate());
    assert_eq!(writer.reload().unwrap(), named(&["a"]));
    intrude(&writer);
    assert!(writer.append_all(&named(&["theirs"])).unwrap_err().is_conflict());
}

#[test]
fn a_comparison_is_not_done_by_being_repeated() {
    let store = Flaky::default();
    let mut writer = writer(&store);
    intrude(&writer);
    store.will(&[LostBefore]);
    assert!(writer.append_all(&[]).unwrap_err().is_conflict());
}

#[test]
fn a_part_that_is_told_is_known() {
    let store = Flaky::default();
    let mut writer = writer(&store);
    store.will(&[Part(2)]);
    let error = writer.append_all(&named(&["b", "c", "d"])).unwrap_err();
    assert!(matches!(error, StoreError::Partial { appended: 2, .. }), "{error}");
    writer.append_all(&named(&["d"])).unwrap();
    assert_eq!(log_of(&writer), named(&["a", "b", "c", "d"]));
}

#[rstest]
#[case::not_done(LostBefore)]
#[case::done(LostAfter)]
fn a_fork_is_made_once(#[case] fault: Fault) {
    let store = Flaky::default();
    let mut writer = writer(&store);
    intrude(&writer);
    store.will(&[Works, fault]);
    let course = writer.append_or_fork(&named(&["b"]), bare_fork).unwrap();
    assert!(matches!(course, Course::Forked { .. }));
    assert_eq!(store.list_segments(writer.session_id()).unwrap().len(), 2);
    assert_eq!(log_of(&writer)[1..], named(&["b"]));
}

#[test]
fn a_fork_that_fails_leaves_the_writer_where_it_was() {
    let store = Flaky::default();
    let mut writer = writer(&store);
    let root = writer.segment_id();
    intrude(&writer);
    store.will(&[Works, Part(1)]);
    let error = writer.append_or_fork(&named(&["b"]), bare_fork).unwrap_err();
    assert!(matches!(error, StoreError::Io(_)), "{error}");
    assert_eq!((writer.segment_id(), writer.entry_count()), (root, 1));
    let course = writer.append_or_fork(&named(&["b"]), bare_fork).unwrap();
    assert!(matches!(course, Course::Forked { .. }));
}

#[rstest]
#[case::not_done(LostBefore)]
#[case::done(LostAfter)]
fn a_segment_is_created_once(#[case] fault: Fault) {
    for opening in [named(&[]), named(&["a", "b"])] {
        let store = Flaky::default();
        store.will(&[fault]);
        let mut writer = SegmentWriter::create(store.clone(), SessionId::new(), &opening).unwrap();
        writer.append_all(&named(&["c"])).unwrap();
        assert_eq!(log_of(&writer).len(), opening.len() + 1);
    }
}

#[test]
fn a_lost_cut_is_repeated_where_that_is_safe() {
    let store = Flaky::default();
    let mut writer = writer(&store);
    writer.append_all(&named(&["b"])).unwrap();
    store.will(&[LostBefore]);
    writer.roll_back(1).unwrap();
    store.will(&[LostAfter]);
    assert!(writer.roll_back(0).unwrap_err().is_indeterminate());
    assert_eq!(writer.reload().unwrap(), []);
    assert_eq!(texts(&store, writer.session_id(), writer.segment_id()).len(), 0);
}
