//! Checks of section H of the contract: the head of a log changes with the log, and a conditional
//! write compares the head and writes in one step.

use std::collections::HashSet;

use session_store_core::{Capability, Head, LogEntry, Store, StoreError};

use crate::check_result::{CheckError, CheckResult, ensure, ensure_eq, ensure_err};
use crate::recording::RecordingStore;
use crate::run::Run;
use crate::sample::{entry, nth, numbered, signed, trace};
use crate::snapshot::Snapshot;
use crate::test_log::TestLog;
use crate::threads::race;
use crate::unsupported::{calls_of, must_be_unsupported};

const WRITERS: usize = 4;
/// How many times each race is run.
const ROUNDS: usize = 40;

/// A change of a log.
pub(super) type Change = fn(&TestLog<'_>) -> Result<(), StoreError>;

pub(crate) fn h1_unknown_has_none(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::with(&store, &numbered(0..1))?;
    for unknown in log.unknown_segments() {
        ensure_eq(&unknown.head()?, &None, "an unknown segment has no head")?;
        unknown.must_be_absent("after head was called")?;
    }
    Ok(())
}

pub(crate) fn h1_it_counts(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::new(&store);
    let counts = |n: usize| ensure_eq(&log.known_head()?.entries(), &n, "the count in the head");
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

pub(crate) fn h1_it_stays_while_nothing_changes(run: &Run<'_>) -> CheckResult {
    let (store, other) = (run.open()?, run.open()?);
    let log = TestLog::with(&store, &numbered(0..3))?;
    let head = log.head()?;
    let stays = |context: &str| {
        ensure_eq(&log.head()?, &head, context)?;
        ensure_eq(&log.through(&other).head()?, &head, context)
    };
    stays("the head again")?;
    let _read = (log.read_all()?, log.read_entry_count()?, log.read_page(0, 10)?);
    stays("the head after reads")?;
    log.append_trace(&trace("{}"))?;
    log.append_all(&[])?;
    log.truncate(3)?;
    stays("the head after a trace, an empty batch and a truncate to the same length")?;
    log.sibling().append(&entry("{}"))?;
    log.namesake().create(&[])?;
    stays("the head after changes of other segments")
}

/// Fails if the log's head is in `seen`. Otherwise adds the head to `seen`.
pub(super) fn must_be_new(seen: &mut HashSet<Head>, log: &TestLog<'_>, after: &str) -> CheckResult {
    let head = log.known_head()?;
    ensure!(seen.insert(head), "the head {head} after {after} was used before: {seen:?}");
    Ok(())
}

pub(crate) fn h1_a_cut_gives_a_new_token(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::with(&store, &numbered(0..3))?;
    let mut seen = HashSet::from([log.known_head()?]);
    for _ in 0..5 {
        log.truncate(2)?;
        log.append(&nth(2))?;
        must_be_new(&mut seen, &log, "truncate and regrow")?;
        log.create(&numbered(0..3))?;
        must_be_new(&mut seen, &log, "replacing a log with an equal one")?;
    }
    Ok(())
}

pub(crate) fn h1_a_recreated_segment_has_a_new_token(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::with(&store, &numbered(0..1))?;
    let mut seen = HashSet::from([log.known_head()?]);
    for _ in 0..5 {
        log.delete()?;
        log.append(&nth(0))?;
        must_be_new(&mut seen, &log, "delete and append")?;
        log.store().delete_session(log.session_id())?;
        log.create(&numbered(0..1))?;
        must_be_new(&mut seen, &log, "delete of the session and create")?;
    }
    Ok(())
}

pub(crate) fn h2_it_appends_if_nothing_changed(run: &Run<'_>) -> CheckResult {
    let (store, other) = (run.open()?, run.open()?);
    let log = TestLog::new(&store);
    let first = log.append_if(None, &numbered(0..1))?;
    ensure_eq(&log.head()?, &Some(first), "the head that append_if returned")?;
    let second = log.through(&other).append_if(Some(first), &numbered(1..4))?;
    ensure_eq(&log.head()?, &Some(second), "the head that append_if returned")?;
    log.append_if(Some(second), &numbered(4..5))?;
    log.append(&nth(5))?;
    // Equal entries are separate entries.
    log.through(&other).append_if(log.head()?, &[nth(6), nth(6)])?;
    let all = [numbered(0..7), numbered(6..7)].concat();
    log.must_hold(&all, "the entries of conditional and plain appends")?;
    log.must_be_found("the session of a segment that append_if created")
}

/// Fails unless the result is a conflict with exactly these heads.
pub(super) fn must_conflict(
    result: Result<Head, StoreError>,
    expected: Option<Head>,
    actual: Option<Head>,
) -> CheckResult {
    match result {
        Err(StoreError::Conflict { expected: reported, actual: found }) => {
            ensure_eq(&(reported, found), &(expected, actual), "the heads in a conflict")
        }
        other => Err(CheckError::new(format!("expected a conflict, found {other:?}"))),
    }
}

pub(crate) fn h2_a_conflict_names_both_heads(run: &Run<'_>) -> CheckResult {
    let (store, other) = (run.open()?, run.open()?);
    let log = TestLog::with(&store, &numbered(0..2))?;
    let old = log.known_head()?;
    log.through(&other).append(&nth(2))?;
    let before = Snapshot::of(&store)?;
    must_conflict(log.append_if(Some(old), &numbered(9..11)), Some(old), log.head()?)?;
    must_conflict(log.append_if(None, &numbered(9..11)), None, log.head()?)?;
    must_conflict(log.append_if(None, &[]), None, log.head()?)?;
    let unknown = log.sibling();
    must_conflict(unknown.append_if(Some(old), &numbered(9..11)), Some(old), None)?;
    before.must_be_unchanged_in(&store, "the storage after conflicts")
}

pub(crate) fn h2_no_entries_only_compare(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::new(&store);
    let made = log.append_if(None, &[])?;
    log.must_hold(&[], "append_if with None and no entries")?;
    ensure_eq(&log.head()?, &Some(made), "the head of the empty segment")?;
    log.append_all(&numbered(0..2))?;
    let head = log.known_head()?;
    let before = Snapshot::of(&store)?;
    ensure_eq(&log.append_if(Some(head), &[])?, &head, "append_if with a head and no entries")?;
    must_conflict(log.append_if(Some(made), &[]), Some(made), Some(head))?;
    before.must_be_unchanged_in(&store, "the storage after comparisons")
}

/// Lets all handles append with the same expected head. Fails unless exactly one appends.
pub(super) fn one_winner(handles: &[RecordingStore], start: Change) -> CheckResult {
    let writers = handles.len();
    let batch = |writer| vec![signed(writer, 0, 1_021), signed(writer, 1, 13)];
    let batches: Vec<_> = (0..writers).map(batch).collect();
    for _ in 0..ROUNDS {
        let log = TestLog::new(&handles[0]);
        start(&log)?;
        let (head, base) = (log.head()?, log.read_entry_count().unwrap_or(0));
        let results = race(writers, |writer| {
            Ok(log.through(&handles[writer]).append_if(head, &batches[writer]))
        })?;
        let winners: Vec<_> = (0..writers).filter(|&writer| results[writer].is_ok()).collect();
        ensure!(
            winners.len() == 1,
            "of {writers} writers with one head, {winners:?} appended: {results:?}"
        );
        let appended = log.read_all()?.split_off(base);
        ensure_eq(&appended, &batches[winners[0]], "the appended entries")?;
        for result in results.into_iter().filter(Result::is_err) {
            must_conflict(result, head, log.head()?)?;
        }
    }
    Ok(())
}

pub(crate) fn h2_one_writer_wins(run: &Run<'_>) -> CheckResult {
    one_winner(&run.open_many(WRITERS)?, |log| log.append_all(&numbered(0..2)))
}

pub(crate) fn h2_one_creator_wins(run: &Run<'_>) -> CheckResult {
    one_winner(&run.open_many(WRITERS)?, |_| Ok(()))
}

/// Runs two different calls at the same moment and returns their results. The threads take turns in
/// starting first, because a scheduler can always run the first thread before the other thread.
pub(super) fn race_of_two<T: Send>(
    round: usize,
    call: impl Fn(usize) -> T + Sync,
) -> Result<[T; 2], CheckError> {
    let results = race(2, |thread| Ok(call((thread + round) % 2)))?;
    let mut results: [T; 2] =
        results.try_into().map_err(|_| CheckError::new("two threads were started"))?;
    results.rotate_left(round % 2);
    Ok(results)
}

pub(crate) fn h2_plain_appends_are_seen(run: &Run<'_>) -> CheckResult {
    let handles = run.open_many(2)?;
    let (plain, conditional) = (signed(0, 0, 3), [signed(1, 0, 3)]);
    for round in 0..ROUNDS {
        let log = TestLog::with(&handles[0], &numbered(0..1))?;
        let head = log.known_head()?;
        let [plain_result, conditional_result] = race_of_two(round, |writer| {
            let log = log.through(&handles[writer]);
            match writer {
                0 => log.append(&plain).map(|()| head),
                _ => log.append_if(Some(head), &conditional),
            }
        })?;
        let entries = log.read_all()?;
        let first = entries.get(1) == Some(&conditional[0]);
        let there = entries.contains(&conditional[0]);
        ensure_eq(&plain_result.is_ok(), &true, "whether a plain append succeeded")?;
        let (result, entry) = (&conditional_result, &conditional[0]);
        ensure!(
            there || result.is_err(),
            "append_if of {entry:?} was acknowledged, but the entry is not stored"
        );
        ensure!(
            result.is_ok() || !there,
            "append_if of {entry:?} returned {result:?}, but the entry is stored"
        );
        ensure!(
            first || !there,
            "append_if appended after an entry that the expected head does not include"
        );
    }
    Ok(())
}

pub(crate) fn h3_declared_or_refused(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    for &operation in Capability::ALL {
        if !store.capabilities().has(operation) {
            must_be_unsupported(run, operation)?;
            continue;
        }
        for (name, call) in calls_of(operation) {
            let log = TestLog::with(&store, &numbered(0..2))?;
            let result = call(&log, log.known_head()?);
            let unsupported = matches!(result, Err(StoreError::Unsupported { .. }));
            ensure!(!unsupported, "{operation} is declared, but {name} returns Unsupported");
        }
    }
    Ok(())
}

pub(crate) fn h3_for_every_expected_head(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let declared = store.capabilities().has(Capability::ConditionalAppend);
    let log = TestLog::with(&store, &numbered(0..2))?;
    let old = log.known_head()?;
    log.append(&nth(2))?;
    let (head, unknown) = (log.known_head()?, log.sibling());
    let fits = |name: &str, result: Result<Head, StoreError>| {
        let unsupported = matches!(result, Err(StoreError::Unsupported { .. }));
        let context = format!("whether {name} is supported: {result:?}");
        ensure_eq(&!unsupported, &declared, &context)
    };
    let before = Snapshot::of(&store)?;
    fits("append_if with an old head", log.append_if(Some(old), &numbered(9..10)))?;
    fits("append_if with None", log.append_if(None, &numbered(9..10)))?;
    fits("append_if without entries", log.append_if(Some(head), &[]))?;
    fits("append_if with a head and no segment", unknown.append_if(Some(head), &[]))?;
    fits("truncate_if with an old head", log.truncate_if(old, 0))?;
    fits("truncate_if to the length", log.truncate_if(head, 3))?;
    fits("truncate_if past the end", log.truncate_if(head, 4))?;
    fits("truncate_if without a segment", unknown.truncate_if(head, 0))?;
    before.must_be_unchanged_in(&store, "the storage after calls that change nothing")?;
    fits("append_if with None and no entries", unknown.append_if(None, &[]))?;
    ensure_eq(&unknown.exists()?, &declared, "whether append_if created an empty segment")
}

pub(crate) fn h4_regrown_is_a_conflict(run: &Run<'_>) -> CheckResult {
    let (store, other) = (run.open()?, run.open()?);
    let log = TestLog::with(&store, &numbered(0..3))?;
    let changes: [Change; 3] = [
        |log| log.truncate(2).and_then(|()| log.append(&nth(2))),
        |log| log.truncate(0).and_then(|()| log.append_all(&numbered(0..3))),
        |log| log.create(&numbered(0..3)),
    ];
    for change in changes {
        let old = log.known_head()?;
        change(&log.through(&other))?;
        let before = Snapshot::of(&store)?;
        must_conflict(log.append_if(Some(old), &numbered(9..10)), Some(old), log.head()?)?;
        must_conflict(log.truncate_if(old, 0), Some(old), log.head()?)?;
        before.must_be_unchanged_in(&store, "the storage after conflicts")?;
    }
    Ok(())
}

pub(crate) fn h4_recreated_is_a_conflict(run: &Run<'_>) -> CheckResult {
    let (store, other) = (run.open()?, run.open()?);
    let log = TestLog::with(&store, &numbered(0..1))?;
    let old = log.known_head()?;
    log.through(&other).delete()?;
    must_conflict(log.append_if(Some(old), &numbered(1..2)), Some(old), None)?;
    log.through(&other).append(&nth(0))?;
    must_conflict(log.append_if(Some(old), &numbered(1..2)), Some(old), log.head()?)?;
    log.must_hold(&numbered(0..1), "the recreated segment after a conflict")
}

pub(crate) fn h5_repeating_cannot_append_twice(run: &Run<'_>) -> CheckResult {
    let (store, other) = (run.open()?, run.open()?);
    let log = TestLog::new(&store);
    let mut expected: Option<Head> = None;
    let mut held: Vec<LogEntry> = Vec::new();
    for batch in [numbered(0..1), numbered(1..4), vec![entry("{}")], vec![entry("{}")]] {
        let head = log.append_if(expected, &batch)?;
        held.extend(batch.iter().cloned());
        for repeated in [&log, &log.through(&other)] {
            must_conflict(repeated.append_if(expected, &batch), expected, Some(head))?;
        }
        log.must_hold(&held, "the log after append_if was repeated")?;
        expected = Some(head);
    }
    Ok(())
}

pub(crate) fn h5_repeating_after_others_is_a_conflict(run: &Run<'_>) -> CheckResult {
    let (store, other) = (run.open()?, run.open()?);
    let changes: [Change; 4] = [
        |log| log.append(&nth(7)),
        |log| log.append_all(&numbered(7..9)),
        |log| log.append_if(log.head()?, &numbered(7..8)).map(drop),
        // An equal entry of another writer.
        |log| log.append(&nth(1)),
    ];
    for change in changes {
        let log = TestLog::new(&store);
        let mut expected = None;
        for batch in [numbered(0..2), numbered(1..2)] {
            log.append_if(expected, &batch)?;
            change(&log.through(&other))?;
            let (held, head) = (log.read_all()?, log.head()?);
            for repeated in [log, log.through(&other)] {
                must_conflict(repeated.append_if(expected, &batch), expected, head)?;
            }
            log.must_hold(&held, "the log after append_if was repeated")?;
            expected = head;
        }
    }
    Ok(())
}

pub(crate) fn h6_a_writer_rolls_back_its_own(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::with(&store, &numbered(0..2))?;
    let head = log.append_if(log.head()?, &numbered(2..5))?;
    let back = log.truncate_if(head, 2)?;
    ensure_eq(&log.head()?, &Some(back), "the head that truncate_if returned")?;
    log.must_hold(&numbered(0..2), "the log after truncate_if")?;
    let same_length = log.truncate_if(back, 2)?;
    ensure_eq(&log.head()?, &Some(same_length), "the head after truncate_if to the same length")?;
    ensure_err!(log.truncate_if(same_length, 3), StoreError::Corrupt { line: 3, .. });
    log.must_hold(&numbered(0..2), "the log after truncate_if past the end")?;
    log.truncate_if(log.known_head()?, 0)?;
    log.must_hold(&[], "the log after truncate_if to 0")
}

pub(crate) fn h6_another_entry_is_a_conflict(run: &Run<'_>) -> CheckResult {
    let (store, other) = (run.open()?, run.open()?);
    let log = TestLog::with(&store, &numbered(0..2))?;
    let head = log.known_head()?;
    log.through(&other).append(&nth(2))?;
    let before = Snapshot::of(&store)?;
    for len in [1, head.entries(), usize::MAX] {
        must_conflict(log.truncate_if(head, len), Some(head), log.head()?)?;
    }
    let unknown = log.sibling();
    must_conflict(unknown.truncate_if(head, 0), Some(head), None)?;
    unknown.must_be_absent("an unknown segment after truncate_if")?;
    before.must_be_unchanged_in(&store, "the storage after conflicts")
}

pub(crate) fn h6_it_never_cuts_anothers(run: &Run<'_>) -> CheckResult {
    let handles = run.open_many(2)?;
    let plain = signed(0, 0, 257);
    for round in 0..ROUNDS {
        let log = TestLog::with(&handles[0], &numbered(0..4))?;
        let head = log.known_head()?;
        let [plain_result, conditional_result] = race_of_two(round, |writer| {
            let log = log.through(&handles[writer]);
            match writer {
                0 => log.append(&plain).map(|()| head),
                _ => log.truncate_if(head, 1),
            }
        })?;
        let kept = if conditional_result.is_ok() { 1 } else { 4 };
        ensure_eq(&plain_result.is_ok(), &true, "whether a plain append succeeded")?;
        let expected = [numbered(0..kept), vec![plain.clone()]].concat();
        log.must_hold(&expected, "the log after truncate_if beside a plain append")?;
    }
    Ok(())
}
