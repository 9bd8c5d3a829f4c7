//! Checks of section X of the contract: a trace is stored beside the log and never changes the log.

use session_store_core::{Capability, Store, StoreError};

use crate::check_result::{CheckError, CheckResult, ensure, ensure_entries, ensure_eq};
use crate::run::Run;
use crate::sample::{nth, nth_trace, numbered, numbered_traces, signed_trace, trace};
use crate::snapshot::Snapshot;
use crate::test_log::TestLog;
use crate::threads::race;

pub(crate) fn x1_a_trace_leaves_the_log(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::with(&store, &numbered(0..3))?;
    let head = log.head()?;
    log.append_traces(&numbered_traces(0..3))?;
    log.must_hold(&numbered(0..3), "the log after a trace")?;
    ensure_eq(&log.head()?, &head, "the head after a trace")?;
    let segments = store.list_segments(log.session_id())?;
    ensure_eq(&segments, &vec![log.segment_id()], "the segments after a trace")?;
    log.append(&nth(3))?;
    log.append_trace(&trace("{}"))?;
    log.truncate(2)?;
    log.must_hold(&numbered(0..2), "the log after alternating writes")
}

pub(crate) fn x1_a_trace_makes_nothing(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    TestLog::with(&store, &numbered(0..3))?;
    let before = Snapshot::of(&store)?;
    let traced = TestLog::new(&store);
    traced.append_traces(&numbered_traces(0..3))?;
    traced.must_be_absent("a trace alone")?;
    before.must_be_unchanged_in(&store, "the storage after a trace without a segment")
}

pub(crate) fn x2_a_trace_may_come_first(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let mut creates: Vec<fn(TestLog<'_>) -> Result<(), StoreError>> =
        vec![|log| log.append(&nth(0)), |log| log.append_all(&numbered(0..1)), |log| {
            log.create(&numbered(0..1))
        }];
    if store.capabilities().has(Capability::ConditionalAppend) {
        creates.push(|log| log.append_if(None, &numbered(0..1)).map(drop));
    }
    for create in creates {
        let log = TestLog::new(&store);
        log.append_traces(&numbered_traces(0..2))?;
        create(log)?;
        log.append_trace(&nth_trace(2))?;
        log.must_hold(&numbered(0..1), "a segment with an earlier trace")?;
        log.must_have_trace(&numbered_traces(0..3), "the trace of the segment")?;
    }
    Ok(())
}

pub(crate) fn x2_deleting_a_segment_deletes_its_trace(run: &Run<'_>) -> CheckResult {
    let (store, other) = (run.open()?, run.open()?);
    let log = TestLog::with(&store, &numbered(0..1))?;
    let sibling = log.sibling();
    for log in [log, sibling] {
        log.append_traces(&numbered_traces(0..3))?;
    }
    log.delete()?;
    for store in [&store, &other] {
        log.through(store).must_have_trace(&[], "the trace of a deleted segment")?;
    }
    sibling.must_have_trace(&numbered_traces(0..3), "the trace of another segment")?;
    log.append(&nth(0))?;
    log.must_have_trace(&[], "the trace of a recreated segment")?;
    store.delete_session(log.session_id())?;
    sibling.must_have_trace(&[], "a trace of a deleted session")
}

pub(crate) fn x3_traces_by_page(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::with(&store, &numbered(0..2))?;
    let all = numbered_traces(0..30);
    log.append_traces(&all)?;
    let each = all[0].as_json().len();
    let page =
        |start, max_bytes| Ok::<_, CheckError>(log.read_trace_page(start, max_bytes)?.entries);
    ensure_entries(&page(0, usize::MAX)?, &all, "a page without a limit")?;
    ensure_entries(&page(0, 3 * each + 1)?, &all[..3], "a page of three entries")?;
    ensure_entries(&page(7, 0)?, &all[7..8], "a page of at least one entry")?;
    ensure_entries(&page(29, usize::MAX)?, &all[29..], "the last page")?;
    ensure_entries(&page(30, 100)?, &[], "a page past the end")?;
    ensure_entries(&page(usize::MAX, usize::MAX)?, &[], "a page far past the end")
}

pub(crate) fn x3_no_trace_is_an_empty_page(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::with(&store, &numbered(0..2))?;
    for log in [log, log.sibling(), TestLog::new(&store)] {
        ensure_entries(&log.read_trace_page(0, 100)?.entries, &[], "a page of no trace")?;
    }
    Ok(())
}

pub(crate) fn x4_traces_are_seen_at_once(run: &Run<'_>) -> CheckResult {
    let handles = run.open_many(2)?;
    let log = TestLog::new(&handles[0]);
    for n in 0..20 {
        log.through(&handles[n % 2]).append_trace(&nth_trace(n))?;
        for handle in &handles {
            let found = log.through(handle).read_trace()?;
            ensure_entries(&found, &numbered_traces(0..n + 1), "the trace through every handle")?;
        }
    }
    Ok(())
}

pub(crate) fn x4_writers_of_one_trace(run: &Run<'_>) -> CheckResult {
    const WRITERS: usize = 4;
    const EACH: usize = 40;
    let handles = run.open_many(WRITERS)?;
    let log = TestLog::new(&handles[0]);
    let own = |writer| (0..EACH).map(|n| signed_trace(writer, n)).collect::<Vec<_>>();
    let written: Vec<_> = (0..WRITERS).map(own).collect();
    race(WRITERS, |writer| Ok(log.through(&handles[writer]).append_traces(&written[writer])?))?;
    let all = log.read_trace()?;
    ensure!(
        all.len() == WRITERS * EACH,
        "{} of {} trace entries are stored",
        all.len(),
        WRITERS * EACH
    );
    for (writer, written) in written.iter().enumerate() {
        let own = format!(r#"{{"w":{writer},"#);
        let own = all.iter().filter(|entry| entry.as_json().starts_with(&own));
        let found: Vec<_> = own.cloned().collect();
        ensure_entries(&found, written, "the trace entries of one writer")?;
    }
    Ok(())
}
