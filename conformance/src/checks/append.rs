//! A: appends are ordered, seen at once, whole, and stay apart.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use session_store_core::{LogEntry, Store, StoreError};

use crate::failure::{Failure, Verdict, ensure, ensure_err, same, same_entries};
use crate::log::Log;
use crate::run::Run;
use crate::sample::{entry, numbered, numbered_traces, odd_padding, signed};
use crate::snapshot::Snapshot;
use crate::threads::{during, race};

const WRITERS: usize = 4;

pub(crate) fn a1_order_of_one_writer(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::new(&store);
    log.append_each(&numbered(0..300))?;
    log.must_hold(&numbered(0..300), "entries come back in the order of their appends")
}

pub(crate) fn a1_order_over_two_handles(run: &Run<'_>) -> Verdict {
    let handles = run.open_many(2)?;
    let log = Log::new(&handles[0]);
    for (n, entry) in numbered(0..40).iter().enumerate() {
        log.through(&handles[n % 2]).append(entry)?;
    }
    for handle in &handles {
        same_entries(&log.through(handle).entries()?, &numbered(0..40), "two handles, one writer")?;
    }
    Ok(())
}

pub(crate) fn a1_equal_entries_are_all_kept(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::new(&store);
    let same = vec![entry(r#"{"kind":"turn_end"}"#); 5];
    log.append_each(&same)?;
    log.append_all(&same)?;
    log.must_hold(&[same.clone(), same].concat(), "an equal entry is another entry")
}

pub(crate) fn a2_first_append_creates(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::new(&store);
    log.must_be_absent("before the first append")?;
    log.append(&numbered(0..1)[0])?;
    log.must_hold(&numbered(0..1), "the first append creates the segment")?;
    same(&log.lookup()?, &Some(log.session_id), "the first append creates the session")?;
    let batch = log.sibling();
    batch.append_all(&numbered(0..2))?;
    batch.must_hold(&numbered(0..2), "the first batch creates the segment")
}

pub(crate) fn a3_append_is_seen_at_once(run: &Run<'_>) -> Verdict {
    let (writer, reader) = (run.open()?, run.open()?);
    let log = Log::new(&writer);
    let seen = log.through(&reader);
    seen.must_be_absent("before the first append")?;
    for n in 0..10 {
        log.append(&numbered(n..n + 1)[0])?;
        seen.must_hold(&numbered(0..n + 1), "another handle sees an acknowledged append")?;
    }
    log.append_all(&numbered(10..15))?;
    seen.must_hold(&numbered(0..15), "another handle sees an acknowledged batch")?;
    same(&seen.lookup()?, &Some(log.session_id), "another handle finds the session")
}

pub(crate) fn a3_changes_are_seen_at_once(run: &Run<'_>) -> Verdict {
    let (writer, reader) = (run.open()?, run.open()?);
    let log = Log::with(&writer, &numbered(0..5))?;
    let seen = log.through(&reader);
    seen.must_hold(&numbered(0..5), "before the changes")?;
    log.truncate(3)?;
    seen.must_hold(&numbered(0..3), "another handle sees a truncate")?;
    log.create(&numbered(20..24))?;
    seen.must_hold(&numbered(20..24), "another handle sees a replaced log")?;
    log.create(&[])?;
    seen.must_hold(&[], "another handle sees an emptied log")?;
    let created = log.sibling();
    created.create(&numbered(0..2))?;
    created.through(&reader).must_hold(&numbered(0..2), "another handle sees a created log")
}

pub(crate) fn a3_other_threads_see_it(run: &Run<'_>) -> Verdict {
    let (writer, reader) = (run.open()?, run.open()?);
    let log = Log::new(&writer);
    let acknowledged = AtomicUsize::new(0);
    let write = |n| {
        log.append(&numbered(n..n + 1)[0])?;
        acknowledged.store(n + 1, SeqCst);
        Ok(())
    };
    during(write, || {
        let least = acknowledged.load(SeqCst);
        if least == 0 {
            return Ok(());
        }
        let found = log.through(&reader).entries()?.len();
        ensure!(found >= least, "{least} appends were acknowledged, a reader then found {found}");
        Ok(())
    })
}

/// What each of two threads for each writer appends. It is made once, since in a debug build making it takes
/// longer than storing it.
static WRITTEN: LazyLock<Vec<Vec<LogEntry>>> = LazyLock::new(|| {
    let own = |writer| (0..24).map(|n| signed(writer, n, odd_padding(n + writer))).collect();
    (0..WRITERS * 2).map(own).collect()
});

/// What a writer knows of one of its appends.
enum Told {
    Acknowledged,
    Refused,
    Unknown,
}

/// Each append, and what its caller was told of it.
type Tally = Vec<(LogEntry, Told)>;

/// Several writers on one new segment at the same time, and what is there after them.
fn tally(run: &Run<'_>) -> Result<(Vec<LogEntry>, Tally), Failure> {
    let handles = run.open_many(WRITERS)?;
    let log = Log::new(&handles[0]);
    let told = race(WRITERS * 2, |writer| {
        // Two threads to a handle, so that both kinds of neighbours race.
        let log = log.through(&handles[writer % WRITERS]);
        let append = |entry| match log.append(entry) {
            Ok(()) => Told::Acknowledged,
            Err(error) if error.is_indeterminate() => Told::Unknown,
            Err(_) => Told::Refused,
        };
        Ok(WRITTEN[writer].iter().map(append).collect::<Vec<_>>())
    })?;
    let written = WRITTEN.iter().flatten().cloned();
    Ok((log.entries()?, written.zip(told.into_iter().flatten()).collect()))
}

fn times(entries: &[LogEntry], entry: &LogEntry) -> usize {
    entries.iter().filter(|other| *other == entry).count()
}

pub(crate) fn a4_every_entry_once_and_whole(run: &Run<'_>) -> Verdict {
    let (entries, told) = tally(run)?;
    for (entry, told) in &told {
        let found = times(&entries, entry);
        if matches!(told, Told::Acknowledged) {
            ensure!(found == 1, "{entry:?} was acknowledged and is there {found} times");
        }
    }
    let foreign = entries.iter().find(|entry| told.iter().all(|(known, _)| known != *entry));
    ensure!(foreign.is_none(), "an entry that nobody wrote: {foreign:?}");
    let refused = told.iter().any(|(_, told)| !matches!(told, Told::Acknowledged));
    ensure!(!refused, "an append failed although nothing but other writers was in its way");
    Ok(())
}

pub(crate) fn a4_each_writers_order_is_kept(run: &Run<'_>) -> Verdict {
    let (entries, told) = tally(run)?;
    for writer in 0..WRITERS * 2 {
        let own = format!(r#"{{"w":{writer},"#);
        let is_own = |entry: &&LogEntry| entry.as_json().starts_with(&own);
        let found: Vec<_> = entries.iter().filter(is_own).cloned().collect();
        let written = told.iter().map(|(entry, _)| entry).filter(is_own);
        let expected: Vec<_> = written.filter(|entry| found.contains(entry)).cloned().collect();
        same_entries(&found, &expected, &format!("writer {writer}'s own order"))?;
    }
    Ok(())
}

pub(crate) fn a4_first_appends_race(run: &Run<'_>) -> Verdict {
    let handles = run.open_many(WRITERS)?;
    let first: Vec<_> = (0..WRITERS).map(|writer| signed(writer, 0, 0)).collect();
    for _ in 0..40 {
        let log = Log::new(&handles[0]);
        race(WRITERS, |writer| Ok(log.through(&handles[writer]).append(&first[writer])?))?;
        let entries = log.entries()?;
        for (writer, entry) in first.iter().enumerate() {
            let found = times(&entries, entry);
            ensure!(found == 1, "writer {writer}'s first append is there {found} times");
        }
        same(&log.listed()?, &true, "a segment that several made at once is listed")?;
    }
    Ok(())
}

pub(crate) fn a4_segments_do_not_mix(run: &Run<'_>) -> Verdict {
    let handles = run.open_many(WRITERS)?;
    let first = Log::new(&handles[0]);
    let logs: Vec<_> = (0..WRITERS).map(|_| first.sibling()).collect();
    // Few large ones, and small ones that take turns quickly.
    let small = |writer| (24..100).map(move |n| signed(writer, n, n % 7));
    let own = |writer: usize| WRITTEN[writer].iter().cloned().chain(small(writer)).collect();
    let written: Vec<Vec<_>> = (0..WRITERS).map(own).collect();
    race(WRITERS, |writer| {
        Ok(logs[writer].through(&handles[writer]).append_each(&written[writer])?)
    })?;
    for (log, written) in logs.iter().zip(&written) {
        same_entries(&log.entries()?, written, "segments written at the same time do not mix")?;
    }
    Ok(())
}

pub(crate) fn a5_refusals_change_nothing(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::with(&store, &numbered(0..3))?;
    let before = Snapshot::of(&store)?;
    ensure_err!(log.truncate(4), StoreError::Corrupt { .. });
    ensure_err!(log.sibling().truncate(0), StoreError::NotFound(_));
    before.must_be_what(&store, "a definite error changes nothing")?;
    log.append(&numbered(3..4)[0])?;
    log.must_hold(&numbered(0..4), "the append after a refusal works")
}

pub(crate) fn a5_refused_conditions_change_nothing(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::with(&store, &numbered(0..3))?;
    let (old, _) = (log.known_head()?, log.append(&numbered(3..4)[0])?);
    let before = Snapshot::of(&store)?;
    ensure_err!(log.append_if(Some(old), &numbered(9..12)), StoreError::Conflict { .. });
    ensure_err!(log.append_if(None, &numbered(9..12)), StoreError::Conflict { .. });
    ensure_err!(log.truncate_if(old, 0), StoreError::Conflict { .. });
    before.must_be_what(&store, "a conflict changes nothing")?;
    log.append_if(Some(log.known_head()?), &numbered(4..5))?;
    log.must_hold(&numbered(0..5), "the append after a conflict works")
}

pub(crate) fn a5_a_definite_error_stored_nothing(run: &Run<'_>) -> Verdict {
    let (entries, told) = tally(run)?;
    for (entry, _) in told.iter().filter(|(_, told)| matches!(told, Told::Refused)) {
        let found = times(&entries, entry);
        ensure!(found == 0, "the append of {entry:?} failed, and it is there {found} times");
    }
    Ok(())
}

pub(crate) fn a6_never_twice(run: &Run<'_>) -> Verdict {
    let (entries, told) = tally(run)?;
    for (entry, _) in &told {
        let found = times(&entries, entry);
        ensure!(found <= 1, "{entry:?} was appended by one call and is there {found} times");
    }
    Ok(())
}

pub(crate) fn a7_batches_are_in_order(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::new(&store);
    log.append_all(&numbered(0..100))?;
    log.append_all(&numbered(100..101))?;
    log.append_all(&numbered(101..300))?;
    log.must_hold(&numbered(0..300), "batches come back in order")
}

pub(crate) fn a7_an_empty_batch_is_nothing(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::new(&store);
    log.append_all(&[])?;
    log.must_be_absent("an empty batch creates nothing")?;
    same(&store.list_sessions()?, &Vec::new(), "an empty batch makes no session")?;
    log.append_all(&numbered(0..2))?;
    let before = Snapshot::of(&store)?;
    log.append_all(&[])?;
    before.must_be_what(&store, "an empty batch changes nothing")
}

/// Long enough that no scheduler runs one writer's loop of appends without another's in between.
const BATCH: usize = 600;

static BATCHES: LazyLock<Vec<Vec<LogEntry>>> = LazyLock::new(|| {
    let batch = |writer| (0..BATCH).map(|n| signed(writer, n, n % 70)).collect();
    (0..WRITERS).map(batch).collect()
});

pub(crate) fn a7_batches_stay_contiguous(run: &Run<'_>) -> Verdict {
    let handles = run.open_many(WRITERS)?;
    for _ in 0..8 {
        let log = Log::new(&handles[0]);
        race(WRITERS, |writer| Ok(log.through(&handles[writer]).append_all(&BATCHES[writer])?))?;
        let entries = log.entries()?;
        same(&entries.len(), &(WRITERS * BATCH), "every batch is there")?;
        for found in entries.chunks(BATCH) {
            let Some(batch) = BATCHES.iter().find(|batch| batch[0] == found[0]) else {
                return Err(Failure::new(format!(
                    "a batch does not begin where one ended: {:?}",
                    found[0]
                )));
            };
            same_entries(found, batch, "a batch is contiguous while others write")?;
        }
    }
    Ok(())
}

pub(crate) fn a7_batches_show_whole(run: &Run<'_>) -> Verdict {
    const SMALL: usize = 25;
    let (writer, reader) = (run.open()?, run.open()?);
    let log = Log::new(&writer);
    log.create(&[])?;
    let write = |_| Ok(log.append_all(&numbered(0..SMALL))?);
    during(write, || {
        let found = log.through(&reader).entries()?.len();
        ensure!(found % SMALL == 0, "a reader found {found} entries of batches of {SMALL}");
        Ok(())
    })
}

pub(crate) fn a8_one_segment_id_in_two_sessions(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let ours = Log::with(&store, &numbered(0..4))?;
    let theirs = ours.namesake();
    theirs.must_be_absent("a segment of another session")?;
    theirs.append(&numbered(50..51)[0])?;
    ours.append(&numbered(4..5)[0])?;
    theirs.must_hold(&numbered(50..51), "two sessions, one segment id")?;
    theirs.create(&numbered(60..63))?;
    ours.must_hold(&numbered(0..5), "replacing the one leaves the other")?;
    ours.truncate(1)?;
    theirs.must_hold(&numbered(60..63), "truncating the one leaves the other")?;
    ours.must_hold(&numbered(0..1), "each has its own log")
}

pub(crate) fn a8_traces_of_two_sessions(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let ours = Log::new(&store);
    ours.trace_each(&numbered_traces(0..3))?;
    let theirs = ours.namesake();
    same_entries(&theirs.traces()?, &[], "another session's trace")?;
    theirs.trace_each(&numbered_traces(7..9))?;
    same_entries(&ours.traces()?, &numbered_traces(0..3), "each session has its own trace")?;
    same_entries(&theirs.traces()?, &numbered_traces(7..9), "each session has its own trace")
}

pub(crate) fn a8_deleting_one_leaves_the_other(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let ours = Log::with(&store, &numbered(0..4))?;
    let theirs = ours.namesake();
    theirs.append_all(&numbered(10..12))?;
    same(&ours.delete()?, &true, "there was something to delete")?;
    ours.must_be_absent("a deleted segment")?;
    theirs.must_hold(&numbered(10..12), "deleting the one leaves the other")?;
    same(&theirs.lookup()?, &Some(theirs.session_id), "the other still holds the segment")
}
