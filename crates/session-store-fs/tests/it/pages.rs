//! Tests of reading page by page. A page is read from the byte where the page before it ended.
//! After a truncation, the store finds the start of the page by the number of its entry again.

use session_store_core::{LogEntry, Store, StoreError};
use session_store_fs::FsStore;

use crate::{Fixture, entry};

/// Returns entries of many sizes, each with its number.
fn sized(count: usize) -> Vec<LogEntry> {
    let text = |n: usize| format!("{{\"n\":{n},\"x\":\"{}\"}}", "x".repeat(n * 37 % 3000));
    (0..count).map(|n| entry(&text(n))).collect()
}

/// Reads the log from `start` on, page by page.
fn pages(fixture: &Fixture, store: &FsStore, start: usize, max_bytes: usize) -> Vec<LogEntry> {
    let mut all = Vec::new();
    loop {
        let at = start + all.len();
        let page = store.read_page(fixture.session, fixture.segment, at, max_bytes).unwrap();
        if page.entries.is_empty() {
            return all;
        }
        all.extend(page.entries);
    }
}

#[test]
fn pages_of_every_size_make_up_the_log() {
    let (fixture, log) = (Fixture::new(), sized(400));
    fixture.open().create_segment(fixture.session, fixture.segment, &log).unwrap();
    let store = fixture.open();
    for max_bytes in [0, 1, 100, 4096, 100_000, 1 << 20, usize::MAX] {
        for start in [0, 1, 399, 400, 401] {
            let expected = log.get(start..).unwrap_or_default();
            assert_eq!(pages(&fixture, &store, start, max_bytes), expected, "{max_bytes} {start}");
        }
    }
}

#[test]
fn a_page_after_a_truncation_starts_at_its_entry() {
    let (fixture, log) = (Fixture::new(), sized(200));
    let (session, segment) = (fixture.session, fixture.segment);
    let (one, other) = (fixture.open(), fixture.open());
    for cutting in [&one, &other] {
        one.create_segment(session, segment, &log).unwrap();
        let first = one.read_page(session, segment, 0, 50_000).unwrap().entries.len();
        assert!(first > 1 && first < log.len());
        cutting.truncate(session, segment, first - 1).unwrap();
        let after: Vec<_> = (0..9).map(|n| entry(&format!("{{\"after\":{n}}}"))).collect();
        cutting.append_all(session, segment, &after).unwrap();
        assert_eq!(pages(&fixture, &one, first, 50_000), after[1..]);
    }
}

#[test]
fn the_number_of_a_bad_line_does_not_depend_on_earlier_reads() {
    let fixture = Fixture::holding("{}\n\n  \n{\"n\":1}\n\nbad\n{\"n\":2}");
    let (session, segment) = (fixture.session, fixture.segment);
    let store = fixture.open();
    let page = |start| store.read_page(session, segment, start, 1);
    for _ in 0..2 {
        for start in [0, 1] {
            assert_eq!(page(start).unwrap().entries.len(), 1);
        }
        assert!(matches!(page(2).unwrap_err(), StoreError::Corrupt { line: 6, .. }));
        assert_eq!(page(3).unwrap().entries, [entry("{\"n\":2}")]);
    }
}
