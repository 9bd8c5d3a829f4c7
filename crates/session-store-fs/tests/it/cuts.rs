//! Tests of truncations that a power cut interrupted.
//!
//! After the power cut, the log has its old length, and NULs from the new end to the end of the
//! block. The epoch file of the segment contains a mark, the offset of the new end. Readers end the
//! log at the mark ([T6](session_store_core::contract#t6)).

use std::fs;
use std::path::PathBuf;

use rstest::rstest;
use session_store_core::{Head, PageRequest, Store, StoreError};

use crate::{Fixture, entry, numbered};

/// The block size of most file systems.
const BLOCK: usize = 4096;

const ENTRIES: usize = 1_000;

/// An epoch file without a mark, which an older version wrote.
const WITHOUT_MARK: &[u8; 33] = include_bytes!("epoch-without-mark");

fn epoch(fixture: &Fixture) -> PathBuf {
    fixture.path(&format!(".session-store/epochs/{}.{}", fixture.session, fixture.segment))
}

/// Returns a log whose truncation to `kept` entries was interrupted, and its bytes.
fn interrupted(kept: usize) -> (Fixture, Vec<u8>) {
    let fixture = Fixture::new();
    let store = fixture.open();
    store.append_all(fixture.session, fixture.segment, &numbered(0..ENTRIES)).unwrap();
    let mut bytes = fs::read(fixture.log()).unwrap();
    store.truncate(fixture.session, fixture.segment, kept).unwrap();
    let cut = fs::read(fixture.log()).unwrap().len();
    let end = cut.next_multiple_of(BLOCK).min(bytes.len());
    bytes[cut..end].fill(0);
    fs::write(fixture.log(), &bytes).unwrap();
    (fixture, bytes)
}

#[rstest]
#[case::to_one(1)]
#[case::inside_a_block(100)]
#[case::by_one(ENTRIES - 1)]
fn an_interrupted_truncation_is_read_as_done_and_finished_by_the_next_change(
    #[case] kept: usize,
    #[values("append", "truncate", "replace")] change: &str,
) {
    let (fixture, before) = interrupted(kept);
    let (session, segment) = (fixture.session, fixture.segment);
    let (store, other) = (fixture.open(), fixture.open());
    for store in [&store, &other] {
        assert_eq!(store.read_all(session, segment).unwrap(), numbered(0..kept));
        assert_eq!(fixture.count(store), kept);
        assert_eq!(store.read_page(session, segment, kept, 9).unwrap().entries, []);
    }
    assert_eq!(fs::read(fixture.log()).unwrap(), before, "a read must not change the log");

    let expected = match change {
        "append" => {
            store.append(session, segment, &entry("{}")).unwrap();
            [numbered(0..kept), vec![entry("{}")]].concat()
        }
        "truncate" => {
            store.truncate(session, segment, kept / 2).unwrap();
            numbered(0..kept / 2)
        }
        _ => {
            store.create_segment(session, segment, &numbered(0..ENTRIES)).unwrap();
            numbered(0..ENTRIES)
        }
    };
    for store in [&store, &other, &fixture.open()] {
        assert_eq!(store.read_all(session, segment).unwrap(), expected);
    }
    assert!(!fixture.bytes().contains('\0'));
    if change == "append" {
        let torn = fs::read_dir(fixture.path(".session-store/torn")).unwrap();
        let torn: Vec<_> = torn.map(|torn| fs::read(torn.unwrap().path()).unwrap()).collect();
        let cut = before.iter().position(|&byte| byte == 0).unwrap();
        assert_eq!(torn, [&before[cut..]], "the rest must be quarantined");
    }
}

#[test]
fn the_mark_stays_after_the_log_has_grown_again() {
    let fixture = Fixture::new();
    let (session, segment) = (fixture.session, fixture.segment);
    let store = fixture.open();
    let length = || fs::read(epoch(&fixture)).unwrap().len();
    store.append_all(session, segment, &numbered(0..3)).unwrap();
    assert_eq!(length(), 50);
    store.truncate(session, segment, 1).unwrap();
    let marked = fs::read(epoch(&fixture)).unwrap();
    assert!(marked.ends_with(b" 0000000000000008\n"), "{marked:?}");
    store.append_all(session, segment, &numbered(1..3)).unwrap();
    assert_eq!(fs::read(epoch(&fixture)).unwrap(), marked);
    assert_eq!(fixture.open().read_all(session, segment).unwrap(), numbered(0..3));
    store.create_segment(session, segment, &numbered(0..2)).unwrap();
    assert!(fs::read(epoch(&fixture)).unwrap().ends_with(&marked[32..]));
    assert_eq!(fixture.open().read_all(session, segment).unwrap(), numbered(0..2));
}

#[test]
fn an_epoch_without_a_mark_is_read() {
    let fixture = Fixture::new();
    let (session, segment) = (fixture.session, fixture.segment);
    fixture.append(&fixture.open(), "{\"n\":0}");
    fs::write(epoch(&fixture), WITHOUT_MARK).unwrap();
    let token = str::from_utf8(WITHOUT_MARK).unwrap().trim_end();
    let expected: Head = format!("1@{token}").parse().unwrap();
    let store = fixture.open();
    assert_eq!(store.head(session, segment).unwrap(), Some(expected));
    store.append_if(session, segment, Some(expected), &numbered(1..2)).unwrap();
    store.truncate(session, segment, 1).unwrap();
    assert_eq!(fs::read(epoch(&fixture)).unwrap().len(), 50);
    assert_ne!(fixture.open().head(session, segment).unwrap(), Some(expected));
}

/// The first page of a long log is read without the mark in the epoch file. Only a NUL shows where
/// the log ends.
#[test]
fn a_search_does_not_find_entries_after_an_interrupted_truncation() {
    let fixture = Fixture::new();
    let (session, segment) = (fixture.session, fixture.segment);
    let long = |n: usize| entry(&format!("{{\"n\":{n},\"x\":\"{}\"}}", "x".repeat(5_000)));
    let store = fixture.open();
    store.append_all(session, segment, &(0..400).map(long).collect::<Vec<_>>()).unwrap();
    let mut bytes = fs::read(fixture.log()).unwrap();
    store.truncate(session, segment, 20).unwrap();
    let cut = fs::read(fixture.log()).unwrap().len();
    bytes[cut..cut + BLOCK].fill(0);
    fs::write(fixture.log(), &bytes).unwrap();

    let request = PageRequest::new(0, 1 << 19).with_head(false);
    let matches = |text: &str| text.ends_with("xx\"}");
    let (found, _) =
        fixture.open().read_page_matching(session, segment, request, &matches).unwrap();
    assert_eq!(found.iter().flatten().count(), 20);
}

#[test]
fn an_older_version_that_writes_over_the_epoch_removes_the_mark() {
    let (fixture, _) = interrupted(100);
    let marked = fs::read(epoch(&fixture)).unwrap();
    fs::write(epoch(&fixture), [&WITHOUT_MARK[..], &marked[33..]].concat()).unwrap();
    let store = fixture.open();
    let error = store.read_all(fixture.session, fixture.segment).unwrap_err();
    let StoreError::Corrupt { line: 101, message } = error else { panic!("{error:?}") };
    assert!(message.contains("power cut during a truncation"), "{message}");
    assert!(message.contains("its first 100 entries"), "{message}");

    store.truncate(fixture.session, fixture.segment, 100).unwrap();
    assert_eq!(store.read_all(fixture.session, fixture.segment).unwrap(), numbered(0..100));
}
