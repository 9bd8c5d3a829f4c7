//! H: heads tell what changed, and conditional writes act on them in one step.

use std::collections::HashSet;

use session_store_core::{Capability, Head, LogEntry, Store, StoreError};

use crate::failure::{Failure, Verdict, ensure, ensure_err, same};
use crate::log::Log;
use crate::recorded::Recorded;
use crate::run::Run;
use crate::sample::{entry, numbered, signed, trace};
use crate::snapshot::Snapshot;
use crate::threads::race;
use crate::unsupported::{attempts, must_be_refused};

const WRITERS: usize = 4;
/// How often a race is run.
const ROUNDS: usize = 40;

/// Something that is done to a log.
pub(super) type Change = fn(&Log<'_>) -> Result<(), StoreError>;

pub(crate) fn h1_unknown_has_none(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::with(&store, &numbered(0..1))?;
    for unknown in [Log::new(&store), log.sibling(), log.namesake()] {
        same(&unknown.head()?, &None, "an unknown segment has no head")?;
        unknown.must_be_absent("after asking for its head")?;
    }
    Ok(())
}

pub(crate) fn h1_it_counts(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::new(&store);
    let counts = |n: usize| same(&log.known_head()?.entries(), &n, "the head counts the entries");
    log.create(&[])?;
    counts(0)?;
    log.append(&entry("{}"))?;
    counts(1)?;
    log.append_all(&numbered(0..4))?;
    counts(5)?;
    log.truncate(2)?;
    counts(2)?;
    log.create(&numbered(0..7))?;
    counts(7)
}

pub(crate) fn h1_it_stays_while_nothing_changes(run: &Run<'_>) -> Verdict {
    let (store, other) = (run.open()?, run.open()?);
    let log = Log::with(&store, &numbered(0..3))?;
    let head = log.head()?;
    let stays = |promise: &str| {
        same(&log.head()?, &head, promise)?;
        same(&log.through(&other).head()?, &head, promise)
    };
    stays("asking again")?;
    let _read = (log.entries()?, log.count()?, log.page(0, 10)?);
    stays("reading leaves the head")?;
    log.trace(&trace("{}"))?;
    log.append_all(&[])?;
    log.truncate(3)?;
    stays("what changes nothing leaves the head")?;
    log.sibling().append(&entry("{}"))?;
    log.namesake().create(&[])?;
    stays("other segments leave the head")
}

/// Adds the log's head to those seen before, which must not hold it yet.
fn fresh(seen: &mut HashSet<Head>, log: &Log<'_>, after: &str) -> Verdict {
    let head = log.known_head()?;
    ensure!(seen.insert(head), "after {after} the head {head} was used before: {seen:?}");
    Ok(())
}

pub(crate) fn h1_a_cut_gives_a_new_token(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::with(&store, &numbered(0..3))?;
    let mut seen = HashSet::from([log.known_head()?]);
    for _ in 0..5 {
        log.truncate(2)?;
        log.append(&numbered(2..3)[0])?;
        fresh(&mut seen, &log, "truncate and regrow")?;
        log.create(&numbered(0..3))?;
        fresh(&mut seen, &log, "replacing a log by an equal one")?;
    }
    Ok(())
}

pub(crate) fn h1_a_recreated_segment_has_a_new_token(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::with(&store, &numbered(0..1))?;
    let mut seen = HashSet::from([log.known_head()?]);
    for _ in 0..5 {
        log.delete()?;
        log.append(&numbered(0..1)[0])?;
        fresh(&mut seen, &log, "deleting and appending")?;
        log.store.delete_session(log.session_id)?;
        log.create(&numbered(0..1))?;
        fresh(&mut seen, &log, "deleting the session and creating")?;
    }
    Ok(())
}

pub(crate) fn h2_it_appends_if_nothing_changed(run: &Run<'_>) -> Verdict {
    let (store, other) = (run.open()?, run.open()?);
    let log = Log::new(&store);
    let first = log.append_if(None, &numbered(0..1))?;
    same(&log.head()?, &Some(first), "append_if returns the new head")?;
    let second = log.through(&other).append_if(Some(first), &numbered(1..4))?;
    same(&log.head()?, &Some(second), "append_if returns the new head")?;
    log.append_if(Some(second), &numbered(4..5))?;
    log.append(&numbered(5..6)[0])?;
    log.through(&other).append_if(log.head()?, &numbered(6..8))?;
    log.must_hold(&numbered(0..8), "conditional appends are appends")?;
    same(&log.lookup()?, &Some(log.session_id), "one that creates makes the session")
}

/// Fails unless the result is a conflict of exactly these heads.
fn conflicts(
    result: Result<Head, StoreError>,
    expected: Option<Head>,
    actual: Option<Head>,
) -> Verdict {
    match result {
        Err(StoreError::Conflict { expected: told, actual: found }) => {
            same(&(told, found), &(expected, actual), "the heads that a conflict names")
        }
        other => Err(Failure::new(format!("expected a conflict, found {other:?}"))),
    }
}

pub(crate) fn h2_a_conflict_names_both_heads(run: &Run<'_>) -> Verdict {
    let (store, other) = (run.open()?, run.open()?);
    let log = Log::with(&store, &numbered(0..2))?;
    let old = log.known_head()?;
    log.through(&other).append(&numbered(2..3)[0])?;
    let before = Snapshot::of(&store)?;
    conflicts(log.append_if(Some(old), &numbered(9..11)), Some(old), log.head()?)?;
    conflicts(log.append_if(None, &numbered(9..11)), None, log.head()?)?;
    conflicts(log.append_if(None, &[]), None, log.head()?)?;
    let unknown = log.sibling();
    conflicts(unknown.append_if(Some(old), &numbered(9..11)), Some(old), None)?;
    before.must_be_what(&store, "a conflict changes nothing")
}

pub(crate) fn h2_no_entries_only_compare(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::new(&store);
    let made = log.append_if(None, &[])?;
    log.must_hold(&[], "None and no entries make an empty segment")?;
    same(&log.head()?, &Some(made), "the head of the empty segment")?;
    log.append_all(&numbered(0..2))?;
    let head = log.known_head()?;
    let before = Snapshot::of(&store)?;
    same(&log.append_if(Some(head), &[])?, &head, "a head and no entries return that head")?;
    conflicts(log.append_if(Some(made), &[]), Some(made), Some(head))?;
    before.must_be_what(&store, "a comparison changes nothing")
}

/// Lets all handles act on the same head; exactly one may win, and only its entries may be there.
pub(super) fn one_winner(handles: &[Recorded], start: Change) -> Verdict {
    let writers = handles.len();
    let batch = |writer| vec![signed(writer, 0, 1_021), signed(writer, 1, 13)];
    let batches: Vec<_> = (0..writers).map(batch).collect();
    for _ in 0..ROUNDS {
        let log = Log::new(&handles[0]);
        start(&log)?;
        let (head, base) = (log.head()?, log.count().unwrap_or(0));
        let told = race(writers, |writer| {
            Ok(log.through(&handles[writer]).append_if(head, &batches[writer]))
        })?;
        let winners: Vec<_> = (0..writers).filter(|&writer| told[writer].is_ok()).collect();
        ensure!(winners.len() == 1, "of {writers} writers with one head {winners:?} won: {told:?}");
        let appended = log.entries()?.split_off(base);
        same(&appended, &batches[winners[0]], "only the winner's entries are there")?;
        for result in told.into_iter().filter(Result::is_err) {
            conflicts(result, head, log.head()?)?;
        }
    }
    Ok(())
}

pub(crate) fn h2_one_writer_wins(run: &Run<'_>) -> Verdict {
    one_winner(&run.open_many(WRITERS)?, |log| log.append_all(&numbered(0..2)))
}

pub(crate) fn h2_one_creator_wins(run: &Run<'_>) -> Verdict {
    one_winner(&run.open_many(WRITERS)?, |_| Ok(()))
}

/// What two different calls at the same moment return. Who is started first changes from round to round,
/// so that no scheduler always prefers the same one.
fn race_of_two<T: Send>(round: usize, call: impl Fn(usize) -> T + Sync) -> Result<[T; 2], Failure> {
    let told = race(2, |thread| Ok(call((thread + round) % 2)))?;
    let mut told: [T; 2] = told.try_into().map_err(|_| Failure::new("two threads were started"))?;
    told.rotate_left(round % 2);
    Ok(told)
}

pub(crate) fn h2_plain_appends_are_seen(run: &Run<'_>) -> Verdict {
    let handles = run.open_many(2)?;
    let (plain, conditional) = (signed(0, 0, 3), [signed(1, 0, 3)]);
    for round in 0..ROUNDS {
        let log = Log::with(&handles[0], &numbered(0..1))?;
        let head = log.known_head()?;
        let told = race_of_two(round, |writer| {
            let log = log.through(&handles[writer]);
            match writer {
                0 => log.append(&plain).map(|()| head),
                _ => log.append_if(Some(head), &conditional),
            }
        })?;
        let entries = log.entries()?;
        let first = entries.get(1) == Some(&conditional[0]);
        let there = entries.contains(&conditional[0]);
        same(&told[0].is_ok(), &true, "a plain append never conflicts")?;
        let (won, what) = (&told[1], &conditional[0]);
        ensure!(
            there || won.is_err(),
            "append_if of {what:?} was acknowledged, and it is not there"
        );
        ensure!(won.is_ok() || !there, "append_if of {what:?} answered {won:?}, and it is there");
        ensure!(first || !there, "append_if appended behind an entry that its head did not have");
    }
    Ok(())
}

pub(crate) fn h3_declared_or_refused(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    for &operation in Capability::ALL {
        if !store.capabilities().has(operation) {
            must_be_refused(run, operation)?;
            continue;
        }
        for (name, attempt) in attempts(operation) {
            let log = Log::with(&store, &numbered(0..2))?;
            let result = attempt(&log, log.known_head()?);
            let refused = matches!(result, Err(StoreError::Unsupported { .. }));
            ensure!(!refused, "{operation} is declared, and {name} answers Unsupported");
        }
    }
    Ok(())
}

pub(crate) fn h4_regrown_is_a_conflict(run: &Run<'_>) -> Verdict {
    let (store, other) = (run.open()?, run.open()?);
    let log = Log::with(&store, &numbered(0..3))?;
    let changes: [Change; 3] = [
        |log| log.truncate(2).and_then(|()| log.append(&numbered(2..3)[0])),
        |log| log.truncate(0).and_then(|()| log.append_all(&numbered(0..3))),
        |log| log.create(&numbered(0..3)),
    ];
    for change in changes {
        let old = log.known_head()?;
        change(&log.through(&other))?;
        let before = Snapshot::of(&store)?;
        conflicts(log.append_if(Some(old), &numbered(9..10)), Some(old), log.head()?)?;
        conflicts(log.truncate_if(old, 0), Some(old), log.head()?)?;
        before.must_be_what(&store, "a log that was cut and regrown is another log")?;
    }
    Ok(())
}

pub(crate) fn h4_recreated_is_a_conflict(run: &Run<'_>) -> Verdict {
    let (store, other) = (run.open()?, run.open()?);
    let log = Log::with(&store, &numbered(0..1))?;
    let old = log.known_head()?;
    log.through(&other).delete()?;
    conflicts(log.append_if(Some(old), &numbered(1..2)), Some(old), None)?;
    log.through(&other).append(&numbered(0..1)[0])?;
    conflicts(log.append_if(Some(old), &numbered(1..2)), Some(old), log.head()?)?;
    log.must_hold(&numbered(0..1), "a segment that was deleted and made again is another segment")
}

pub(crate) fn h5_repeating_cannot_append_twice(run: &Run<'_>) -> Verdict {
    let (store, other) = (run.open()?, run.open()?);
    let log = Log::new(&store);
    let mut expected: Option<Head> = None;
    let mut held: Vec<LogEntry> = Vec::new();
    for batch in [numbered(0..1), numbered(1..4), vec![entry("{}")], vec![entry("{}")]] {
        let head = log.append_if(expected, &batch)?;
        held.extend(batch.iter().cloned());
        for repeated in [&log, &log.through(&other)] {
            conflicts(repeated.append_if(expected, &batch), expected, Some(head))?;
        }
        log.must_hold(&held, "a repeated append_if with the old head appends nothing")?;
        expected = Some(head);
    }
    Ok(())
}

pub(crate) fn h6_a_writer_rolls_back_its_own(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::with(&store, &numbered(0..2))?;
    let head = log.append_if(log.head()?, &numbered(2..5))?;
    let back = log.truncate_if(head, 2)?;
    same(&log.head()?, &Some(back), "truncate_if returns the new head")?;
    log.must_hold(&numbered(0..2), "the turn is rolled back")?;
    let same_length = log.truncate_if(back, 2)?;
    same(&log.head()?, &Some(same_length), "to its own length")?;
    ensure_err!(log.truncate_if(same_length, 3), StoreError::Corrupt { line: 3, .. });
    log.must_hold(&numbered(0..2), "past the end changes nothing")?;
    log.truncate_if(log.known_head()?, 0)?;
    log.must_hold(&[], "to nothing")
}

pub(crate) fn h6_another_entry_is_a_conflict(run: &Run<'_>) -> Verdict {
    let (store, other) = (run.open()?, run.open()?);
    let log = Log::with(&store, &numbered(0..2))?;
    let head = log.known_head()?;
    log.through(&other).append(&numbered(2..3)[0])?;
    let before = Snapshot::of(&store)?;
    conflicts(log.truncate_if(head, 1), Some(head), log.head()?)?;
    conflicts(log.truncate_if(head, usize::MAX), Some(head), log.head()?)?;
    let unknown = log.sibling();
    conflicts(unknown.truncate_if(head, 0), Some(head), None)?;
    unknown.must_be_absent("truncate_if creates nothing")?;
    before.must_be_what(&store, "a conflict changes nothing")
}

pub(crate) fn h6_it_never_cuts_anothers(run: &Run<'_>) -> Verdict {
    let handles = run.open_many(2)?;
    let plain = signed(0, 0, 257);
    for round in 0..ROUNDS {
        let log = Log::with(&handles[0], &numbered(0..4))?;
        let head = log.known_head()?;
        let told = race_of_two(round, |writer| {
            let log = log.through(&handles[writer]);
            match writer {
                0 => log.append(&plain).map(|()| head),
                _ => log.truncate_if(head, 1),
            }
        })?;
        let kept = if told[1].is_ok() { 1 } else { 4 };
        same(&told[0].is_ok(), &true, "a plain append never conflicts")?;
        let expected = [numbered(0..kept), vec![plain.clone()]].concat();
        log.must_hold(&expected, "a roll-back beside another's append")?;
    }
    Ok(())
}
