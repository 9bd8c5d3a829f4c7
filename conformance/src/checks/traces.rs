//! X: the debug trace stands beside the log and never touches it.

use session_store_core::{Store, TraceEntry};

use crate::failure::{Verdict, ensure, same, same_entries};
use crate::log::Log;
use crate::run::Run;
use crate::sample::{numbered, numbered_traces, odd_padding, trace};
use crate::snapshot::Snapshot;
use crate::threads::race;

pub(crate) fn x1_a_trace_leaves_the_log(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::with(&store, &numbered(0..3))?;
    let head = log.head()?;
    log.trace_each(&numbered_traces(0..3))?;
    log.must_hold(&numbered(0..3), "a trace leaves the log")?;
    same(&log.head()?, &head, "a trace leaves the head")?;
    let segments = store.list_segments(log.session_id)?;
    same(&segments, &vec![log.segment_id], "a trace leaves the listing")?;
    log.append(&numbered(3..4)[0])?;
    log.trace(&trace("{}"))?;
    log.truncate(2)?;
    log.must_hold(&numbered(0..2), "log and trace take turns")
}

pub(crate) fn x1_a_trace_makes_nothing(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    Log::with(&store, &numbered(0..3))?;
    let before = Snapshot::of(&store)?;
    let traced = Log::new(&store);
    traced.trace_each(&numbered_traces(0..3))?;
    traced.must_be_absent("a trace alone")?;
    before.must_be_what(&store, "a trace without a segment leaves everything else")
}

pub(crate) fn x2_a_trace_may_come_first(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let (appended, created) = (Log::new(&store), Log::new(&store));
    for log in [appended, created] {
        log.trace_each(&numbered_traces(0..2))?;
    }
    appended.append(&numbered(0..1)[0])?;
    created.create(&numbered(0..1))?;
    for log in [appended, created] {
        log.trace(&numbered_traces(2..3)[0])?;
        log.must_hold(&numbered(0..1), "a segment that a trace came before")?;
        same_entries(&log.traces()?, &numbered_traces(0..3), "the trace that came first")?;
    }
    Ok(())
}

pub(crate) fn x2_deleting_a_segment_deletes_its_trace(run: &Run<'_>) -> Verdict {
    let (store, other) = (run.open()?, run.open()?);
    let log = Log::with(&store, &numbered(0..1))?;
    let sibling = log.sibling();
    for log in [log, sibling] {
        log.trace_each(&numbered_traces(0..3))?;
    }
    log.delete()?;
    for store in [&store, &other] {
        same_entries(&log.through(store).traces()?, &[], "a deleted segment's trace")?;
    }
    same_entries(&sibling.traces()?, &numbered_traces(0..3), "its sibling's trace stays")?;
    log.append(&numbered(0..1)[0])?;
    same_entries(&log.traces()?, &[], "a recreated segment has no old trace")?;
    store.delete_session(log.session_id)?;
    same_entries(&sibling.traces()?, &[], "a deleted session's trace")
}

pub(crate) fn x3_traces_by_page(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::with(&store, &numbered(0..2))?;
    let all = numbered_traces(0..30);
    log.trace_each(&all)?;
    let each = all[0].as_json().len();
    let page = |start, max_bytes| {
        Ok::<_, crate::failure::Failure>(log.trace_page(start, max_bytes)?.entries)
    };
    same_entries(&page(0, usize::MAX)?, &all, "a page of everything")?;
    same_entries(&page(0, 3 * each + 1)?, &all[..3], "a page of what fits")?;
    same_entries(&page(7, 0)?, &all[7..8], "at least one")?;
    same_entries(&page(29, usize::MAX)?, &all[29..], "the last page")?;
    same_entries(&page(30, 100)?, &[], "past the end")?;
    same_entries(&page(usize::MAX, usize::MAX)?, &[], "far past the end")
}

pub(crate) fn x3_no_trace_is_an_empty_page(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::with(&store, &numbered(0..2))?;
    for log in [log, log.sibling(), Log::new(&store)] {
        same_entries(&log.trace_page(0, 100)?.entries, &[], "a segment without a trace")?;
    }
    Ok(())
}

pub(crate) fn x4_traces_are_seen_at_once(run: &Run<'_>) -> Verdict {
    let handles = run.open_many(2)?;
    let log = Log::new(&handles[0]);
    for n in 0..20 {
        log.through(&handles[n % 2]).trace(&numbered_traces(n..n + 1)[0])?;
        for handle in &handles {
            let found = log.through(handle).traces()?;
            same_entries(&found, &numbered_traces(0..n + 1), "every handle sees a trace at once")?;
        }
    }
    Ok(())
}

/// The trace entry number `n` of a writer.
fn signed(writer: usize, n: usize) -> TraceEntry {
    trace(format!(r#"{{"w":{writer},"n":{n},"p":"{}"}}"#, "x".repeat(odd_padding(n) % 20_011)))
}

pub(crate) fn x4_writers_of_one_trace(run: &Run<'_>) -> Verdict {
    const WRITERS: usize = 4;
    const EACH: usize = 40;
    let handles = run.open_many(WRITERS)?;
    let log = Log::new(&handles[0]);
    let own = |writer| (0..EACH).map(|n| signed(writer, n)).collect::<Vec<_>>();
    let written: Vec<_> = (0..WRITERS).map(own).collect();
    race(WRITERS, |writer| Ok(log.through(&handles[writer]).trace_each(&written[writer])?))?;
    let all = log.traces()?;
    ensure!(all.len() == WRITERS * EACH, "{} trace entries of {}", all.len(), WRITERS * EACH);
    for (writer, written) in written.iter().enumerate() {
        let own = format!(r#"{{"w":{writer},"#);
        let own = all.iter().filter(|entry| entry.as_json().starts_with(&own));
        let found: Vec<_> = own.cloned().collect();
        same_entries(&found, written, "each writer's traces, once and in order")?;
    }
    Ok(())
}
