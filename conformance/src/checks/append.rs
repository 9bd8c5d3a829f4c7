//! Checks of section A of the contract (append): appended entries are ordered, whole and visible
//! at once, and segments do not mix.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{LazyLock, Mutex, PoisonError};

use session_store_core::{Capability, LogEntry, Store, StoreError};

use crate::check_result::{CheckError, CheckResult, ensure, ensure_entries, ensure_eq, ensure_err};
use crate::history::Effect;
use crate::run::Run;
use crate::sample::{entry, nth, numbered, numbered_traces, odd_padding, signed};
use crate::snapshot::Snapshot;
use crate::test_log::TestLog;
use crate::threads::{race, write_while_reading};

const WRITERS: usize = 4;

pub(crate) fn a1_order_of_one_writer(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::new(&store);
    log.append_each(&numbered(0..300))?;
    log.must_hold(&numbered(0..300), "the entries in the order of their appends")
}

pub(crate) fn a1_order_over_two_handles(run: &Run<'_>) -> CheckResult {
    let handles = run.open_many(2)?;
    let log = TestLog::new(&handles[0]);
    for (n, entry) in numbered(0..40).iter().enumerate() {
        log.through(&handles[n % 2]).append(entry)?;
    }
    for handle in &handles {
        log.through(handle).must_read(&numbered(0..40), "one writer on two handles")?;
    }
    Ok(())
}

pub(crate) fn a1_equal_entries_are_all_kept(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::new(&store);
    let same = vec![entry(r#"{"kind":"turn_end"}"#); 5];
    log.append_each(&same)?;
    log.append_all(&same)?;
    log.must_hold(&[same.clone(), same].concat(), "equal entries are all stored")
}

pub(crate) fn a2_first_append_creates(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::new(&store);
    log.must_be_absent("before the first append")?;
    log.append(&nth(0))?;
    log.must_hold(&numbered(0..1), "the first append creates the segment")?;
    log.must_be_found("the first append creates the session")?;
    let batch = log.sibling();
    batch.append_all(&numbered(0..2))?;
    batch.must_hold(&numbered(0..2), "the first batch creates the segment")
}

/// Fails if a method shows the segment without an entry.
fn must_be_unknown_or_filled(log: &TestLog<'_>) -> CheckResult {
    let has_entries = |entries: usize, method: &str| {
        ensure!(entries > 0, "{method} shows a segment before its first entry");
        Ok(())
    };
    if let Some(head) = log.head()? {
        has_entries(head.entries(), "head")?;
    }
    if log.exists()? {
        has_entries(log.read_all()?.len(), "exists")?;
    }
    if log.is_listed()? {
        has_entries(log.read_entry_count()?, "a listing")?;
    }
    Ok(())
}

pub(crate) fn a2_a_segment_appears_with_its_first_entry(run: &Run<'_>) -> CheckResult {
    let (writer, reader) = (run.open()?, run.open()?);
    let has_conditions = writer.capabilities().has(Capability::ConditionalAppend);
    let unknown = TestLog::new(&reader);
    must_be_unknown_or_filled(&unknown)?;
    let newest = &Mutex::new(unknown.key());
    let create = |round| {
        let log = TestLog::new(&writer);
        *newest.lock().unwrap_or_else(PoisonError::into_inner) = log.key();
        match round % 3 {
            0 => log.append(&signed(0, round, 0))?,
            1 if has_conditions => log.append_if(None, &numbered(0..2)).map(drop)?,
            _ => log.append_all(&numbered(0..2))?,
        }
        Ok(())
    };
    write_while_reading(create, || {
        let key = *newest.lock().unwrap_or_else(PoisonError::into_inner);
        must_be_unknown_or_filled(&TestLog::at(&reader, key))
    })
}

/// Fails unless `reader` reads each append of `writer` immediately.
pub(super) fn appends_are_visible(writer: &dyn Store, reader: &dyn Store) -> CheckResult {
    let log = TestLog::new(writer);
    let seen = log.through(reader);
    seen.must_be_absent("before the first append")?;
    for n in 0..10 {
        log.append(&nth(n))?;
        seen.must_hold(&numbered(0..n + 1), "an acknowledged append through another handle")?;
    }
    log.append_all(&numbered(10..15))?;
    seen.must_hold(&numbered(0..15), "an acknowledged batch through another handle")?;
    seen.must_be_found("the session through another handle")
}

/// Fails unless `reader` reads each other change of `writer` immediately.
pub(super) fn changes_are_visible(writer: &dyn Store, reader: &dyn Store) -> CheckResult {
    let log = TestLog::with(writer, &numbered(0..5))?;
    let seen = log.through(reader);
    seen.must_hold(&numbered(0..5), "before the changes")?;
    log.truncate(3)?;
    seen.must_hold(&numbered(0..3), "a truncate through another handle")?;
    log.create(&numbered(20..24))?;
    seen.must_hold(&numbered(20..24), "a replaced log through another handle")?;
    log.create(&[])?;
    seen.must_hold(&[], "an emptied log through another handle")?;
    let created = log.sibling();
    created.create(&numbered(0..2))?;
    created.through(reader).must_hold(&numbered(0..2), "a created log through another handle")
}

pub(crate) fn a3_append_is_seen_at_once(run: &Run<'_>) -> CheckResult {
    appends_are_visible(&run.open()?, &run.open()?)
}

pub(crate) fn a3_changes_are_seen_at_once(run: &Run<'_>) -> CheckResult {
    changes_are_visible(&run.open()?, &run.open()?)
}

pub(crate) fn a3_other_threads_see_it(run: &Run<'_>) -> CheckResult {
    let (writer, reader) = (run.open()?, run.open()?);
    let log = TestLog::new(&writer);
    let acknowledged = AtomicUsize::new(0);
    let write = |n| {
        log.append(&nth(n))?;
        acknowledged.store(n + 1, SeqCst);
        Ok(())
    };
    write_while_reading(write, || {
        let least = acknowledged.load(SeqCst);
        if least == 0 {
            return Ok(());
        }
        let found = log.through(&reader).read_all()?.len();
        ensure!(
            found >= least,
            "{least} appends were acknowledged, but a later read returned {found} entries"
        );
        Ok(())
    })
}

/// The entries of each thread. Two threads share a handle. The entries are built once, because in a
/// debug build, building them takes longer than storing them.
static ENTRIES: LazyLock<Vec<Vec<LogEntry>>> = LazyLock::new(|| {
    let own = |writer| (0..24).map(|n| signed(writer, n, odd_padding(n + writer))).collect();
    (0..WRITERS * 2).map(own).collect()
});

/// The entries of concurrent appends, each with the effect of its append.
type Appends = Vec<(LogEntry, Effect)>;

/// Lets several writers append to one new segment at the same time. Returns the log afterwards, and
/// the appends.
fn append_concurrently(run: &Run<'_>) -> Result<(Vec<LogEntry>, Appends), CheckError> {
    let handles = run.open_many(WRITERS)?;
    let log = TestLog::new(&handles[0]);
    let effects = race(WRITERS * 2, |writer| {
        // Two threads share a handle, so appends race within a handle and between handles.
        let log = log.through(&handles[writer % WRITERS]);
        let append = |entry| Effect::of(&log.append(entry));
        Ok(ENTRIES[writer].iter().map(append).collect::<Vec<_>>())
    })?;
    let written = ENTRIES.iter().flatten().cloned();
    Ok((log.read_all()?, written.zip(effects.into_iter().flatten()).collect()))
}

fn times(entries: &[LogEntry], entry: &LogEntry) -> usize {
    entries.iter().filter(|other| *other == entry).count()
}

pub(crate) fn a4_every_entry_once_and_whole(run: &Run<'_>) -> CheckResult {
    let (log, appends) = append_concurrently(run)?;
    for (entry, effect) in &appends {
        let found = times(&log, entry);
        if *effect == Effect::Applied {
            ensure!(found == 1, "{entry:?} was acknowledged and is stored {found} times");
        }
    }
    let foreign = log.iter().find(|entry| appends.iter().all(|(known, _)| known != *entry));
    ensure!(foreign.is_none(), "an entry that no writer appended: {foreign:?}");
    let failed = appends.iter().any(|(_, effect)| *effect != Effect::Applied);
    ensure!(!failed, "an append failed although only other writers used the log");
    Ok(())
}

pub(crate) fn a4_each_writers_order_is_kept(run: &Run<'_>) -> CheckResult {
    let (log, appends) = append_concurrently(run)?;
    for writer in 0..WRITERS * 2 {
        let own = format!(r#"{{"w":{writer},"#);
        let is_own = |entry: &&LogEntry| entry.as_json().starts_with(&own);
        let found: Vec<_> = log.iter().filter(is_own).cloned().collect();
        let written = appends.iter().map(|(entry, _)| entry).filter(is_own);
        let expected: Vec<_> = written.filter(|entry| found.contains(entry)).cloned().collect();
        ensure_entries(&found, &expected, &format!("the order of writer {writer}"))?;
    }
    Ok(())
}

pub(crate) fn a4_first_appends_race(run: &Run<'_>) -> CheckResult {
    let handles = run.open_many(WRITERS)?;
    let first: Vec<_> = (0..WRITERS).map(|writer| signed(writer, 0, 0)).collect();
    for _ in 0..40 {
        let log = TestLog::new(&handles[0]);
        race(WRITERS, |writer| Ok(log.through(&handles[writer]).append(&first[writer])?))?;
        let entries = log.read_all()?;
        for (writer, entry) in first.iter().enumerate() {
            let found = times(&entries, entry);
            ensure!(found == 1, "the first append of writer {writer} is stored {found} times");
        }
        ensure_eq(&log.is_listed()?, &true, "a segment that several writers created is listed")?;
    }
    Ok(())
}

pub(crate) fn a4_segments_do_not_mix(run: &Run<'_>) -> CheckResult {
    let handles = run.open_many(WRITERS)?;
    let first = TestLog::new(&handles[0]);
    let logs: Vec<_> = (0..WRITERS).map(|_| first.sibling()).collect();
    // Append a few large entries and then many small entries, because short appends alternate more
    // often.
    let small = |writer| (24..100).map(move |n| signed(writer, n, n % 7));
    let own = |writer: usize| ENTRIES[writer].iter().cloned().chain(small(writer)).collect();
    let written: Vec<Vec<_>> = (0..WRITERS).map(own).collect();
    race(WRITERS, |writer| {
        Ok(logs[writer].through(&handles[writer]).append_each(&written[writer])?)
    })?;
    for (log, written) in logs.iter().zip(&written) {
        log.must_read(written, "a segment that was written beside others")?;
    }
    Ok(())
}

pub(crate) fn a5_refusals_change_nothing(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::with(&store, &numbered(0..3))?;
    let before = Snapshot::of(&store)?;
    ensure_err!(log.truncate(4), StoreError::Corrupt { .. });
    ensure_err!(log.sibling().truncate(0), StoreError::NotFound(_));
    before.must_be_unchanged_in(&store, "a definite error changes nothing")?;
    log.append(&nth(3))?;
    log.must_hold(&numbered(0..4), "the append after a refusal works")
}

pub(crate) fn a5_refused_conditions_change_nothing(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::with(&store, &numbered(0..3))?;
    let (old, _) = (log.known_head()?, log.append(&nth(3))?);
    let before = Snapshot::of(&store)?;
    ensure_err!(log.append_if(Some(old), &numbered(9..12)), StoreError::Conflict { .. });
    ensure_err!(log.append_if(None, &numbered(9..12)), StoreError::Conflict { .. });
    ensure_err!(log.truncate_if(old, 0), StoreError::Conflict { .. });
    before.must_be_unchanged_in(&store, "a conflict changes nothing")?;
    log.append_if(Some(log.known_head()?), &numbered(4..5))?;
    log.must_hold(&numbered(0..5), "the append after a conflict works")
}

pub(crate) fn a5_a_definite_error_stored_nothing(run: &Run<'_>) -> CheckResult {
    let (log, appends) = append_concurrently(run)?;
    for (entry, _) in appends.iter().filter(|(_, effect)| *effect == Effect::Refused) {
        let found = times(&log, entry);
        ensure!(found == 0, "the append of {entry:?} failed, and it is stored {found} times");
    }
    Ok(())
}

pub(crate) fn a6_never_twice(run: &Run<'_>) -> CheckResult {
    let (log, appends) = append_concurrently(run)?;
    for (entry, _) in &appends {
        let found = times(&log, entry);
        ensure!(found <= 1, "{entry:?} was appended by one call and is stored {found} times");
    }
    Ok(())
}

pub(crate) fn a6_batches_are_never_stored_twice(run: &Run<'_>) -> CheckResult {
    let handles = run.open_many(WRITERS)?;
    let has_conditions = handles[0].capabilities().has(Capability::ConditionalAppend);
    let log = TestLog::new(&handles[0]);
    race(WRITERS, |writer| {
        let log = log.through(&handles[writer]);
        for n in 0..20 {
            let batch = [signed(writer, 2 * n, odd_padding(n)), signed(writer, 2 * n + 1, 0)];
            // Ignore the result, because the check is only about the stored entries.
            let _ = match n % 2 {
                1 if has_conditions => log.append_if(log.head()?, &batch).map(drop),
                _ => log.append_all(&batch),
            };
        }
        Ok(())
    })?;
    let mut seen = HashSet::new();
    for entry in &log.read_all()? {
        ensure!(seen.insert(entry.as_json().to_owned()), "{entry:?} is stored twice");
    }
    Ok(())
}

pub(crate) fn a7_batches_are_in_order(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::new(&store);
    log.append_all(&numbered(0..100))?;
    log.append_all(&numbered(100..101))?;
    log.append_all(&numbered(101..300))?;
    log.must_hold(&numbered(0..300), "batches come back in order")
}

pub(crate) fn a7_an_empty_batch_is_nothing(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::new(&store);
    log.append_all(&[])?;
    log.must_be_absent("an empty batch creates nothing")?;
    store.must_list_sessions(&[], "an empty batch creates no session")?;
    log.append_all(&numbered(0..2))?;
    let before = Snapshot::of(&store)?;
    log.append_all(&[])?;
    before.must_be_unchanged_in(&store, "an empty batch changes nothing")
}

/// The number of entries in one batch. The batch is long, so that a loop of appends is always
/// interrupted by another writer.
const BATCH: usize = 600;

static BATCHES: LazyLock<Vec<Vec<LogEntry>>> = LazyLock::new(|| {
    let batch = |writer| (0..BATCH).map(|n| signed(writer, n, n % 70)).collect();
    (0..WRITERS).map(batch).collect()
});

pub(crate) fn a7_batches_stay_contiguous(run: &Run<'_>) -> CheckResult {
    let handles = run.open_many(WRITERS)?;
    for _ in 0..8 {
        let log = TestLog::new(&handles[0]);
        race(WRITERS, |writer| Ok(log.through(&handles[writer]).append_all(&BATCHES[writer])?))?;
        let entries = log.read_all()?;
        ensure_eq(&entries.len(), &(WRITERS * BATCH), "the entries of all batches")?;
        for found in entries.chunks(BATCH) {
            let Some(batch) = BATCHES.iter().find(|batch| batch[0] == found[0]) else {
                return Err(CheckError::new(format!(
                    "no batch starts with the entry after a batch: {:?}",
                    found[0]
                )));
            };
            ensure_entries(found, batch, "a batch is contiguous while others write")?;
        }
    }
    Ok(())
}

pub(crate) fn a7_batches_show_whole(run: &Run<'_>) -> CheckResult {
    const SMALL: usize = 25;
    let (writer, reader) = (run.open()?, run.open()?);
    let log = TestLog::new(&writer);
    log.create(&[])?;
    let write = |_| Ok(log.append_all(&numbered(0..SMALL))?);
    write_while_reading(write, || {
        let found = log.through(&reader).read_all()?.len();
        ensure!(found % SMALL == 0, "a read returned {found} entries of batches of {SMALL}");
        Ok(())
    })
}

pub(crate) fn a8_one_segment_id_in_two_sessions(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let ours = TestLog::with(&store, &numbered(0..4))?;
    let theirs = ours.namesake();
    theirs.must_be_absent("the segment in another session")?;
    theirs.append(&nth(50))?;
    ours.append(&nth(4))?;
    theirs.must_hold(&numbered(50..51), "the log in the other session")?;
    theirs.create(&numbered(60..63))?;
    ours.must_hold(&numbered(0..5), "the first log after the other was replaced")?;
    ours.truncate(1)?;
    theirs.must_hold(&numbered(60..63), "the other log after a truncate")?;
    ours.must_hold(&numbered(0..1), "the log in the first session")
}

pub(crate) fn a8_traces_of_two_sessions(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let ours = TestLog::new(&store);
    ours.append_traces(&numbered_traces(0..3))?;
    let theirs = ours.namesake();
    theirs.must_have_trace(&[], "the trace in another session")?;
    theirs.append_traces(&numbered_traces(7..9))?;
    ours.must_have_trace(&numbered_traces(0..3), "the trace in the first session")?;
    theirs.must_have_trace(&numbered_traces(7..9), "the trace in the other session")
}

pub(crate) fn a8_deleting_one_leaves_the_other(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let ours = TestLog::with(&store, &numbered(0..4))?;
    let theirs = ours.namesake();
    theirs.append_all(&numbered(10..12))?;
    ensure_eq(&ours.delete()?, &true, "deleting a segment returns true")?;
    ours.must_be_absent("a deleted segment")?;
    theirs.must_hold(&numbered(10..12), "the log in the other session after the delete")?;
    theirs.must_be_found("the session that still holds the segment")
}
