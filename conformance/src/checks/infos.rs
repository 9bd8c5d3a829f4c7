//! Checks of section L of the contract: facts about segments (`segment_info`, `list_infos`) agree
//! with the logs, with the listings and with each other.

use std::thread;
use std::time::{Duration, Instant, SystemTime};

use session_store_core::{
    BaseLevel, Capability, ListOptions, SegmentInfo, SegmentKey, SessionId, Store, StoreError,
    error_chain,
};

use super::head::Change;
use super::listing::{many, newest_first};
use crate::check_result::{CheckError, CheckResult, Result, ensure, ensure_eq};
use crate::environment::scale;
use crate::run::Run;
use crate::sample::{entry, nth, numbered, numbered_traces, signed, size_of, unusual_entries};
use crate::test_log::TestLog;
use crate::threads::write_while_reading;

/// The pause before a change, so that the time of the change differs from the time of the last
/// change. Clocks of file systems advance every few milliseconds.
const CLOCK_TICK: Duration = Duration::from_millis(20);

/// The time limit within which the recorded time must advance. Some clocks count whole seconds.
const CLOCK_LIMIT: Duration = Duration::from_secs(5);

fn known_info(log: TestLog<'_>) -> Result<SegmentInfo> {
    log.info()?.ok_or(StoreError::NotFound(log.segment_id()))
}

pub(crate) fn l7_unknown_is_none(run: &Run<'_>) -> CheckResult {
    let (store, other) = (run.open()?, run.open()?);
    let log = TestLog::with(&store, &numbered(0..1))?;
    let traced = log.sibling();
    traced.append_traces(&numbered_traces(0..1))?;
    for unknown in log.unknown_segments().into_iter().chain([traced]) {
        ensure_eq(&unknown.info()?, &None, "the facts of an unknown segment")?;
        unknown.must_be_absent("after segment_info was called")?;
        unknown.through(&other).create(&[])?;
        let head = unknown.info()?.map(|info| info.head);
        ensure_eq(&head, &unknown.head()?, "the facts after another handle created the segment")?;
    }
    Ok(())
}

pub(crate) fn l7_it_has_the_head(run: &Run<'_>) -> CheckResult {
    let (store, other) = (run.open()?, run.open()?);
    let log = TestLog::new(&store);
    let agree = |context: &str| {
        for log in [log, log.through(&other)] {
            ensure_eq(&log.info()?.map(|info| info.head), &log.head()?, context)?;
        }
        Ok::<_, CheckError>(())
    };
    log.create(&[])?;
    agree("the head of an empty segment")?;
    log.append(&nth(0))?;
    agree("the head after an append")?;
    log.append_all(&unusual_entries())?;
    agree("the head after a batch")?;
    log.truncate(2)?;
    agree("the head after a truncate")?;
    log.create(&numbered(0..5))?;
    agree("the head after a replace")
}

/// Fails unless the size is unknown or is the size of the stored entries.
fn must_have_size_of_entries(log: TestLog<'_>, context: &str) -> CheckResult {
    let (bytes, expected) = (known_info(log)?.bytes, size_of(&log.read_all()?));
    ensure_eq(&bytes.unwrap_or(expected), &expected, context)
}

pub(crate) fn l7_the_size_is_of_the_entries(run: &Run<'_>) -> CheckResult {
    let (store, other) = (run.open()?, run.open()?);
    let log = TestLog::new(&store);
    let agree = |context: &str| {
        must_have_size_of_entries(log, context)?;
        must_have_size_of_entries(log.through(&other), context)
    };
    for odd in unusual_entries() {
        log.append(&odd)?;
        agree("the size after an append")?;
    }
    log.through(&other).append_all(&unusual_entries())?;
    agree("the size after a batch of another handle")?;
    for cut in [0, 8, 1, 16] {
        log.truncate(log.read_entry_count()? - cut)?;
        agree("the size after a truncate")?;
    }
    log.append_traces(&numbered_traces(0..3))?;
    agree("the size after a trace")?;
    log.create(&numbered(0..300))?;
    agree("the size after a replace")?;
    log.through(&other).truncate(150)?;
    log.append(&nth(150))?;
    agree("the size of a truncated and regrown log")?;
    log.truncate(150)?;
    log.append(&signed(0, 0, 99))?;
    agree("the size of a log that grew to the same count by another entry")?;
    if store.capabilities().has(Capability::ConditionalAppend) {
        let head = log.append_if(log.head()?, &unusual_entries())?;
        agree("the size after append_if")?;
        log.truncate_if(head, 140)?;
        agree("the size after truncate_if")?;
    }
    log.truncate(0)?;
    agree("the size after a truncate to 0")
}

pub(crate) fn l7_the_facts_are_of_one_moment(run: &Run<'_>) -> CheckResult {
    let (writer, reader) = (run.open()?, run.open()?);
    let log = TestLog::with(&writer, &numbered(0..1))?;
    let written: Vec<_> = (0..many()).map(nth).collect();
    let write = |n| Ok(log.append(&nth(n + 1))?);
    write_while_reading(write, || {
        let info = known_info(log.through(&reader))?;
        let Some(bytes) = info.bytes else { return Ok(()) };
        let Some(counted) = written.get(..info.head.entries()) else { return Ok(()) };
        ensure_eq(&bytes, &size_of(counted), "the size of the entries that the head counts")
    })
}

fn time_of(log: TestLog<'_>) -> Result<SystemTime, CheckError> {
    let unknown = || CheckError::cannot_run("the store does not know the time of the last change");
    known_info(log)?.modified.ok_or_else(unknown)
}

pub(crate) fn l7_the_time_moves_with_changes(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::with(&store, &numbered(0..many()))?;
    let changes: [(&str, Change); 4] = [
        ("append", |log| log.append(&nth(0))),
        ("append_all", |log| log.append_all(&numbered(0..2))),
        ("truncate", |log| log.truncate(log.read_entry_count()? - 1)),
        ("create_segment", |log| log.create(&numbered(0..2))),
    ];
    for (name, change) in changes {
        let (before, started) = (time_of(log)?, Instant::now());
        loop {
            thread::sleep(CLOCK_TICK);
            change(&log)?;
            let now = time_of(log)?;
            ensure!(now >= before, "the time went back from {before:?} to {now:?} after {name}");
            if now > before {
                break;
            }
            ensure!(started.elapsed() < CLOCK_LIMIT, "the time stayed {now:?} after {name}");
        }
    }
    Ok(())
}

pub(crate) fn l7_the_time_stays_without_changes(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::with(&store, &numbered(0..3))?;
    let before = time_of(log)?;
    thread::sleep(CLOCK_TICK);
    let _read = (log.read_all()?, log.read_page(0, 10)?, log.read_entry_count()?, log.head()?);
    ensure_eq(&time_of(log)?, &before, "the time after reads")?;
    log.append_traces(&numbered_traces(0..2))?;
    ensure_eq(&time_of(log)?, &before, "the time after a trace")?;
    log.append_all(&[])?;
    log.truncate(3)?;
    ensure_eq(&time_of(log)?, &before, "the time after calls that change nothing")?;
    log.sibling().append(&nth(0))?;
    ensure_eq(&time_of(log)?, &before, "the time after a change of another segment")
}

pub(crate) fn l7_reopening_keeps_the_facts(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::with(&store, &[unusual_entries(), numbered(0..2)].concat())?;
    log.truncate(unusual_entries().len() + 1)?;
    let (key, before) = (log.key(), known_info(log)?);
    drop(store);
    thread::sleep(CLOCK_TICK);
    let reopened = run.open()?;
    let after = known_info(TestLog::at(&reopened, key))?;
    // A store may have lost the facts, but must not return wrong ones.
    let (bytes, modified) = (after.bytes.or(before.bytes), after.modified.or(before.modified));
    ensure_eq(&(bytes, modified), &(before.bytes, before.modified), "size and time after reopening")
}

type Infos = Vec<(SegmentKey, SegmentInfo)>;

/// Returns the expected result of `list_infos`: the facts of each listed segment.
fn infos_of_listings(store: &dyn Store) -> Result<Infos, CheckError> {
    let mut infos = Vec::new();
    for session_id in store.list_sessions()? {
        for segment_id in store.list_segments(session_id)? {
            let key = SegmentKey { session_id, segment_id };
            infos.push((key, known_info(TestLog::at(store, key))?));
        }
    }
    Ok(infos)
}

/// Stores segments of several kinds in several sessions, and returns the sessions in descending
/// order.
fn fill(store: &dyn Store) -> Result<Vec<SessionId>> {
    let logs: Vec<_> = (0..7).map(|_| TestLog::new(store)).collect();
    for (n, log) in logs.iter().enumerate() {
        log.append_all(&numbered(0..n + 1))?;
        (0..n % 3).try_for_each(|_| log.sibling().create(&[]))?;
        log.append_traces(&numbered_traces(0..n % 2))?;
    }
    logs[3].truncate(1)?;
    logs[0].in_session(logs[1].session_id()).append(&entry("{}"))?;
    if store.capabilities().has(Capability::ConditionalAppend) {
        logs[5].sibling().append_if(None, &numbered(0..2))?;
    }
    Ok(newest_first(logs.iter().map(|log| log.session_id())))
}

pub(crate) fn l8_every_segment_is_listed(run: &Run<'_>) -> CheckResult {
    let (store, other) = (run.open()?, run.open()?);
    ensure_eq(&store.list_infos(&ListOptions::new())?, &Vec::new(), "a fresh storage")?;
    fill(&store)?;
    let expected = infos_of_listings(&store)?;
    for store in [&store, &other] {
        let infos = store.list_infos(&ListOptions::new())?;
        ensure_eq(&infos, &expected, "the facts of each listed segment, in order")?;
    }
    if store.capabilities().has(Capability::Delete) {
        store.delete_session(expected[0].0.session_id)?;
        let left = infos_of_listings(&store)?;
        ensure_eq(&other.list_infos(&ListOptions::new())?, &left, "the facts after a delete")?;
    }
    Ok(())
}

pub(crate) fn l8_parts_are_the_whole(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let logs: Vec<_> = (0..many()).map(|_| TestLog::new(&store)).collect();
    for (n, log) in logs.iter().enumerate() {
        log.append(&nth(n))?;
        (0..n % 3).try_for_each(|_| log.sibling().create(&[]))?;
    }
    let all = store.list_infos(&ListOptions::new())?;
    ensure_eq(&all.len(), &infos_of_listings(&store)?.len(), "the number of all segments")?;
    for limit in [7 * scale(), 1_000] {
        let (mut found, mut options) = (Vec::new(), ListOptions::new().limit(limit));
        let mut sessions = 0;
        loop {
            let part = store.list_infos(&options)?;
            let Some((last, _)) = part.last() else { break };
            options = options.after(last.session_id);
            let expected = limit.min(many() - sessions);
            let context = format!("the number of sessions in a part of {limit}");
            ensure_eq(&number_of_sessions(&part), &expected, &context)?;
            sessions += expected;
            found.extend(part);
        }
        ensure_eq(&found, &all, &format!("parts of {limit} sessions"))?;
    }
    Ok(())
}

fn number_of_sessions(infos: &Infos) -> usize {
    let mut sessions: Vec<_> = infos.iter().map(|(key, _)| key.session_id).collect();
    sessions.dedup();
    sessions.len()
}

pub(crate) fn l8_the_start_need_not_exist(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let sessions = fill(&store)?;
    let all = store.list_infos(&ListOptions::new())?;
    // An id directly before the id of a session. No session has this id.
    let mut between = *sessions[3].as_bytes();
    between[15] ^= 1;
    let after = |session_id: SessionId| {
        let smaller = |(key, _): &&(SegmentKey, SegmentInfo)| key.session_id < session_id;
        let expected: Vec<_> = all.iter().filter(smaller).copied().collect();
        let infos = store.list_infos(&ListOptions::new().after(session_id))?;
        ensure_eq(&infos, &expected, &format!("the facts after session {session_id}"))
    };
    for start in [SessionId::from_bytes(between), SessionId::new(), SessionId::from_bytes([0; 16])]
    {
        after(start)?;
    }
    after(SessionId::from_bytes([0xff; 16]))?;
    let none = store.list_infos(&ListOptions::new().limit(0))?;
    ensure_eq(&none, &Vec::new(), "the facts of no session")
}

pub(crate) fn l8_the_traits_body_agrees(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let sessions = fill(&store)?;
    let options = [ListOptions::new(), ListOptions::new().after(sessions[1]).limit(3)];
    for options in options {
        let counted = |infos: Infos| -> Vec<_> {
            infos.into_iter().map(|(key, info)| (key, info.head.entries())).collect()
        };
        let own = counted(store.list_infos(&options)?);
        let provided = counted(BaseLevel(&store).list_infos(&options)?);
        ensure_eq(&own, &provided, "the segments and counts of the provided list_infos")?;
    }
    Ok(())
}

pub(crate) fn l8_a_damaged_segment_hides_nothing(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    // In the listing, one session is before the damaged session, and one session is after it.
    let logs = [0, 1, 2].map(|n| TestLog::new(&store).in_session(SessionId::from_bytes([n; 16])));
    logs.iter().try_for_each(|log| log.append_all(&numbered(0..3)))?;
    let keys = logs.map(|log| log.key());
    drop(store);
    run.overwrite(keys[1], 1, b"nonsense")?;
    let store = run.open()?;
    let damaged = TestLog::at(&store, keys[1]);
    ensure_eq(&damaged.is_listed()?, &true, "the damaged segment is listed")?;
    let listed = |options: ListOptions| -> Result<Vec<SegmentKey>, StoreError> {
        Ok(store.list_infos(&options)?.into_iter().map(|(key, _)| key).collect())
    };
    match (damaged.info(), listed(ListOptions::new())) {
        (Ok(_), all) => {
            ensure_eq(&all?, &vec![keys[2], keys[1], keys[0]], "the segments with facts")?;
        }
        (Err(_), all) => {
            let error = all.err().map(|error| error_chain(&error)).unwrap_or_default();
            let id = keys[1].segment_id.to_string();
            ensure!(error.contains(&id), "the error names the damaged segment {id}: {error}");
        }
    }
    ensure_eq(&listed(ListOptions::new().limit(1))?, &vec![keys[2]], "the part before it")?;
    let rest = ListOptions::new().after(keys[1].session_id);
    ensure_eq(&listed(rest)?, &vec![keys[0]], "the part after it")
}
