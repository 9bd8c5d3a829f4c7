//! Checks of sections R, X and E of the contract about pages: their sizes are bytes, positions and
//! limits can be large, and entries of every size come back whole.

use session_store_core::{Entry, LogEntry, StoreError, TraceEntry};

use crate::check_result::{CheckResult, ensure_entries};
use crate::run::Run;
use crate::sample::{entry, numbered, numbered_traces, trace};
use crate::test_log::TestLog;

/// Returns the number as a position or a limit, or the largest `usize` if the number does not fit.
fn large(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Positions and limits around the largest numbers of 31, 32, 33 and 63 bits.
fn large_numbers() -> Vec<usize> {
    let powers = [1_u64 << 31, 1 << 32, 1 << 33, 1 << 63];
    powers
        .into_iter()
        .flat_map(|power| [power - 1, power, power + 1, power + 3])
        .map(large)
        .collect()
}

/// Texts with characters of one to four bytes.
fn wide_texts() -> Vec<String> {
    ["plain", "\u{e9}\u{e9}\u{e9}", "\u{20ac}\u{20ac}", "\u{1f980}\u{1f980}\u{1f980}", "a\u{301}"]
        .iter()
        .cycle()
        .take(12)
        .enumerate()
        .map(|(n, text)| format!(r#"{{"n":{n},"t":"{}"}}"#, text.repeat(n % 3 + 1)))
        .collect()
}

/// Fails unless the limit of a page is exact. If the limit is the size of some entries, the page
/// has these entries. With one byte less, the page has one entry less.
fn must_fit_exactly<E: Entry + Clone>(
    all: &[E],
    page: impl Fn(usize, usize) -> Result<Vec<E>, StoreError>,
) -> CheckResult {
    for start in 0..all.len() {
        let rest = &all[start..];
        for len in 1..=rest.len() {
            let size: usize = rest[..len].iter().map(|entry| entry.as_json().len()).sum();
            let context = format!("the page ({start}, {size}), which is exactly full");
            ensure_entries(&page(start, size)?, &rest[..len], &context)?;
            let context = format!("the page ({start}, {}), which lacks one byte", size - 1);
            ensure_entries(&page(start, size - 1)?, &rest[..(len - 1).max(1)], &context)?;
        }
    }
    Ok(())
}

pub(crate) fn r6_a_page_can_be_exactly_full(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let all: Vec<_> = (0..12).map(|n| entry(format!(r#"{{"p":"{}"}}"#, "x".repeat(n)))).collect();
    let log = TestLog::with(&store, &all)?;
    must_fit_exactly(&all, |start, size| Ok(log.read_page(start, size)?.entries))
}

pub(crate) fn r6_sizes_are_bytes(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let all: Vec<LogEntry> = wide_texts().into_iter().map(entry).collect();
    let log = TestLog::with(&store, &all)?;
    must_fit_exactly(&all, |start, size| Ok(log.read_page(start, size)?.entries))
}

pub(crate) fn r6_large_positions_are_past_the_end(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::with(&store, &numbered(0..10))?;
    for start in large_numbers() {
        log.must_read_page(start, 1_000, &[], &format!("a page from position {start} on"))?;
    }
    Ok(())
}

pub(crate) fn r6_large_limits_hold_everything(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::with(&store, &numbered(0..10))?;
    for limit in large_numbers() {
        log.must_read_page(2, limit, &numbered(2..10), &format!("a page of {limit} bytes"))?;
    }
    Ok(())
}

pub(crate) fn x3_a_page_can_be_exactly_full(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::new(&store);
    let all: Vec<_> = (0..12).map(|n| trace(format!(r#"{{"p":"{}"}}"#, "x".repeat(n)))).collect();
    log.append_traces(&all)?;
    must_fit_exactly(&all, |start, size| Ok(log.read_trace_page(start, size)?.entries))
}

pub(crate) fn x3_sizes_are_bytes(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::new(&store);
    let all: Vec<TraceEntry> = wide_texts().into_iter().map(trace).collect();
    log.append_traces(&all)?;
    must_fit_exactly(&all, |start, size| Ok(log.read_trace_page(start, size)?.entries))
}

pub(crate) fn x3_large_positions_and_limits(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::new(&store);
    log.append_traces(&numbered_traces(0..10))?;
    for large in large_numbers() {
        let past = log.read_trace_page(large, 1_000)?.entries;
        ensure_entries(&past, &[], &format!("a page of a trace from position {large} on"))?;
        let whole = log.read_trace_page(2, large)?.entries;
        let context = format!("a page of a trace with {large} bytes");
        ensure_entries(&whole, &numbered_traces(2..10), &context)?;
    }
    Ok(())
}

/// Returns entries of the sizes around each power of two from 16 bytes to 128 KiB.
fn sizes_around_powers_of_two() -> Vec<LogEntry> {
    let empty = r#"{"p":""}"#.len();
    let sizes = (4..=17).flat_map(|power| [(1 << power) - 1, 1 << power, (1 << power) + 1]);
    sizes.map(|size| entry(format!(r#"{{"p":"{}"}}"#, "x".repeat(size - empty)))).collect()
}

pub(crate) fn e4_sizes_around_powers_of_two(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let all = sizes_around_powers_of_two();
    let (appended, batch, created) =
        (TestLog::new(&store), TestLog::with(&store, &all)?, TestLog::new(&store));
    appended.append_each(&all)?;
    created.create(&all)?;
    for (log, name) in [(appended, "append"), (batch, "append_all"), (created, "create_segment")] {
        log.must_read(&all, &format!("entries of many sizes after {name}"))?;
        for (start, one) in all.iter().enumerate() {
            let one = std::slice::from_ref(one);
            log.must_read_page(start, 0, one, &format!("a page of one entry after {name}"))?;
        }
    }
    Ok(())
}

pub(crate) fn e4_logs_around_powers_of_two(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    // Each entry is 8 bytes with a newline, so the logs have sizes around powers of two.
    let each = entry(r#"{"n":1}"#);
    for power in [9, 12, 13, 16] {
        for len in [(1 << power) / 8 - 1, (1 << power) / 8, (1 << power) / 8 + 1] {
            let all = vec![each.clone(); len];
            let (batch, created) = (TestLog::with(&store, &all)?, TestLog::new(&store));
            created.create(&all)?;
            for log in [batch, created] {
                log.append(&entry("{}"))?;
                let expected = [&all[..], &[entry("{}")]].concat();
                log.must_hold(&expected, &format!("a log of {len} entries and one more"))?;
                log.truncate(len)?;
                log.must_count(len, "the count after a truncate")?;
            }
        }
    }
    Ok(())
}

pub(crate) fn e4_many_keys_and_wide_characters(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let keys: Vec<_> = (0..5_000).map(|n| format!(r#""k{n}":{n}"#)).collect();
    let elements: Vec<_> = (0..70_000).map(|n| n.to_string()).collect();
    let mut all = vec![
        entry(format!("{{{}}}", keys.join(","))),
        entry(format!(r#"{{"l":[{}]}}"#, elements.join(","))),
    ];
    // A store can read the text in blocks of any size. With at least one of the shifts, a block
    // ends within a character of four bytes.
    for shift in 0..4 {
        let shift = "x".repeat(shift);
        all.push(entry(format!(r#"{{"p":"{shift}{}"}}"#, "\u{1f980}".repeat(40_000))));
    }
    let (appended, batch) = (TestLog::new(&store), TestLog::with(&store, &all)?);
    let created = TestLog::new(&store);
    appended.append_each(&all)?;
    created.create(&all)?;
    for (log, name) in [(appended, "append"), (batch, "append_all"), (created, "create_segment")] {
        log.must_read(&all, &format!("entries with many parts after {name}"))?;
        let page = log.read_page(0, usize::MAX)?.entries;
        ensure_entries(&page, &all, &format!("a page of entries with many parts after {name}"))?;
    }
    Ok(())
}

pub(crate) fn x3_sizes_around_powers_of_two(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::new(&store);
    let all: Vec<_> =
        sizes_around_powers_of_two().iter().map(|entry| trace(entry.as_json())).collect();
    log.append_traces(&all)?;
    log.must_have_trace(&all, "trace entries of many sizes")?;
    for (start, one) in all.iter().enumerate() {
        let page = log.read_trace_page(start, 0)?.entries;
        ensure_entries(&page, std::slice::from_ref(one), "a page of one trace entry")?;
    }
    ensure_entries(&log.read_trace_page(all.len(), 9)?.entries, &[], "a page past the end")
}
