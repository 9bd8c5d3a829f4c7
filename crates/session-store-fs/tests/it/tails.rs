//! Tests of the tails of logs (last lines without a newline) and of bad lines.
//!
//! A tail is torn if its entry is incomplete. Readers ignore a torn tail, and the next append moves
//! it to another file ([R5](session_store_core::contract#r5)). A read of a bad line fails with an
//! error that names the line ([R4](session_store_core::contract#r4)).

use std::fs;

use rstest::rstest;
use session_store_core::{Store, StoreError, StoreExt};

use crate::{Fixture, entry, numbered};

#[rstest]
#[case::terminated("{\"a\":1}\n", 1, "{\"a\":1}\n{\"z\":0}\n")]
#[case::newline_owed("{\"a\":1}", 1, "{\"a\":1}\n{\"z\":0}\n")]
#[case::newline_owed_after_white_space("{\"a\":1} \r", 1, "{\"a\":1} \r\n{\"z\":0}\n")]
#[case::blank_tail("{\"a\":1}\n  ", 1, "{\"a\":1}\n  \n{\"z\":0}\n")]
#[case::blank_lines("\n \n{\"a\":1}\n\r\n", 1, "\n \n{\"a\":1}\n\r\n{\"z\":0}\n")]
#[case::torn("{\"a\":1}\n{\"b\":\"to", 1, "{\"a\":1}\n{\"z\":0}\n")]
#[case::torn_in_a_character("{\"a\":1}\n{\"b\":\"\u{1f980}", 1, "{\"a\":1}\n{\"z\":0}\n")]
#[case::torn_at_once("{", 0, "{\"z\":0}\n")]
#[case::no_object("{\"a\":1}\ngarbage", 1, "{\"a\":1}\n{\"z\":0}\n")]
#[case::an_array("{\"a\":1}\n[{}]", 1, "{\"a\":1}\n{\"z\":0}\n")]
#[case::nuls("{\"a\":1}\n\0\0\0\0", 1, "{\"a\":1}\n{\"z\":0}\n")]
#[case::nuls_for_a_newline("{\"a\":1}\0\0\0\0", 1, "{\"a\":1}\n{\"z\":0}\n")]
#[case::nuls_and_the_end_of_an_entry("{\"a\":1}\n\0\0\0\":2}\n", 1, "{\"a\":1}\n{\"z\":0}\n")]
#[case::empty("", 0, "{\"z\":0}\n")]
fn tails_are_read_and_repaired(#[case] before: &str, #[case] count: usize, #[case] after: &str) {
    let fixture = Fixture::holding(before);
    // A first read builds the index from the lines that it returns. The next read uses the index.
    assert_eq!(fixture.texts(&fixture.open()).len(), count);
    let store = fixture.open();
    assert_eq!(fixture.count(&store), count);
    assert_eq!(fixture.texts(&store).len(), count);
    assert_eq!(fixture.bytes(), before, "a read must not change the log");
    for start in 0..=count + 1 {
        let page = store.read_page(fixture.session, fixture.segment, start, usize::MAX).unwrap();
        assert_eq!(page.entries.len(), count.saturating_sub(start), "from {start}");
    }

    fixture.append(&store, "{\"z\":0}");
    assert_eq!(fixture.bytes(), after);
    assert_eq!(fixture.count(&store), count + 1);
    assert_eq!(fixture.texts(&fixture.open()), fixture.texts(&store));
}

#[test]
fn a_single_byte_of_a_character_is_torn() {
    let fixture = Fixture::holding(b"{\"a\":1}\n\xe3");
    let store = fixture.open();
    assert_eq!(fixture.texts(&store), ["{\"a\":1}"]);
    fixture.append(&store, "{\"b\":2}");
    assert_eq!(fixture.bytes(), "{\"a\":1}\n{\"b\":2}\n");
}

#[test]
fn a_torn_tail_is_quarantined_and_deleted_with_its_segment() {
    let torn = "{\"b\":\"to";
    let fixture = Fixture::holding(format!("{{\"a\":1}}\n{torn}"));
    let store = fixture.open();
    fixture.append(&store, "{\"c\":3}");
    let aside: Vec<_> =
        fs::read_dir(fixture.path(".session-store/torn")).unwrap().flatten().collect();
    assert_eq!(aside.len(), 1);
    assert_eq!(fs::read_to_string(aside[0].path()).unwrap(), torn);

    store.delete_segment(fixture.session, fixture.segment).unwrap();
    assert!(!aside[0].path().exists(), "the tail remains although its segment was deleted");
}

#[test]
fn another_handle_sees_an_entry_as_long_as_the_torn_tail_that_it_replaced() {
    let fixture = Fixture::new();
    let (one, other) = (fixture.open(), fixture.open());
    fixture.append(&one, "{\"a\":1}");
    let torn = "{\"b\":\"to";
    fs::write(fixture.log(), fixture.bytes() + torn).unwrap();
    let length = fixture.bytes().len();
    assert_eq!((fixture.count(&one), fixture.count(&other)), (1, 1));
    fixture.append(&one, "{\"c\":3}");
    assert_eq!(fixture.bytes().len(), length, "the new entry is as long as the torn tail");
    assert_eq!(fixture.count(&other), 2);
    fixture.append(&other, "{\"d\":4}");
    assert_eq!(fixture.texts(&one), ["{\"a\":1}", "{\"c\":3}", "{\"d\":4}"]);
}

#[rstest]
#[case::no_json("{}\nnonsense\n{}\n", 2)]
#[case::welded("{}\n\n{}{}\n", 3)]
#[case::array("{}\n[]\n", 2)]
#[case::nuls_inside("{}\n\0\0\n{}\n", 2)]
#[case::welded_at_the_end("{}\n{\"a\":1}{\"b\":2}", 2)]
#[case::text_after_an_object_at_the_end("{}\n{}nonsense", 2)]
#[case::cut_short_inside("{\"a\":\n{}\n", 1)]
#[case::byte_order_mark("\u{feff}{}\n", 1)]
fn bad_lines_are_named_and_do_not_stop_appends(#[case] bytes: &str, #[case] line: usize) {
    let fixture = Fixture::holding(bytes);
    let store = fixture.open();
    let lines = bytes.lines().filter(|line| !line.trim().is_empty()).count();
    assert_eq!(fixture.count(&store), lines);
    fixture.append(&store, "{\"z\":0}");
    assert_eq!(fixture.count(&store), lines + 1);

    let error = store.read_all(fixture.session, fixture.segment).unwrap_err();
    let StoreError::Corrupt { line: found, message } = error else { panic!("{error:?}") };
    assert_eq!(found, line);
    assert!(message.contains(&fixture.segment.to_string()), "{message}");
    assert_eq!(store.list_segments(fixture.session).unwrap(), [fixture.segment]);
}

#[test]
fn entries_before_a_bad_line_are_returned_first() {
    let fixture = Fixture::holding("{\"n\":0}\n{\"n\":1}\n{\"n\":2}{}\n{\"n\":3}\n");
    let store = fixture.open();
    let mut found: Vec<_> = store.entries(fixture.session, fixture.segment, 0).collect();
    assert!(matches!(found.pop(), Some(Err(StoreError::Corrupt { line: 3, .. }))), "{found:?}");
    let found: Result<Vec<_>, _> = found.into_iter().collect();
    assert_eq!(found.unwrap(), numbered(0..2));
}

#[test]
fn invalid_utf8_affects_its_own_line_only() {
    let fixture = Fixture::holding(b"{\"a\":1}\n{\"b\":\"\xff\"}\n{\"c\":3}\n");
    let store = fixture.open();
    let read = |start| store.read_page(fixture.session, fixture.segment, start, 1);
    assert_eq!(read(0).unwrap().entries, [entry("{\"a\":1}")]);
    assert!(matches!(read(1), Err(StoreError::Corrupt { line: 2, .. })));
    assert_eq!(read(2).unwrap().entries, [entry("{\"c\":3}")]);
}

#[test]
fn a_bad_line_far_into_a_log_with_blank_lines_has_its_number() {
    let mut bytes = String::new();
    for n in 0..20_000 {
        bytes += &format!("{{\"n\":{n}}}\n\n");
    }
    let fixture = Fixture::holding(bytes + "oops\n");
    let store = fixture.open();
    let page = store.read_page(fixture.session, fixture.segment, 19_998, 1 << 10);
    assert!(matches!(page, Err(StoreError::Corrupt { line: 40_001, .. })), "{page:?}");
    let page = store.read_page(fixture.session, fixture.segment, 19_998, 11).unwrap();
    assert_eq!(page.entries, [entry("{\"n\":19998}")]);
    store.truncate(fixture.session, fixture.segment, 19_999).unwrap();
    assert_eq!(fixture.texts(&store).last().unwrap(), "{\"n\":19998}");
}

#[test]
fn truncating_by_one_works_from_any_tail() {
    for tail in
        ["{\"b\":2}\n", "{\"b\":2}", "{\"b\":2}\n\n", "{\"b\":2}\n{\"torn", "{\"b\":2}\n\0\n"]
    {
        let fixture = Fixture::holding(format!("{{\"a\":1}}\n{tail}"));
        let store = fixture.open();
        store.truncate(fixture.session, fixture.segment, 1).unwrap();
        assert_eq!(fixture.bytes(), "{\"a\":1}\n", "{tail:?}");
        assert_eq!(fixture.count(&store), 1);
    }
}
