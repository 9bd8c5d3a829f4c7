//! R: reads are whole, repeatable, prefixes of what comes, and tell damage from absence.

use session_store_core::{LogEntry, PageBudget, Store, StoreError};

use crate::failure::{Verdict, ensure, ensure_err, same, same_entries};
use crate::log::Log;
use crate::provided::Provided;
use crate::run::Run;
use crate::sample::{entry, numbered, odd_padding, oddities, signed, trace};
use crate::snapshot::Snapshot;
use crate::threads::{during, race};

pub(crate) fn r1_unknown_is_not_found(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::with(&store, &numbered(0..1))?;
    for unknown in [Log::new(&store), log.sibling(), log.namesake()] {
        let id = unknown.segment_id;
        ensure_err!(unknown.entries(), StoreError::NotFound(segment) if *segment == id);
        ensure_err!(unknown.page(0, 100), StoreError::NotFound(segment) if *segment == id);
    }
    Ok(())
}

pub(crate) fn r1_empty_is_empty(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::new(&store);
    log.create(&[])?;
    log.must_hold(&[], "an empty segment reads as empty")
}

pub(crate) fn r2_reading_changes_nothing(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::with(&store, &oddities())?;
    log.trace(&trace("{}"))?;
    let before = Snapshot::of(&store)?;
    let traces = store.capabilities().has(session_store_core::Capability::ReadTraces);
    for log in [log, log.sibling(), log.namesake(), Log::new(&store)] {
        // Of unknown segments every read is refused or empty; what matters is that none makes them.
        let _ = (log.entries(), log.page(0, 10), log.count());
        let (exists, _, _) = (log.exists()?, log.head()?, log.lookup()?);
        store.list_segments(log.session_id)?;
        if traces {
            log.traces()?;
        }
        same(&log.exists()?, &exists, "asking again")?;
    }
    before.must_be_what(&store, "reading changes nothing")
}

pub(crate) fn r3_reads_are_prefixes(run: &Run<'_>) -> Verdict {
    let mut written = 1;
    let handles = run.open_many(3)?;
    let log = Log::with(&handles[0], &numbered(0..1))?;
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
    during(write, || {
        let now = log.through(&handles[2]).entries()?;
        ensure!(now.len() >= last.len(), "{} entries were read, then {}", last.len(), now.len());
        same_entries(&now[..last.len()], &last, "a read is a prefix of what later reads return")?;
        last = now;
        Ok(())
    })?;
    same(&last.len(), &written, "the last read has everything")
}

pub(crate) fn r3_pages_and_counts_only_grow(run: &Run<'_>) -> Verdict {
    let (writer, reader) = (run.open()?, run.open()?);
    let log = Log::with(&writer, &numbered(0..1))?;
    let seen = log.through(&reader);
    let mut last = 0;
    let write = |n| Ok(log.append(&numbered(n + 1..n + 2)[0])?);
    during(write, || {
        let count = seen.count()?;
        let page = seen.page(0, usize::MAX)?;
        ensure!(last <= count, "the count fell from {last} to {count}");
        ensure!(
            count <= page.entries.len(),
            "{count} were counted, then {} read",
            page.entries.len()
        );
        same_entries(&page.entries, &numbered(0..page.entries.len()), "a page is a prefix")?;
        last = page.entries.len();
        Ok(())
    })
}

/// Stored bytes that are no entry, in a file or in a table.
const BAD: [&[u8]; 6] =
    [b"nonsense", b"[1]", b"{\"n\":1}{\"n\":2}", b"{\"n\":", b"{\"n\":\"\xff\xfe\"}", b"\"{}\""];

pub(crate) fn r4_bad_lines_are_corrupt(run: &Run<'_>) -> Verdict {
    let log = Log::with(&run.open()?, &numbered(0..3))?.ids();
    for bad in BAD {
        run.overwrite(log, 1, bad)?;
        let store = run.open()?;
        let log = Log::known(&store, log);
        let id = log.segment_id.to_string();
        ensure_err!(
            log.entries(),
            StoreError::Corrupt { line: 2, message } if message.contains(&id)
        );
        ensure_err!(
            log.page(0, usize::MAX),
            StoreError::Corrupt { line: 2, message } if message.contains(&id)
        );
    }
    Ok(())
}

pub(crate) fn r4_the_rest_stays_usable(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let (log, other) = (Log::with(&store, &numbered(0..3))?, Log::with(&store, &oddities())?);
    let (log, other) = (log.ids(), other.ids());
    drop(store);
    run.overwrite(log, 1, b"nonsense")?;
    let store = run.open()?;
    let log = Log::known(&store, log);
    Log::known(&store, other).must_hold(&oddities(), "other segments stay readable")?;
    log.must_exist("listing works beside a bad line")?;
    log.append(&numbered(3..4)[0])?;
    same(&log.count()?, &4, "a count counts lines and does not validate them")?;
    same_entries(&log.page(3, 100)?.entries, &numbered(3..4), "appends to the segment work")
}

pub(crate) fn r6_fails_only_inside_the_page(run: &Run<'_>) -> Verdict {
    let log = Log::with(&run.open()?, &numbered(0..5))?.ids();
    run.overwrite(log, 2, b"nonsense")?;
    let store = run.open()?;
    let log = Log::known(&store, log);
    let two = 2 * r#"{"n":0}"#.len();
    same_entries(&log.page(0, two)?.entries, &numbered(0..2), "a page before the bad line")?;
    same_entries(&log.page(3, usize::MAX)?.entries, &numbered(3..5), "a page after the bad line")?;
    ensure_err!(log.page(2, 1), StoreError::Corrupt { line: 3, .. });
    Ok(())
}

/// What a page of `max_bytes` from `start` on must hold.
fn page_of(entries: &[LogEntry], start: usize, max_bytes: usize) -> Vec<LogEntry> {
    let mut budget = PageBudget::new(max_bytes);
    let fits = |entry: &&LogEntry| budget.admits(entry.as_json().len());
    entries.iter().skip(start).take_while(fits).cloned().collect()
}

pub(crate) fn r6_pages_hold_what_fits(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let entries: Vec<_> = (0..30).map(|n| signed(0, n, n * 7 % 50)).collect();
    let log = Log::with(&store, &entries)?;
    for start in [0, 1, 13, 29, 30, 31, usize::MAX] {
        for max_bytes in [0, 1, 23, 24, 100, 500, usize::MAX] {
            let page = log.page(start, max_bytes)?;
            let promise = format!("read_page({start}, {max_bytes})");
            same_entries(&page.entries, &page_of(&entries, start, max_bytes), &promise)?;
            same(&Some(page.head), &log.head()?, &format!("{promise}: its head"))?;
        }
    }
    Ok(())
}

pub(crate) fn r6_pages_in_sequence_are_the_log(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let entries: Vec<_> = (0..60).map(|n| signed(0, n, odd_padding(n) % 5_000)).collect();
    let log = Log::with(&store, &entries)?;
    for max_bytes in [0, 100, 4_096, 60_000] {
        let mut read = Vec::new();
        loop {
            let page = log.page(read.len(), max_bytes)?.entries;
            if page.is_empty() {
                break;
            }
            read.extend(page);
        }
        same_entries(&read, &log.entries()?, &format!("pages of {max_bytes} bytes in sequence"))?;
    }
    Ok(())
}

pub(crate) fn r6_the_head_is_of_the_same_moment(run: &Run<'_>) -> Verdict {
    let (writer, reader) = (run.open()?, run.open()?);
    let log = Log::with(&writer, &numbered(0..1))?;
    let write = |n| Ok(log.append(&numbered(n + 1..n + 2)[0])?);
    during(write, || {
        let page = log.through(&reader).page(0, usize::MAX)?;
        same(&page.head.entries(), &page.entries.len(), "a page of everything, and its head")
    })
}

pub(crate) fn r6_the_traits_body_agrees(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let own = Log::with(&store, &oddities())?;
    let base = Provided(&store);
    let provided = own.through(&base);
    for start in [0, 3, oddities().len(), usize::MAX] {
        for max_bytes in [0, 64, usize::MAX] {
            let (own, provided) = (own.page(start, max_bytes)?, provided.page(start, max_bytes)?);
            same_entries(&own.entries, &provided.entries, "read_page and the trait's own body")?;
            let counts = (own.head.entries(), provided.head.entries());
            same(&counts.0, &counts.1, "the page's head and the trait's own body")?;
        }
    }
    provided.append_all(&[entry("{}"), entry("{}")])?;
    same(&own.count()?, &(oddities().len() + 2), "append_all by the trait's own body")?;
    let counts = (own.known_head()?.entries(), provided.known_head()?.entries());
    same(&counts.0, &counts.1, "head and the trait's own body")
}
