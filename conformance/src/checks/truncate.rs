//! T: truncating, and what appends that meet it may expect.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use session_store_core::{LogEntry, Pod, Store, StoreError};

use crate::failure::{Failure, Verdict, ensure, ensure_err, same, same_entries};
use crate::log::Log;
use crate::provided::Provided;
use crate::run::Run;
use crate::sample::{numbered, numbered_traces, odd_padding, oddities, signed};
use crate::snapshot::Snapshot;
use crate::threads::{RaiseAtEnd, race, wait_while};

pub(crate) fn t1_it_keeps_the_first(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let all = oddities();
    for n in 0..=all.len() {
        let log = Log::with(&store, &all)?;
        log.truncate(n)?;
        log.must_hold(&all[..n], "truncate keeps the first n, byte for byte")?;
    }
    Ok(())
}

pub(crate) fn t1_its_own_length_changes_nothing(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let (log, empty) = (Log::with(&store, &numbered(0..3))?, Log::new(&store));
    empty.create(&[])?;
    let before = Snapshot::of(&store)?;
    log.truncate(3)?;
    empty.truncate(0)?;
    before.must_be_what(&store, "truncating to the present length changes nothing")
}

pub(crate) fn t1_nothing_left_still_exists(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::with(&store, &numbered(0..3))?;
    log.truncate(0)?;
    log.must_hold(&[], "a segment truncated to nothing exists, empty")?;
    same(&log.lookup()?, &Some(log.session_id), "and its session is found")
}

pub(crate) fn t2_past_the_end_is_refused(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let (log, empty) = (Log::with(&store, &numbered(0..321))?, Log::new(&store));
    empty.create(&[])?;
    let before = Snapshot::of(&store)?;
    for n in [322, 1_000, i64::MAX as usize, usize::MAX] {
        let both = |message: &str| message.contains(&n.to_string()) && message.contains("321");
        ensure_err!(
            log.truncate(n),
            StoreError::Corrupt { line, message } if *line == n && both(message)
        );
        ensure_err!(empty.truncate(n), StoreError::Corrupt { line, .. } if *line == n);
    }
    before.must_be_what(&store, "a truncate past the end changes nothing")
}

pub(crate) fn t3_unknown_is_not_found(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::with(&store, &numbered(0..1))?;
    for unknown in [Log::new(&store), log.sibling(), log.namesake()] {
        let id = unknown.segment_id;
        for n in [0, 1, usize::MAX] {
            ensure_err!(unknown.truncate(n), StoreError::NotFound(segment) if *segment == id);
        }
        unknown.must_be_absent("truncate creates nothing")?;
    }
    same(&store.list_sessions()?, &vec![log.session_id], "truncate makes no session")
}

pub(crate) fn t4_appends_go_on_after_it(run: &Run<'_>) -> Verdict {
    let (store, other) = (run.open()?, run.open()?);
    let log = Log::with(&store, &numbered(0..5))?;
    log.through(&other).must_hold(&numbered(0..5), "before the truncate")?;
    log.truncate(2)?;
    log.append(&numbered(90..91)[0])?;
    let mut expected = [numbered(0..2), numbered(90..91)].concat();
    log.must_hold(&expected, "an append goes on at n")?;
    log.through(&other).append(&numbered(91..92)[0])?;
    expected.extend(numbered(91..92));
    log.must_hold(&expected, "another handle's append goes on behind it")?;
    log.truncate(0)?;
    log.through(&other).append_all(&numbered(0..2))?;
    log.must_hold(&numbered(0..2), "appends after a truncate to nothing")
}

pub(crate) fn t4_what_was_cut_stays_cut(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let (shorter, regrown) = (Log::with(&store, &oddities())?, Log::with(&store, &oddities())?);
    for log in [shorter, regrown] {
        // A handle that has read them is the one that could bring them back.
        log.must_hold(&oddities(), "before the cut")?;
    }
    shorter.truncate(1)?;
    regrown.truncate(2)?;
    regrown.append_all(&numbered(0..2))?;
    let (shorter, regrown) = (shorter.ids(), regrown.ids());
    drop(store);
    let reopened = run.open()?;
    Log::known(&reopened, shorter).must_hold(&oddities()[..1], "cut entries after reopening")?;
    let expected = [&oddities()[..2], &numbered(0..2)].concat();
    Log::known(&reopened, regrown).must_hold(&expected, "a regrown log after reopening")
}

pub(crate) fn t5_an_append_after_it_is_there(run: &Run<'_>) -> Verdict {
    let (cutter, writer) = (run.open()?, run.open()?);
    let log = Log::with(&cutter, &numbered(0..2))?;
    for n in 0..20 {
        let mark = &numbered(100 + n..101 + n)[0];
        log.through(&writer).append(mark)?;
        match n % 2 {
            0 => log.truncate(2)?,
            _ => log.create(&numbered(0..2))?,
        }
        log.through(&writer).append(mark)?;
        let expected = [&numbered(0..2), std::slice::from_ref(mark)].concat();
        same_entries(&log.entries()?, &expected, "an append begun after it returned")?;
        log.truncate(2)?;
    }
    Ok(())
}

type Change = fn(&Log<'_>) -> Result<(), StoreError>;

const BASE: usize = 3;

/// How often the log is set back.
const CHANGES: usize = 30;

/// An append, and when it was made: acknowledged before the last change began, begun after it returned.
struct Mark {
    entry: LogEntry,
    before: bool,
    after: bool,
}

/// How far those are who append, and the one who sets the log back.
#[derive(Default)]
struct Meeting {
    appended: AtomicUsize,
    last_begun: AtomicBool,
    last_done: AtomicBool,
    changer_gone: AtomicBool,
    writer_gone: AtomicBool,
}

impl Meeting {
    /// Sets the log back again and again, never further than others have appended meanwhile.
    fn change(&self, log: &Log<'_>, change: Change) -> Verdict {
        let _raised = RaiseAtEnd(&self.changer_gone);
        for changes in 0..=CHANGES {
            let ahead = || self.appended.load(SeqCst) <= 2 * changes;
            wait_while(|| ahead() && !self.writer_gone.load(SeqCst));
            self.last_begun.store(changes == CHANGES, SeqCst);
            change(log)?;
        }
        self.last_done.store(true, SeqCst);
        Ok(())
    }

    /// Appends until some entries were begun after the last change.
    fn append(&self, log: &Log<'_>, writer: usize) -> Result<Vec<Mark>, Failure> {
        let _raised = RaiseAtEnd(&self.writer_gone);
        let deserted = || self.changer_gone.load(SeqCst) && !self.last_done.load(SeqCst);
        let mut marks = Vec::new();
        let mut left = 10;
        while left > 0 && !deserted() {
            let entry = signed(writer, marks.len(), odd_padding(marks.len()) % 300);
            let after = self.last_done.load(SeqCst);
            log.append(&entry)?;
            let before = !self.last_begun.load(SeqCst);
            marks.push(Mark { entry, before, after });
            left -= usize::from(after);
            self.appended.fetch_add(1, SeqCst);
        }
        Ok(marks)
    }
}

/// Lets `change` set the log back to its first `base` entries again and again while others append. An
/// append that overlaps one is kept or cut, whole; one begun after the last is there, one acknowledged
/// before the last began is not.
fn appends_meet(run: &Run<'_>, base: usize, change: Change) -> Verdict {
    let handles = run.open_many(3)?;
    let log = Log::with(&handles[0], &numbered(0..base))?;
    let meeting = Meeting::default();
    let marks = race(3, |thread| {
        let log = log.through(&handles[thread]);
        match thread {
            0 => meeting.change(&log, change).map(|()| Vec::new()),
            writer => meeting.append(&log, writer),
        }
    })?;
    let entries = log.entries()?;
    ensure!(entries.len() >= base, "{} entries are left of {base}", entries.len());
    let (kept, appended) = entries.split_at(base);
    same_entries(kept, &numbered(0..base), "the entries before the cut")?;
    marks.iter().try_for_each(|marks| must_be_kept_or_cut(appended, marks))?;
    let known = |entry: &&LogEntry| marks.iter().flatten().any(|mark| mark.entry == **entry);
    let foreign = appended.iter().find(|entry| !known(entry));
    ensure!(foreign.is_none(), "an entry that nobody wrote whole: {foreign:?}");
    Ok(())
}

/// What is left of one writer's entries is right, and in order.
fn must_be_kept_or_cut(appended: &[LogEntry], marks: &[Mark]) -> Verdict {
    let mut rest = marks.iter();
    for entry in appended.iter().filter(|entry| marks.iter().any(|mark| mark.entry == **entry)) {
        let next = rest.any(|mark| mark.entry == *entry);
        ensure!(next, "{entry:?} is out of order or there twice");
    }
    for Mark { entry, before, after } in marks {
        let there = appended.contains(entry);
        ensure!(there || !after, "{entry:?} was appended after the change and is not there");
        ensure!(!there || !before, "{entry:?} was acknowledged before the change and is there");
    }
    Ok(())
}

pub(crate) fn t5_appends_meet_truncate(run: &Run<'_>) -> Verdict {
    appends_meet(run, BASE, |log| log.truncate(BASE))
}

pub(crate) fn t5_appends_meet_replace(run: &Run<'_>) -> Verdict {
    appends_meet(run, BASE, |log| log.create(&numbered(0..BASE)))
}

pub(crate) fn t5_appends_meet_delete(run: &Run<'_>) -> Verdict {
    appends_meet(run, 0, |log| log.delete().map(drop))
}

pub(crate) fn t6_siblings_stay(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::with(&store, &numbered(0..5))?;
    let (sibling, stranger) = (log.sibling(), Log::new(&store));
    for other in [sibling, stranger, log.namesake()] {
        other.append_all(&oddities())?;
        log.truncate(4)?;
        log.truncate(0)?;
        other.must_hold(&oddities(), "other segments stay as they are")?;
        log.append_all(&numbered(0..5))?;
    }
    Ok(())
}

pub(crate) fn t6_traces_stay(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::with(&store, &numbered(0..5))?;
    log.trace_each(&numbered_traces(0..5))?;
    for n in [3, 0] {
        log.truncate(n)?;
        same_entries(&log.traces()?, &numbered_traces(0..5), "truncate leaves the trace")?;
    }
    Ok(())
}

pub(crate) fn t6_pods_stay(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::with(&store, &numbered(0..5))?;
    let pods = store.pods().expect("the check needs pods");
    let (name, pod) = ("reviewer".parse()?, Pod::new(log.session_id, Some(log.segment_id)));
    pods.put_pod(&name, &pod)?;
    log.truncate(0)?;
    same(&pods.read_pod(&name)?, &Some(pod), "truncate leaves the pods")
}

pub(crate) fn t7_the_traits_body_is_right(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let base = Provided(&store);
    let log = Log::with(&base, &oddities())?;
    let len = oddities().len();
    log.truncate(len)?;
    log.must_hold(&oddities(), "its own length changes nothing")?;
    ensure_err!(log.truncate(len + 1), StoreError::Corrupt { line, .. } if *line == len + 1);
    ensure_err!(log.truncate(usize::MAX), StoreError::Corrupt { line: usize::MAX, .. });
    log.must_hold(&oddities(), "past the end changes nothing")?;
    log.truncate(3)?;
    log.through(&store).must_hold(&oddities()[..3], "the first n are kept")?;
    log.append(&numbered(0..1)[0])?;
    let expected = [&oddities()[..3], &numbered(0..1)].concat();
    log.through(&store).must_hold(&expected, "appends go on at n")?;
    log.truncate(0)?;
    log.must_hold(&[], "nothing left still exists")?;
    ensure_err!(log.sibling().truncate(0), StoreError::NotFound(_));
    log.sibling().must_be_absent("an unknown segment is not created")
}
