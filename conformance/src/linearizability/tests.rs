//! Tests with linearizable histories, and with histories that are not linearizable.

use std::sync::{Barrier, Mutex};
use std::thread;

use super::*;
use crate::sample::numbered;

fn entries(numbers: &[usize]) -> Vec<LogEntry> {
    numbers.iter().flat_map(|&n| numbered(n..n + 1)).collect()
}

fn append(n: usize) -> Operation {
    Operation::Append(entries(&[n]))
}

fn read(numbers: &[usize]) -> Operation {
    Operation::Read(Some(entries(numbers)))
}

fn event(operation: Operation, started: usize, ended: usize) -> Event {
    Event { operation, effect: Effect::Applied, started, ended }
}

/// Returns events that do not overlap.
fn sequential(operations: impl IntoIterator<Item = Operation>) -> Vec<Event> {
    operations
        .into_iter()
        .enumerate()
        .map(|(n, operation)| event(operation, 2 * n, 2 * n + 1))
        .collect()
}

fn with_effect(mut event: Event, effect: Effect) -> Event {
    event.effect = effect;
    event
}

fn linearizable(events: &[Event]) {
    linearize(events).unwrap();
}

fn not_linearizable(events: &[Event]) {
    let result = linearize(events);
    assert!(result.as_ref().is_err_and(|error| error.0.contains(" exists")), "{events:?}");
}

#[test]
fn sequential_calls_have_one_order() {
    linearizable(&[]);
    linearizable(&sequential([
        append(1),
        read(&[1]),
        append(2),
        read(&[1, 2]),
        Operation::Count(Some(2)),
    ]));
    linearizable(&sequential([
        Operation::Read(None),
        Operation::Count(None),
        append(1),
        Operation::Delete,
        Operation::Read(None),
    ]));
    not_linearizable(&sequential([append(1), read(&[])]));
    not_linearizable(&sequential([append(1), Operation::Read(None)]));
    not_linearizable(&sequential([append(1), append(2), read(&[2, 1])]));
    not_linearizable(&sequential([append(1), read(&[1, 1])]));
    not_linearizable(&sequential([append(1), read(&[1, 2])]));
    not_linearizable(&sequential([append(1), Operation::Count(Some(2))]));
    not_linearizable(&sequential([append(1), Operation::Count(None)]));
    not_linearizable(&sequential([read(&[])]));
}

#[test]
fn overlapping_appends_have_any_order_and_keep_it() {
    let appends = [event(append(1), 0, 10), event(append(2), 1, 11)];
    for order in [[1, 2], [2, 1]] {
        linearizable(&[&appends[..], &[event(read(&order), 12, 13)]].concat());
    }
    let both = [event(read(&[1, 2]), 12, 13), event(read(&[2, 1]), 14, 15)];
    not_linearizable(&[&appends[..], &both].concat());
    // A read during both appends may see only the append that returns last.
    linearizable(
        &[&appends[..], &[event(read(&[2]), 5, 6), event(read(&[2, 1]), 12, 13)]].concat(),
    );
    not_linearizable(
        &[&appends[..], &[event(read(&[2]), 5, 6), event(read(&[1, 2]), 12, 13)]].concat(),
    );
}

#[test]
fn an_entry_that_was_read_stays() {
    let slow = event(append(1), 0, 100);
    not_linearizable(&[slow.clone(), event(read(&[1]), 1, 2), event(Operation::Read(None), 3, 4)]);
    not_linearizable(&[
        slow.clone(),
        event(Operation::Count(Some(1)), 1, 2),
        event(Operation::Count(None), 3, 4),
    ]);
    linearizable(&[slow, event(Operation::Read(None), 1, 2), event(read(&[1]), 3, 4)]);
}

#[test]
fn an_append_with_an_unknown_outcome_is_stored_once_or_never() {
    let unknown = with_effect(event(append(1), 0, 1), Effect::Unknown);
    linearizable(&[unknown.clone(), event(Operation::Read(None), 2, 3)]);
    linearizable(&[unknown.clone(), event(read(&[1]), 2, 3)]);
    // A call of unknown outcome can take effect at any later time.
    let later = [event(append(2), 2, 3), event(read(&[2]), 4, 5), event(read(&[2, 1]), 6, 7)];
    linearizable(&[&[unknown.clone()][..], &later].concat());
    not_linearizable(&[unknown.clone(), event(append(2), 2, 3), event(read(&[1, 2, 1]), 4, 5)]);
    not_linearizable(&[unknown, event(read(&[1]), 2, 3), event(Operation::Read(None), 4, 5)]);
}

#[test]
fn a_refused_append_is_never_stored() {
    let refused = with_effect(event(append(1), 0, 1), Effect::Refused);
    linearizable(&[refused.clone(), event(Operation::Read(None), 2, 3)]);
    not_linearizable(&[refused, event(read(&[1]), 2, 3)]);
}

#[test]
fn an_append_that_overlaps_a_truncate_is_kept_or_deleted_whole() {
    let base = sequential([append(1), append(2)]);
    let overlapping = [event(Operation::Truncate(1), 10, 20), event(append(3), 11, 19)];
    let after =
        |numbers: &[usize]| [&base[..], &overlapping, &[event(read(numbers), 30, 31)]].concat();
    linearizable(&after(&[1, 3]));
    linearizable(&after(&[1]));
    not_linearizable(&after(&[1, 2]));
    not_linearizable(&after(&[1, 2, 3]));
    not_linearizable(&after(&[1, 3, 3]));
    // An append that starts after the truncate returned must be stored.
    let cut = |change| sequential([append(1), change, append(3), read(&[1])]);
    not_linearizable(&cut(Operation::Truncate(1)));
    not_linearizable(&cut(Operation::Replace(entries(&[1]))));
    not_linearizable(&sequential([append(1), Operation::Delete, append(3), Operation::Read(None)]));
    not_linearizable(&sequential([append(1), append(2), Operation::Truncate(1), read(&[1, 2])]));
    linearizable(&sequential([
        append(1),
        Operation::Replace(entries(&[1, 1])),
        append(3),
        read(&[1, 1, 3]),
    ]));
    linearizable(&sequential([
        append(1),
        Operation::Truncate(0),
        read(&[]),
        Operation::Delete,
        Operation::Read(None),
    ]));
    // A truncate past the end cannot succeed.
    not_linearizable(&sequential([append(1), Operation::Truncate(2)]));
    not_linearizable(&sequential([Operation::Truncate(0)]));
}

#[test]
fn a_batch_takes_effect_at_once() {
    let batch = event(Operation::Append(entries(&[1, 2])), 0, 10);
    let other = event(append(3), 1, 9);
    linearizable(&[batch.clone(), other.clone(), event(read(&[3, 1, 2]), 11, 12)]);
    not_linearizable(&[batch, other, event(read(&[1, 3, 2]), 11, 12)]);
}

/// Calls on a log behind a mutex are linearizable in any schedule.
#[test]
fn calls_under_a_lock_are_linearizable() {
    let log = Mutex::new(Some(Vec::new()));
    let (clock, events) = (Mutex::new(1), Mutex::new(Vec::new()));
    let tick = || {
        let mut clock = clock.lock().unwrap();
        *clock += 1;
        *clock
    };
    let start = Barrier::new(4);
    thread::scope(|scope| {
        for writer in 0..4 {
            let (log, events, start, tick) = (&log, &events, &start, &tick);
            scope.spawn(move || {
                start.wait();
                for n in 0..50 {
                    let (started, entry) = (tick(), entries(&[writer * 1_000 + n]));
                    thread::yield_now();
                    let mut state = log.lock().unwrap();
                    let operation = match (n % 5, writer) {
                        (3, 0) => {
                            *state = Some(Vec::new());
                            Operation::Replace(Vec::new())
                        }
                        (4, 1) => {
                            *state = None;
                            Operation::Delete
                        }
                        (2, _) => Operation::Read(state.clone()),
                        _ => {
                            state.get_or_insert_default().extend(entry.clone());
                            Operation::Append(entry)
                        }
                    };
                    drop(state);
                    thread::yield_now();
                    events.lock().unwrap().push(event(operation, started, tick()));
                }
            });
        }
    });
    let mut events = events.into_inner().unwrap();
    // The segment existed and was empty before the threads started.
    events.push(event(Operation::Replace(Vec::new()), 0, 1));
    linearizable(&events);
}

#[test]
fn the_error_lists_the_calls_that_do_not_fit() {
    let error = linearize(&sequential([append(1), read(&[1]), read(&[])])).unwrap_err().to_string();
    for part in [
        "no order of the 3 calls",
        "at most 2 calls can be ordered",
        "    [0 to 1] append of [LogEntry(7 bytes: {\"n\":1})]\n    [2 to 3] read of 1 entries",
        "then the log has 1 entries, the last LogEntry(7 bytes: {\"n\":1}), and none",
        "of these calls can follow:\n    [4 to 5] read of 0 entries",
    ] {
        assert!(error.contains(part), "{part} is not in: {error}");
    }
}

/// Asserts that the history is not linearizable. The error must begin with the sentence.
fn explained(events: &[Event], sentence: &str) {
    let error = linearize(events).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{sentence}\nno order of the")), "{error}");
}

#[test]
fn a_plain_contradiction_is_named_first() {
    let lost = "the append of LogEntry(7 bytes: {\"n\":1}) was acknowledged, but a later read does \
                not have it";
    explained(&sequential([append(1), read(&[])]), lost);
    let shorter = "a call found 2 entries, and a later call only 1, although no call removed \
                   entries in between";
    let counts = [Operation::Count(Some(2)), Operation::Count(Some(1))];
    explained(&sequential([append(1), append(2)].into_iter().chain(counts)), shorter);
    let foreign = "a read returned LogEntry(7 bytes: {\"n\":3}), which no call wrote";
    explained(&sequential([append(1), read(&[1, 3])]), foreign);
    let twice = "a read returned LogEntry(7 bytes: {\"n\":1}) 2 times, but fewer calls wrote it";
    explained(&sequential([append(1), read(&[1, 1])]), twice);
    let refused = "the append of LogEntry(7 bytes: {\"n\":1}) failed with a definite error, but a \
                   read returned it";
    let failed = with_effect(event(append(1), 0, 1), Effect::Refused);
    explained(&[failed, event(read(&[1]), 2, 3)], refused);
}

#[test]
fn a_cut_between_the_calls_is_not_a_contradiction() {
    let events = sequential([append(1), append(2), Operation::Truncate(0), read(&[1])]);
    let error = linearize(&events).unwrap_err().to_string();
    assert!(error.starts_with("no order of the 4 calls"), "{error}");
}

#[test]
fn an_interrupted_call_takes_effect_before_its_end_or_never() {
    let interrupted = || with_effect(event(append(2), 2, 3), Effect::Interrupted);
    let history = |shown: [&[usize]; 2]| {
        let mut events = vec![event(append(1), 0, 1), interrupted()];
        events.push(event(read(shown[0]), 4, 5));
        events.push(event(read(shown[1]), 6, 7));
        events
    };
    linearizable(&history([&[1], &[1]]));
    linearizable(&history([&[1, 2], &[1, 2]]));
    not_linearizable(&history([&[1, 2], &[1]]));
    not_linearizable(&history([&[1], &[1, 2]]));
}

#[test]
fn an_interrupted_batch_is_stored_in_part_only_if_its_store_allows_that() {
    let history = |batch, shown: &[usize]| {
        let batch = with_effect(event(batch, 2, 3), Effect::Interrupted);
        [event(append(1), 0, 1), batch, event(read(shown), 4, 5)]
    };
    let in_parts = || Operation::AppendInParts(entries(&[2, 3, 4]));
    for shown in [&[1][..], &[1, 2], &[1, 2, 3], &[1, 2, 3, 4]] {
        linearizable(&history(in_parts(), shown));
    }
    not_linearizable(&history(in_parts(), &[1, 3]));
    not_linearizable(&history(Operation::Append(entries(&[2, 3, 4])), &[1, 2]));
    let acknowledged = event(in_parts(), 2, 3);
    not_linearizable(&[event(append(1), 0, 1), acknowledged, event(read(&[1, 2]), 4, 5)]);
}
