//! Checks of section C of the contract: creating and replacing segments, existence and counts.

use session_store_core::{LogEntry, Store, StoreError};

use crate::check_result::{CheckResult, ensure, ensure_entries, ensure_eq, ensure_err};
use crate::run::Run;
use crate::sample::{entry, nth, numbered, numbered_traces, trace, unusual_entries};
use crate::test_log::TestLog;
use crate::threads::write_while_reading;

pub(crate) fn c1_entries_in_order(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::new(&store);
    log.create(&numbered(0..50))?;
    log.must_hold(&numbered(0..50), "the entries of a created segment")?;
    log.must_be_found("the session of a created segment")?;
    log.append(&nth(50))?;
    log.must_hold(&numbered(0..51), "an append to a created segment")
}

pub(crate) fn c1_an_empty_segment_exists(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::new(&store);
    log.create(&[])?;
    log.must_hold(&[], "a segment that was created empty")?;
    store.must_list_sessions(&[log.session_id()], "the session of an empty segment")?;
    log.append(&nth(0))?;
    log.must_hold(&numbered(0..1), "the first append to an empty segment")
}

pub(crate) fn c2_it_replaces_the_whole_log(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::with(&store, &unusual_entries())?;
    let sibling = log.sibling();
    sibling.append_all(&numbered(0..3))?;
    for entries in [numbered(0..2), numbered(10..60), numbered(7..8), Vec::new(), unusual_entries()]
    {
        log.create(&entries)?;
        log.must_hold(&entries, "a replaced log")?;
    }
    sibling.must_hold(&numbered(0..3), "another segment of the session")?;
    let segments = store.list_segments(log.session_id())?;
    ensure_eq(&segments.len(), &2, "replacing creates no other segment")
}

pub(crate) fn c2_traces_stay(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::with(&store, &numbered(0..3))?;
    log.append_traces(&numbered_traces(0..3))?;
    log.create(&numbered(5..6))?;
    log.must_have_trace(&numbered_traces(0..3), "the trace of a replaced log")
}

fn longer() -> Vec<LogEntry> {
    (0..30).map(|n| entry(format!(r#"{{"new":{n},"p":"{}"}}"#, "x".repeat(n * 17)))).collect()
}

/// Runs `read` repeatedly while another handle replaces the log by one of two logs.
fn read_while_replacing(
    run: &Run<'_>,
    mut read: impl FnMut(TestLog<'_>, [&[LogEntry]; 2]) -> CheckResult,
) -> CheckResult {
    let (writer, reader) = (run.open()?, run.open()?);
    let (old, new) = (numbered(0..4), longer());
    let log = TestLog::with(&writer, &old)?;
    write_while_reading(
        |round| Ok(log.create(if round % 2 == 0 { &new } else { &old })?),
        || read(log.through(&reader), [&old, &new]),
    )
}

/// Fails unless the entries are equal to the entries of one of the logs.
fn must_be_one_of(
    entries: &[LogEntry],
    [old, new]: [&[LogEntry]; 2],
    context: &str,
) -> CheckResult {
    ensure_entries(entries, if entries.len() == old.len() { old } else { new }, context)
}

pub(crate) fn c2_readers_see_the_old_or_the_new(run: &Run<'_>) -> CheckResult {
    read_while_replacing(run, |log, logs| {
        must_be_one_of(&log.read_all()?, logs, "a read is the old log or the new one")?;
        let count = log.read_entry_count()?;
        ensure!(logs.map(<[_]>::len).contains(&count), "{count} is the count of neither log");
        log.must_exist("a segment while it is replaced")?;
        log.must_be_found("the session of a segment while it is replaced")
    })
}

pub(crate) fn c2_page_readers_can_tell(run: &Run<'_>) -> CheckResult {
    read_while_replacing(run, |log, logs| {
        let first = log.read_page(0, 20)?;
        let mut entries = first.entries;
        while entries.len() < first.head.entries() {
            let page = log.read_page(entries.len(), 200)?;
            if page.head != first.head {
                // Another head shows the reader that the log was replaced.
                return Ok(());
            }
            ensure!(!page.entries.is_empty(), "a page before the end is empty");
            entries.extend(page.entries);
        }
        must_be_one_of(&entries, logs, "the entries of pages with the same head")
    })
}

pub(crate) fn c3_exists_from_the_first_entry_on(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let (appended, created) = (TestLog::new(&store), TestLog::new(&store));
    ensure_eq(&appended.exists()?, &false, "before the first append")?;
    appended.append(&entry("{}"))?;
    created.create(&[])?;
    ensure_eq(&appended.exists()?, &true, "after the first append")?;
    ensure_eq(&created.exists()?, &true, "after create")?;
    appended.truncate(0)?;
    ensure_eq(&appended.exists()?, &true, "an emptied segment")?;
    ensure_eq(&appended.namesake().exists()?, &false, "the segment in another session")
}

pub(crate) fn c3_asking_creates_nothing(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::new(&store);
    for _ in 0..2 {
        ensure_eq(&log.exists()?, &false, "an unknown segment")?;
    }
    log.must_be_absent("after exists was called")?;
    store.must_list_sessions(&[], "exists creates no session")
}

pub(crate) fn c4_the_count_is_what_is_read(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::new(&store);
    let agree = |entries: usize| {
        log.must_count(entries, "read_entry_count")?;
        ensure_eq(&log.read_all()?.len(), &entries, "the length of read_all")
    };
    log.create(&[])?;
    agree(0)?;
    log.append(&entry("{}"))?;
    agree(1)?;
    log.append_all(&unusual_entries())?;
    agree(1 + unusual_entries().len())?;
    log.truncate(5)?;
    agree(5)?;
    log.create(&numbered(0..9))?;
    agree(9)?;
    log.truncate(0)?;
    agree(0)
}

pub(crate) fn c4_traces_do_not_count(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::with(&store, &numbered(0..2))?;
    for _ in 0..3 {
        log.append_trace(&trace("{}"))?;
    }
    log.must_count(2, "traces do not count")
}

pub(crate) fn c4_unknown_is_not_found(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::with(&store, &numbered(0..1))?;
    for unknown in log.unknown_segments() {
        let id = unknown.segment_id();
        ensure_err!(unknown.read_entry_count(), StoreError::NotFound(segment) if *segment == id);
    }
    Ok(())
}

/// Fails unless the count and the head of one handle include each append of another handle
/// immediately.
pub(super) fn counts_appends_of_another(ours: &dyn Store, theirs: &dyn Store) -> CheckResult {
    let log = TestLog::new(ours);
    log.append(&entry("{}"))?;
    for n in 1..20 {
        log.must_count(n, "the count before another writer's append")?;
        log.through(theirs).append(&entry("{}"))?;
        log.must_count(n + 1, "the count after another writer's append")?;
        ensure_eq(&log.known_head()?.entries(), &(n + 1), "the head after the append")?;
    }
    log.through(theirs).truncate(2)?;
    log.must_count(2, "the count after another writer's truncate")
}

pub(crate) fn c5_a_writer_sees_that_it_is_not_alone(run: &Run<'_>) -> CheckResult {
    counts_appends_of_another(&run.open()?, &run.open()?)
}
