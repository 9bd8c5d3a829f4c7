//! Checks of section T of the contract: truncating a log, also while other calls append to it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use session_store_core::{BaseLevel, Capability, LogEntry, Pod, Store, StoreError};

use crate::check_result::{CheckError, CheckResult, ensure, ensure_entries, ensure_eq, ensure_err};
use crate::run::Run;
use crate::sample::{nth, numbered, numbered_traces, odd_padding, signed, unusual_entries};
use crate::snapshot::Snapshot;
use crate::test_log::TestLog;
use crate::threads::{SetOnDrop, race, yield_while};

pub(crate) fn t1_it_keeps_the_first(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let all = unusual_entries();
    for n in 0..=all.len() {
        let log = TestLog::with(&store, &all)?;
        log.truncate(n)?;
        log.must_hold(&all[..n], "the first n entries")?;
    }
    Ok(())
}

pub(crate) fn t1_its_own_length_changes_nothing(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let (log, empty) = (TestLog::with(&store, &numbered(0..3))?, TestLog::new(&store));
    empty.create(&[])?;
    let before = Snapshot::of(&store)?;
    log.truncate(3)?;
    empty.truncate(0)?;
    before.must_be_unchanged_in(&store, "the storage after truncates to the same length")
}

pub(crate) fn t1_nothing_left_still_exists(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::with(&store, &numbered(0..3))?;
    log.truncate(0)?;
    log.must_hold(&[], "a segment after truncate to 0")?;
    log.must_be_found("the session after truncate to 0")
}

/// Fails unless truncating a log of `len` entries to `n` is refused with both numbers.
fn must_be_past_the_end(log: &TestLog<'_>, n: usize, len: usize) -> CheckResult {
    let both = |message: &str| [n, len].iter().all(|n| message.contains(&n.to_string()));
    ensure_err!(
        log.truncate(n),
        StoreError::Corrupt { line, message } if *line == n && both(message)
    );
    Ok(())
}

pub(crate) fn t2_past_the_end_is_refused(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let (log, empty) = (TestLog::with(&store, &numbered(0..321))?, TestLog::new(&store));
    empty.create(&[])?;
    let before = Snapshot::of(&store)?;
    for n in [322, 1_000, i64::MAX as usize, usize::MAX] {
        must_be_past_the_end(&log, n, 321)?;
        ensure_err!(empty.truncate(n), StoreError::Corrupt { line, .. } if *line == n);
    }
    before.must_be_unchanged_in(&store, "the storage after truncates past the end")
}

pub(crate) fn t2_the_current_length_counts(run: &Run<'_>) -> CheckResult {
    let (store, other) = (run.open()?, run.open()?);
    let log = TestLog::with(&store, &numbered(0..500))?;
    log.through(&other).truncate(321)?;
    let before = Snapshot::of(&other)?;
    for n in [500, 400, 322] {
        must_be_past_the_end(&log, n, 321)?;
    }
    before.must_be_unchanged_in(&store, "the storage after truncates past the end")?;
    log.through(&other).append_all(&numbered(321..600))?;
    log.truncate(550)?;
    log.must_hold(&numbered(0..550), "a log that another handle had extended")
}

pub(crate) fn t3_unknown_is_not_found(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::with(&store, &numbered(0..1))?;
    for unknown in log.unknown_segments() {
        let id = unknown.segment_id();
        for n in [0, 1, usize::MAX] {
            ensure_err!(unknown.truncate(n), StoreError::NotFound(segment) if *segment == id);
        }
        unknown.must_be_absent("an unknown segment after truncate")?;
    }
    store.must_list_sessions(&[log.session_id()], "truncate creates no session")
}

pub(crate) fn t3_a_trace_is_not_found(run: &Run<'_>) -> CheckResult {
    let (store, other) = (run.open()?, run.open()?);
    let must_be_unknown = |log: &TestLog<'_>, context: &str| {
        let id = log.segment_id();
        for handle in [&store, &other] {
            for n in [0, 2] {
                let result = log.through(handle).truncate(n);
                ensure_err!(result, StoreError::NotFound(segment) if *segment == id);
            }
        }
        log.must_be_absent(context)
    };
    let traced = TestLog::new(&store);
    traced.append_traces(&numbered_traces(0..2))?;
    must_be_unknown(&traced, "a trace alone after truncate")?;
    if store.capabilities().has(Capability::ReadTraces) {
        traced.must_have_trace(&numbered_traces(0..2), "a trace alone after truncate")?;
    }
    if store.capabilities().has(Capability::Delete) {
        let deleted = TestLog::with(&store, &numbered(0..2))?;
        deleted.through(&other).delete()?;
        must_be_unknown(&deleted, "a deleted segment after truncate")?;
    }
    Ok(())
}

pub(crate) fn t4_appends_go_on_after_it(run: &Run<'_>) -> CheckResult {
    let (store, other) = (run.open()?, run.open()?);
    let log = TestLog::with(&store, &numbered(0..5))?;
    log.through(&other).must_hold(&numbered(0..5), "before the truncate")?;
    log.truncate(2)?;
    log.append(&nth(90))?;
    let mut expected = [numbered(0..2), numbered(90..91)].concat();
    log.must_hold(&expected, "an append after a truncate")?;
    log.through(&other).append(&nth(91))?;
    expected.extend(numbered(91..92));
    log.must_hold(&expected, "an append of another handle")?;
    log.truncate(0)?;
    log.through(&other).append_all(&numbered(0..2))?;
    log.must_hold(&numbered(0..2), "appends after a truncate to 0")
}

pub(crate) fn t4_what_was_cut_stays_cut(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let (shorter, regrown) =
        (TestLog::with(&store, &unusual_entries())?, TestLog::with(&store, &unusual_entries())?);
    for log in [shorter, regrown] {
        // Read the entries first: a handle that caches them could write them back.
        log.must_hold(&unusual_entries(), "a log before the truncate")?;
    }
    shorter.truncate(1)?;
    regrown.truncate(2)?;
    regrown.append_all(&numbered(0..2))?;
    let (shorter, regrown) = (shorter.key(), regrown.key());
    drop(store);
    let reopened = run.open()?;
    TestLog::at(&reopened, shorter)
        .must_hold(&unusual_entries()[..1], "a truncated log after reopening")?;
    let expected = [&unusual_entries()[..2], &numbered(0..2)].concat();
    TestLog::at(&reopened, regrown)
        .must_hold(&expected, "a truncated and regrown log after reopening")
}

pub(crate) fn t5_an_append_after_it_is_there(run: &Run<'_>) -> CheckResult {
    let (cutter, writer) = (run.open()?, run.open()?);
    let log = TestLog::with(&cutter, &numbered(0..2))?;
    for n in 0..20 {
        let mark = &nth(100 + n);
        log.through(&writer).append(mark)?;
        match n % 2 {
            0 => log.truncate(2)?,
            _ => log.create(&numbered(0..2))?,
        }
        log.through(&writer).append(mark)?;
        let expected = [&numbered(0..2), std::slice::from_ref(mark)].concat();
        log.must_read(&expected, "an append that starts after the change")?;
        log.truncate(2)?;
    }
    Ok(())
}

type Change = fn(&TestLog<'_>) -> Result<(), StoreError>;

const BASE: usize = 3;

/// How many times the log is changed back to its first entries.
const CHANGES: usize = 30;

/// An append. `before` is set if the append was acknowledged before the last change started.
/// `after` is set if the append started after the last change returned.
struct Appended {
    entry: LogEntry,
    before: bool,
    after: bool,
}

/// The progress of the appending threads, and of the thread that changes the log back.
#[derive(Default)]
struct Progress {
    appends: AtomicUsize,
    last_change_started: AtomicBool,
    last_change_ended: AtomicBool,
    changer_ended: AtomicBool,
    writer_ended: AtomicBool,
}

impl Progress {
    /// Changes the log back repeatedly. Each change waits for two appends, so that appends overlap
    /// changes.
    fn change(&self, log: &TestLog<'_>, change: Change) -> CheckResult {
        let _flag = SetOnDrop(&self.changer_ended);
        for changes in 0..=CHANGES {
            let too_early = || self.appends.load(SeqCst) <= 2 * changes;
            yield_while(|| too_early() && !self.writer_ended.load(SeqCst));
            self.last_change_started.store(changes == CHANGES, SeqCst);
            change(log)?;
        }
        self.last_change_ended.store(true, SeqCst);
        Ok(())
    }

    /// Appends until ten appends have started after the last change.
    fn append(&self, log: &TestLog<'_>, writer: usize) -> Result<Vec<Appended>, CheckError> {
        let _flag = SetOnDrop(&self.writer_ended);
        let changer_failed =
            || self.changer_ended.load(SeqCst) && !self.last_change_ended.load(SeqCst);
        let mut appended = Vec::new();
        let mut left = 10;
        while left > 0 && !changer_failed() {
            let entry = signed(writer, appended.len(), odd_padding(appended.len()) % 300);
            let after = self.last_change_ended.load(SeqCst);
            log.append(&entry)?;
            let before = !self.last_change_started.load(SeqCst);
            appended.push(Appended { entry, before, after });
            left -= usize::from(after);
            self.appends.fetch_add(1, SeqCst);
        }
        Ok(appended)
    }
}

/// Lets `change` set the log back to its first `base` entries repeatedly while two threads append.
///
/// An append that overlaps a change is kept or deleted as a whole. An append that started after the
/// last change is stored. An append that was acknowledged before the last change started is not
/// stored.
fn check_concurrent_appends(run: &Run<'_>, base: usize, change: Change) -> CheckResult {
    let handles = run.open_many(3)?;
    let log = TestLog::with(&handles[0], &numbered(0..base))?;
    let progress = Progress::default();
    let appends = race(3, |thread| {
        let log = log.through(&handles[thread]);
        match thread {
            0 => progress.change(&log, change).map(|()| Vec::new()),
            writer => progress.append(&log, writer),
        }
    })?;
    let entries = log.read_all()?;
    ensure!(entries.len() >= base, "{} entries are left, fewer than {base}", entries.len());
    let (kept, found) = entries.split_at(base);
    ensure_entries(kept, &numbered(0..base), "the first entries")?;
    appends.iter().try_for_each(|appended| check_appends_of_one(appended, found))?;
    let known = |entry: &&LogEntry| appends.iter().flatten().any(|other| other.entry == **entry);
    let foreign = found.iter().find(|entry| !known(entry));
    ensure!(foreign.is_none(), "an entry that no thread appended: {foreign:?}");
    Ok(())
}

/// Fails unless the log has the expected entries of one thread, in their order.
fn check_appends_of_one(appended: &[Appended], log: &[LogEntry]) -> CheckResult {
    let mut rest = appended.iter();
    for entry in log.iter().filter(|entry| appended.iter().any(|own| own.entry == **entry)) {
        let next = rest.any(|own| own.entry == *entry);
        ensure!(next, "{entry:?} is out of order or stored twice");
    }
    for Appended { entry, before, after } in appended {
        let stored = log.contains(entry);
        ensure!(stored || !after, "{entry:?} was appended after the change, but is not stored");
        ensure!(!stored || !before, "{entry:?} was acknowledged before the change, but is stored");
    }
    Ok(())
}

pub(crate) fn t5_appends_meet_truncate(run: &Run<'_>) -> CheckResult {
    check_concurrent_appends(run, BASE, |log| log.truncate(BASE))
}

pub(crate) fn t5_appends_meet_replace(run: &Run<'_>) -> CheckResult {
    check_concurrent_appends(run, BASE, |log| log.create(&numbered(0..BASE)))
}

pub(crate) fn t5_appends_meet_delete(run: &Run<'_>) -> CheckResult {
    check_concurrent_appends(run, 0, |log| log.delete().map(drop))
}

pub(crate) fn t6_siblings_stay(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::with(&store, &numbered(0..5))?;
    let (sibling, stranger) = (log.sibling(), TestLog::new(&store));
    for other in [sibling, stranger, log.namesake()] {
        other.append_all(&unusual_entries())?;
        log.truncate(4)?;
        log.truncate(0)?;
        other.must_hold(&unusual_entries(), "another segment after truncates")?;
        log.append_all(&numbered(0..5))?;
    }
    Ok(())
}

pub(crate) fn t6_traces_stay(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::with(&store, &numbered(0..5))?;
    log.append_traces(&numbered_traces(0..5))?;
    for n in [3, 0] {
        log.truncate(n)?;
        log.must_have_trace(&numbered_traces(0..5), "the trace after a truncate")?;
    }
    Ok(())
}

pub(crate) fn t6_pods_stay(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::with(&store, &numbered(0..5))?;
    let pods = store.required_pods();
    let (name, pod) = ("reviewer".parse()?, Pod::new(log.session_id(), Some(log.segment_id())));
    pods.put_pod(&name, &pod)?;
    log.truncate(0)?;
    ensure_eq(&pods.read_pod(&name)?, &Some(pod), "the pod after a truncate")
}

pub(crate) fn t7_the_traits_body_is_right(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let base = BaseLevel(&store);
    let log = TestLog::with(&base, &unusual_entries())?;
    let len = unusual_entries().len();
    log.truncate(len)?;
    log.must_hold(&unusual_entries(), "the log after a truncate to its length")?;
    ensure_err!(log.truncate(len + 1), StoreError::Corrupt { line, .. } if *line == len + 1);
    ensure_err!(log.truncate(usize::MAX), StoreError::Corrupt { line: usize::MAX, .. });
    log.must_hold(&unusual_entries(), "the log after truncates past the end")?;
    log.truncate(3)?;
    log.through(&store).must_hold(&unusual_entries()[..3], "the first n entries")?;
    log.append(&nth(0))?;
    let expected = [&unusual_entries()[..3], &numbered(0..1)].concat();
    log.through(&store).must_hold(&expected, "an append after a truncate")?;
    log.truncate(0)?;
    log.must_hold(&[], "the log after truncate to 0")?;
    ensure_err!(log.sibling().truncate(0), StoreError::NotFound(_));
    log.sibling().must_be_absent("an unknown segment after truncate")
}
