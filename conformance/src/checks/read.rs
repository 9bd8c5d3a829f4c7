//! Checks of section R of the contract (read): a read returns whole entries, can be repeated, is a
//! prefix of later reads, and reports damage.

use session_store_core::{BaseLevel, LogEntry, PageRequest, Store, StoreError};

use crate::check_result::{CheckResult, ensure, ensure_entries, ensure_eq, ensure_err};
use crate::run::Run;
use crate::sample::{entry, nth, numbered, odd_padding, page_of, signed, trace, unusual_entries};
use crate::snapshot::Snapshot;
use crate::test_log::TestLog;
use crate::threads::{race, write_while_reading};

pub(crate) fn r1_unknown_is_not_found(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::with(&store, &numbered(0..1))?;
    for unknown in log.unknown_segments() {
        let id = unknown.segment_id();
        ensure_err!(unknown.read_all(), StoreError::NotFound(segment) if *segment == id);
        for start in [0, 5] {
            let page = unknown.read_page(start, 100);
            ensure_err!(page, StoreError::NotFound(segment) if *segment == id);
        }
    }
    Ok(())
}

pub(crate) fn r1_empty_is_empty(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::new(&store);
    log.create(&[])?;
    log.must_hold(&[], "an empty segment")
}

pub(crate) fn r2_reading_changes_nothing(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::with(&store, &unusual_entries())?;
    log.append_trace(&trace("{}"))?;
    let before = Snapshot::of(&store)?;
    let traces = store.capabilities().has(session_store_core::Capability::ReadTraces);
    for log in [log, log.sibling(), log.namesake(), TestLog::new(&store)] {
        // The reads of unknown segments may fail. The check is that they create nothing.
        let _ = (log.read_all(), log.read_page(0, 10), log.read_entry_count());
        let (exists, _, _) = (log.exists()?, log.head()?, log.lookup()?);
        store.list_segments(log.session_id())?;
        if traces {
            log.read_trace()?;
        }
        ensure_eq(&log.exists()?, &exists, "exists after reads")?;
    }
    before.must_be_unchanged_in(&store, "the storage after reads")
}

pub(crate) fn r3_reads_are_prefixes(run: &Run<'_>) -> CheckResult {
    let mut written = 1;
    let handles = run.open_many(3)?;
    let log = TestLog::with(&handles[0], &numbered(0..1))?;
    let write = |round| {
        race(2, |writer| {
            let log = log.through(&handles[writer]);
            let append = |n| log.append(&signed(writer, n, odd_padding(n) % 5_000));
            Ok((2 * round..2 * round + 2).try_for_each(append)?)
        })?;
        written += 4;
        Ok(())
    };
    let mut last = Vec::new();
    write_while_reading(write, || {
        let now = log.through(&handles[2]).read_all()?;
        ensure!(
            now.len() >= last.len(),
            "a read returned {} entries, a later one {}",
            last.len(),
            now.len()
        );
        ensure_entries(&now[..last.len()], &last, "the start of a later read")?;
        last = now;
        Ok(())
    })?;
    ensure_eq(&last.len(), &written, "the entries of the last read")
}

pub(crate) fn r3_pages_and_counts_only_grow(run: &Run<'_>) -> CheckResult {
    let (writer, reader) = (run.open()?, run.open()?);
    let log = TestLog::with(&writer, &numbered(0..1))?;
    let seen = log.through(&reader);
    let mut last = 0;
    let write = |n| Ok(log.append(&nth(n + 1))?);
    write_while_reading(write, || {
        let count = seen.read_entry_count()?;
        let page = seen.read_page(0, usize::MAX)?;
        ensure!(last <= count, "the count {count} is lower than the {last} entries read before");
        ensure!(
            count <= page.entries.len(),
            "{count} entries were counted, but a later page has {}",
            page.entries.len()
        );
        ensure_entries(&page.entries, &numbered(0..page.entries.len()), "the entries of a page")?;
        last = page.entries.len();
        Ok(())
    })
}

/// Stored bytes that are not an entry, in a file or in a table.
const BAD: [&[u8]; 6] =
    [b"nonsense", b"[1]", b"{\"n\":1}{\"n\":2}", b"{\"n\":", b"{\"n\":\"\xff\xfe\"}", b"\"{}\""];

pub(crate) fn r4_bad_lines_are_corrupt(run: &Run<'_>) -> CheckResult {
    let log = TestLog::with(&run.open()?, &numbered(0..3))?.key();
    for bad in BAD {
        run.overwrite(log, 1, bad)?;
        let store = run.open()?;
        let log = TestLog::at(&store, log);
        let id = log.segment_id().to_string();
        ensure_err!(
            log.read_all(),
            StoreError::Corrupt { line: 2, message } if message.contains(&id)
        );
        ensure_err!(
            log.read_page(0, usize::MAX),
            StoreError::Corrupt { line: 2, message } if message.contains(&id)
        );
    }
    Ok(())
}

pub(crate) fn r4_the_rest_stays_usable(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let (log, other) =
        (TestLog::with(&store, &numbered(0..3))?, TestLog::with(&store, &unusual_entries())?);
    let (log, other) = (log.key(), other.key());
    drop(store);
    run.overwrite(log, 1, b"nonsense")?;
    let store = run.open()?;
    let log = TestLog::at(&store, log);
    TestLog::at(&store, other)
        .must_hold(&unusual_entries(), "another segment beside a bad line")?;
    log.must_exist("a segment with a bad line")?;
    log.append(&nth(3))?;
    log.must_count(4, "the count of a segment with a bad line")?;
    log.must_read_page(3, 100, &numbered(3..4), "an entry that was appended after a bad line")
}

pub(crate) fn r6_fails_only_inside_the_page(run: &Run<'_>) -> CheckResult {
    let log = TestLog::with(&run.open()?, &numbered(0..5))?.key();
    run.overwrite(log, 2, b"nonsense")?;
    let store = run.open()?;
    let log = TestLog::at(&store, log);
    let two = 2 * r#"{"n":0}"#.len();
    log.must_read_page(0, two, &numbered(0..2), "a page before the bad line")?;
    log.must_read_page(3, usize::MAX, &numbered(3..5), "a page after the bad line")?;
    ensure_err!(log.read_page(2, 1), StoreError::Corrupt { line: 3, .. });
    Ok(())
}

pub(crate) fn r6_pages_hold_what_fits(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let entries: Vec<_> = (0..30).map(|n| signed(0, n, n * 7 % 50)).collect();
    let log = TestLog::with(&store, &entries)?;
    for start in [0, 1, 13, 29, 30, 31, usize::MAX] {
        for max_bytes in [0, 1, 23, 24, 100, 500, usize::MAX] {
            let page = log.read_page(start, max_bytes)?;
            let context = format!("read_page({start}, {max_bytes})");
            ensure_entries(&page.entries, &page_of(&entries, start, max_bytes), &context)?;
            ensure_eq(&Some(page.head), &log.head()?, &format!("{context}: the head"))?;
            for needs_head in [false, true] {
                let request = PageRequest::new(start, max_bytes).with_head(needs_head);
                let (found, head) = log.read_page_with(request)?;
                ensure_entries(&found, &page.entries, &format!("read_page_with({request:?})"))?;
                if needs_head || head.is_some() {
                    ensure_eq(&head, &Some(page.head), &format!("the head of {request:?}"))?;
                }
            }
        }
    }
    Ok(())
}

pub(crate) fn r6_pages_in_sequence_are_the_log(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let entries: Vec<_> = (0..60).map(|n| signed(0, n, odd_padding(n) % 5_000)).collect();
    let log = TestLog::with(&store, &entries)?;
    for max_bytes in [0, 100, 4_096, 60_000] {
        let mut read = Vec::new();
        loop {
            let page = log.read_page(read.len(), max_bytes)?.entries;
            if page.is_empty() {
                break;
            }
            read.extend(page);
        }
        log.must_read(&read, &format!("read_all and pages of {max_bytes} bytes"))?;
    }
    Ok(())
}

pub(crate) fn r6_pages_continue_in_a_changed_log(run: &Run<'_>) -> CheckResult {
    let (store, other) = (run.open()?, run.open()?);
    let changes: [fn(TestLog<'_>) -> Result<(), StoreError>; 2] =
        [|log| log.create(&numbered(20..30)), |log| log.truncate(1)];
    for change in changes {
        let log = TestLog::with(&store, &numbered(0..10))?;
        let first = log.read_page(0, 30)?.entries;
        ensure_entries(&first, &page_of(&numbered(0..10), 0, 30), "the first page")?;
        let writer = log.through(&other);
        change(writer)?;
        // The log becomes as long as it was, so its length does not show the change.
        let regrown = numbered(40..50 - writer.read_entry_count()?);
        writer.append_all(&regrown)?;
        let all = writer.read_all()?;
        let context = "the second page, after another handle changed the log";
        log.must_read_page(first.len(), usize::MAX, &all[first.len()..], context)?;
    }
    Ok(())
}

pub(crate) fn r6_the_head_is_of_the_same_moment(run: &Run<'_>) -> CheckResult {
    let (writer, reader) = (run.open()?, run.open()?);
    let log = TestLog::with(&writer, &numbered(0..1))?;
    let write = |n| Ok(log.append(&nth(n + 1))?);
    write_while_reading(write, || {
        let page = log.through(&reader).read_page(0, usize::MAX)?;
        ensure_eq(&page.head.entries(), &page.entries.len(), "the count of a whole page")
    })
}

pub(crate) fn r7_other_entries_are_left_out(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let entries = unusual_entries();
    let log = TestLog::with(&store, &entries)?;
    let matches = |text: &str| !text.len().is_multiple_of(3);
    for start in [0, 2, entries.len(), usize::MAX] {
        for max_bytes in [0, 64, usize::MAX] {
            let request = PageRequest::new(start, max_bytes);
            let (found, head) = log.read_page_matching(request, &matches)?;
            let is_match = |entry: LogEntry| matches(entry.as_json()).then_some(entry);
            let page = log.read_page(start, max_bytes)?;
            let expected: Vec<_> = page.entries.into_iter().map(is_match).collect();
            ensure_eq(&found, &expected, &format!("the entries of {request:?}"))?;
            ensure_eq(&head, &Some(page.head), &format!("the head of {request:?}"))?;
        }
    }
    let unknown = log.unknown_segments().into_iter().next();
    let unknown = unknown.map(|log| log.read_page_matching(PageRequest::new(0, 1), &|_| true));
    ensure!(matches!(unknown, Some(Err(StoreError::NotFound(_)))), "an unknown segment is found");
    Ok(())
}

pub(crate) fn r6_the_traits_body_agrees(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let own = TestLog::with(&store, &unusual_entries())?;
    let base = BaseLevel(&store);
    let provided = own.through(&base);
    for start in [0, 3, unusual_entries().len(), usize::MAX] {
        for max_bytes in [0, 64, usize::MAX] {
            let (own, provided) =
                (own.read_page(start, max_bytes)?, provided.read_page(start, max_bytes)?);
            ensure_entries(&own.entries, &provided.entries, "the provided read_page")?;
            let counts = (own.head.entries(), provided.head.entries());
            ensure_eq(
                &counts.0,
                &counts.1,
                "the count in the head of read_page and of the provided read_page",
            )?;
        }
    }
    provided.append_all(&[entry("{}"), entry("{}")])?;
    own.must_count(unusual_entries().len() + 2, "the count after the provided append_all")?;
    let counts = (own.known_head()?.entries(), provided.known_head()?.entries());
    ensure_eq(&counts.0, &counts.1, "the count in the provided head")
}
