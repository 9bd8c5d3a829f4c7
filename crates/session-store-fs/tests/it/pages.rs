//! Tests of reading page by page. A read of a page begins at the byte at which the last page ended.
//! After a truncation, the store searches for the start of the page by the number of its first
//! entry.

use std::fs;

use session_store_core::{Head, LogEntry, PageRequest, Pages, Store, StoreError, StoreExt};
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

#[test]
fn a_bad_line_that_does_not_match_counts_as_an_entry() {
    let fixture = Fixture::holding("{\"n\":1}\n\nbad\n{\"n\":2}\n");
    let store = fixture.open();
    let find = |text: &'static str| {
        let request = PageRequest::new(0, usize::MAX);
        let matches = |line: &str| line.contains(text);
        store.read_page_matching(fixture.session, fixture.segment, request, &matches)
    };
    assert_eq!(find("2").unwrap().0, [None, None, Some(entry("{\"n\":2}"))]);
    assert!(matches!(find("bad").unwrap_err(), StoreError::Corrupt { line: 3, .. }));
}

/// The number of bytes at the start of a longer log that a store reads for the first page. The
/// store does not read the rest of the log for this page.
const START: usize = 1 << 20;

/// Returns a directory with a log of 2 MiB, and the log's entries.
fn long_log() -> (Fixture, Vec<LogEntry>) {
    let log = sized(1400);
    let bytes: String = log.iter().flat_map(|entry| [entry.as_json(), "\n"]).collect();
    assert!(bytes.len() > START * 3 / 2);
    (Fixture::holding(bytes), log)
}

/// Returns the result of a read, and the number of bytes that this thread read meanwhile.
pub(crate) fn bytes_read<T>(read: impl FnOnce() -> T) -> (T, usize) {
    let count = || {
        let text = fs::read_to_string("/proc/thread-self/io").unwrap();
        let (_, rest) = text.split_once("rchar: ").unwrap();
        rest.lines().next().unwrap().parse::<usize>().unwrap()
    };
    let before = count();
    let result = read();
    (result, count() - before)
}

fn without_head(
    fixture: &Fixture,
    store: &FsStore,
    start: usize,
    max_bytes: usize,
) -> Result<(Vec<LogEntry>, Option<Head>), StoreError> {
    let request = PageRequest::new(start, max_bytes).with_head(false);
    store.read_page_with(fixture.session, fixture.segment, request)
}

#[cfg(target_os = "linux")]
#[test]
fn the_first_entry_of_a_long_log_is_read_without_the_rest() {
    let (fixture, log) = long_log();
    let (first, read) =
        bytes_read(|| fixture.open().read_range(fixture.session, fixture.segment, 0..1).unwrap());
    assert_eq!(first, log[..1]);
    assert!(read < START, "{read} bytes");
    let (all, read) = bytes_read(|| {
        let store = fixture.open();
        let pages = Pages::<LogEntry>::new(0).start_without_head();
        let entries = store.segment(fixture.session, fixture.segment).iterate(pages);
        entries.collect::<Result<Vec<_>, _>>().unwrap()
    });
    assert_eq!(all, log);
    let size = usize::try_from(fs::metadata(fixture.log()).unwrap().len()).unwrap();
    assert!(
        read < size * 2 + size / 4,
        "more than two passes, one that counts and one that returns: {read} bytes"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn the_first_read_of_a_short_log_is_one_pass() {
    let (fixture, log) = (Fixture::new(), sized(400));
    let (session, segment) = (fixture.session, fixture.segment);
    fixture.open().create_segment(session, segment, &log).unwrap();
    let size = fixture.bytes().len();
    let (all, page) = (fixture.open(), fixture.open());
    let reads: [(&str, &dyn Fn() -> Vec<LogEntry>); 2] = [
        ("read_all", &|| all.read_all(session, segment).unwrap()),
        ("read_page", &|| page.read_page(session, segment, 0, size).unwrap().entries),
    ];
    for (name, read) in reads {
        let (entries, bytes) = bytes_read(read);
        assert_eq!(entries, log, "{name}");
        assert!(bytes < size + size / 4, "{name} read {bytes} bytes of {size}");
    }
    let (head, bytes) = bytes_read(|| all.head(session, segment).unwrap().unwrap());
    assert_eq!(head.entries(), log.len());
    assert!(bytes < size / 4, "the read has built the index, but then {bytes} bytes were read");
}

#[test]
fn a_page_without_a_head_has_the_same_entries() {
    let (fixture, _) = long_log();
    for start in [0, 1, 700, 1400, usize::MAX] {
        for max_bytes in [0, 5000, 100_000, START, usize::MAX] {
            let found = without_head(&fixture, &fixture.open(), start, max_bytes).unwrap();
            let store = fixture.open();
            let page = store.read_page(fixture.session, fixture.segment, start, max_bytes).unwrap();
            assert_eq!(found.0, page.entries, "{max_bytes} from {start}");
            assert!(found.1.is_none_or(|head| head == page.head));
            let is_inside = start == 0 && max_bytes <= 100_000;
            assert!(found.1.is_none() || !is_inside, "{max_bytes} from {start}");
        }
    }
}

#[test]
fn a_page_without_a_head_ends_where_readers_end() {
    let (fixture, log) = long_log();
    let bytes = fs::read(fixture.log()).unwrap();
    let same = |context: &str| {
        for start in [0, 1, 2] {
            let found = without_head(&fixture, &fixture.open(), start, 100).map(|found| found.0);
            let store = fixture.open();
            let page = store.read_page(fixture.session, fixture.segment, start, 100);
            match (found, page) {
                (Ok(found), Ok(page)) => assert_eq!(found, page.entries, "{context}"),
                (Err(found), Err(page)) => assert_eq!(found.to_string(), page.to_string()),
                other => panic!("{context}: {other:?}"),
            }
        }
    };
    // A line that is longer than the part of the log that is read. It is an entry, torn, bad, or
    // has NULs.
    let long = format!("{{\"x\":\"{}\"", "x".repeat(START));
    for (end, context) in [("}\n", "an entry"), ("", "torn"), ("}x\n", "bad"), ("\0\n", "NUL")] {
        fs::write(fixture.log(), format!("{long}{end}")).unwrap();
        same(context);
        fs::write(fixture.log(), format!("{{}}\n{long}{end}")).unwrap();
        same(context);
        fs::write(fixture.log(), format!("{{}}\n{long}{end}{{}}\n")).unwrap();
        same(context);
    }
    fs::write(fixture.log(), format!("bad\n{{}}\n{long}}}\n")).unwrap();
    same("a bad first line");

    // A power cut that interrupted a truncation to the first entry.
    fs::write(fixture.log(), &bytes).unwrap();
    fixture.open().truncate(fixture.session, fixture.segment, 1).unwrap();
    let cut = log[0].as_json().len() + 1;
    let mut interrupted = bytes;
    interrupted[cut..cut + 4096].fill(0);
    fs::write(fixture.log(), interrupted).unwrap();
    same("an interrupted cut");
    assert_eq!(without_head(&fixture, &fixture.open(), 0, START).unwrap().0, log[..1]);
}
