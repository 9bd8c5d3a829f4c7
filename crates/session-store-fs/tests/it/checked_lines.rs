//! Tests of `read_all`, which checks a line once for each handle
//! ([R8](session_store_core::contract#r8)). In these tests, another program changes a line in
//! place, so that the line is not an entry any more. If `read_all` returns the changed text, it did
//! not check the line again.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;

use rstest::rstest;
use session_store_core::{
    LogEntry, Maintenance, PageRequest, Pages, SegmentKey, SessionId, StoreError, StoreExt,
};
use session_store_fs::FsStore;
use test_deadlines::wait_until;

use crate::{Fixture, numbered};

/// The text at the start of a log of [`numbered`] entries.
const FIRST: &[u8] = br#"{"n":0}"#;

/// Text of the same length that is not JSON.
const EDITED: &[u8] = br#"{"n":x}"#;

/// Returns a log of three entries, and a handle that has read the log.
fn read_once() -> (Fixture, FsStore) {
    let fixture = Fixture::new();
    fixture.open().at(fixture.key()).create(&numbered(0..3)).unwrap();
    let store = fixture.open();
    fixture.texts(&store);
    (fixture, store)
}

/// Changes the log in place, as another program can. The length of the log does not change.
fn edit(fixture: &Fixture, entry: usize, text: &[u8]) {
    let log = OpenOptions::new().write(true).open(fixture.log()).unwrap();
    log.write_all_at(text, ((FIRST.len() + 1) * entry) as u64).unwrap();
}

fn read_all(fixture: &Fixture, store: &FsStore) -> Result<Vec<LogEntry>, StoreError> {
    store.at(fixture.key()).read_all()
}

fn assert_corrupt<T: std::fmt::Debug>(result: &Result<T, StoreError>, expected: usize) {
    assert!(
        matches!(result, Err(StoreError::Corrupt { line, .. }) if *line == expected),
        "{result:?}"
    );
}

#[test]
fn only_read_all_of_the_same_handle_leaves_out_the_check() {
    let (fixture, store) = read_once();
    edit(&fixture, 0, EDITED);
    assert_eq!(fixture.texts(&store)[0].as_bytes(), EDITED);

    let log = store.at(fixture.key());
    assert_corrupt(&log.read_page(0, usize::MAX), 1);
    for needs_head in [false, true] {
        assert_corrupt(&log.read_page_with(PageRequest::new(0, 100).with_head(needs_head)), 1);
    }
    assert_corrupt(&log.read_page_matching(PageRequest::new(0, 100), &|_| true), 1);
    assert_corrupt(&log.entries(0).collect::<Result<Vec<_>, _>>(), 1);
    let past_bad_lines = log.iterate::<LogEntry>(Pages::new(0).skip_bad_lines());
    assert_eq!(past_bad_lines.filter(Result::is_ok).count(), 2);
    assert_corrupt(&read_all(&fixture, &fixture.open()), 1);
    // Reads of pages do not change which lines `read_all` has checked, even if a page fails.
    assert_eq!(fixture.texts(&store)[0].as_bytes(), EDITED);

    store.repair(&mut |_| ()).unwrap();
    assert_eq!(read_all(&fixture, &store).unwrap(), numbered(1..3));
}

#[rstest]
#[case::no_object(br#"["n",0]"#)]
#[case::no_end(br#"{"n":00"#)]
#[case::no_utf8(b"{\"n\":\"\xff")]
#[case::nul(b"\0\0\0\0\0\0\0")]
fn text_that_cannot_be_an_object_is_found_by_every_read(#[case] text: &[u8]) {
    let (fixture, store) = read_once();
    edit(&fixture, 1, text);
    assert_corrupt(&read_all(&fixture, &store), 2);
}

#[test]
fn a_line_that_an_edit_splits_is_read_as_two_entries() {
    let (fixture, store) = read_once();
    edit(&fixture, 1, b"{ }\n{ }");
    assert_eq!(fixture.texts(&store), [r#"{"n":0}"#, "{ }", "{ }", r#"{"n":2}"#]);
}

#[test]
fn only_the_entries_of_other_handles_are_checked_later() {
    let (fixture, store) = read_once();
    fixture.append(&store, r#"{"n":3}"#);
    edit(&fixture, 3, EDITED);
    assert_eq!(fixture.texts(&store)[3].as_bytes(), EDITED);

    fixture.append(&fixture.open(), r#"{"n":4}"#);
    fixture.append(&store, r#"{"n":5}"#);
    edit(&fixture, 4, EDITED);
    assert_corrupt(&read_all(&fixture, &store), 5);
    edit(&fixture, 4, FIRST);
    edit(&fixture, 5, EDITED);
    assert_corrupt(&read_all(&fixture, &store), 6);
    edit(&fixture, 5, FIRST);
    assert_eq!(fixture.texts(&store).len(), 6);
    edit(&fixture, 5, EDITED);
    assert_eq!(fixture.texts(&store)[5].as_bytes(), EDITED);
}

#[test]
fn a_last_line_without_a_newline_is_checked_again() {
    let fixture = Fixture::new();
    let store = fixture.open();
    fixture.append(&store, "{}");
    let write = |bytes| fs::write(fixture.log(), bytes).unwrap();
    write("{}\n{\"n\":1}");
    assert_eq!(fixture.texts(&store).len(), 2);
    write("{}\n{\"n");
    // These two calls advance the generation of the log, because both segments have the same lock.
    // The handle then reads the last line again.
    let same_stripe = SegmentKey::new(SessionId::new(), fixture.segment);
    fixture.open().at(same_stripe).create(&[]).unwrap();
    fixture.open().at(same_stripe).delete().unwrap();
    assert_eq!(fixture.count(&store), 1);
    write("{}\n{x}\n{}");
    assert_corrupt(&read_all(&fixture, &store), 2);
}

fn truncate(fixture: &Fixture, store: &FsStore) {
    store.at(fixture.key()).truncate(0).unwrap();
    store.at(fixture.key()).append_all(&numbered(0..3)).unwrap();
}

fn replace(fixture: &Fixture, store: &FsStore) {
    store.at(fixture.key()).create(&numbered(0..3)).unwrap();
}

fn recreate(fixture: &Fixture, store: &FsStore) {
    store.at(fixture.key()).delete().unwrap();
    replace(fixture, store);
}

#[rstest]
fn a_log_of_another_epoch_is_checked_as_a_whole(
    #[values(truncate, replace, recreate)] change: fn(&Fixture, &FsStore),
) {
    let (fixture, store) = read_once();
    change(&fixture, &fixture.open());
    edit(&fixture, 0, EDITED);
    assert_corrupt(&read_all(&fixture, &store), 1);
}

#[test]
fn the_kept_lines_of_a_truncated_log_stay_checked() {
    let (fixture, store) = read_once();
    store.at(fixture.key()).truncate(1).unwrap();
    fixture.append(&fixture.open(), r#"{"n":1}"#);
    edit(&fixture, 0, EDITED);
    assert_eq!(fixture.texts(&store)[0].as_bytes(), EDITED);
    edit(&fixture, 0, FIRST);
    fixture.append(&fixture.open(), r#"{"n":2}"#);
    edit(&fixture, 2, EDITED);
    assert_corrupt(&read_all(&fixture, &store), 3);
}

#[test]
fn a_log_that_has_become_shorter_is_checked_as_a_whole() {
    let (fixture, store) = read_once();
    let bytes = fs::read(fixture.log()).unwrap();
    fs::write(fixture.log(), &bytes[..bytes.len() - 1]).unwrap();
    assert_eq!(fixture.count(&store), 3);
    fs::write(fixture.log(), &bytes).unwrap();
    edit(&fixture, 0, EDITED);
    assert_corrupt(&read_all(&fixture, &store), 1);
}

#[test]
fn a_file_that_replaces_the_log_is_checked_as_a_whole() {
    let (fixture, store) = read_once();
    let bytes = fs::read_to_string(fixture.log()).unwrap();
    let edited = fixture.path("edited");
    fs::write(&edited, bytes.replace("0", "x")).unwrap();
    fs::rename(&edited, fixture.log()).unwrap();
    // A handle uses an open file for up to a second before it opens the path again.
    wait_until("the new file", || read_all(&fixture, &store).is_err());
    assert_corrupt(&read_all(&fixture, &store), 1);
}

#[rstest]
#[case::carriage_returns("{\"n\":0}\r\n{\r\"n\":1}\r\n")]
#[case::spaces(" {\"n\":0} \n\t{\"n\":1}\n")]
#[case::blank_lines("\n \n{\"n\":0}\n\r\n{\"n\":1}\n\n")]
fn white_space_is_removed_each_time(#[case] bytes: &str) {
    let fixture = Fixture::holding(bytes);
    let store = fixture.open();
    for _ in 0..3 {
        assert_eq!(read_all(&fixture, &store).unwrap(), numbered(0..2));
    }
}
