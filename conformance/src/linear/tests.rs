//! Histories that are right and wrong.

use std::sync::{Barrier, Mutex};
use std::thread;

use super::{explain, *};
use crate::sample::numbered;

fn entries(numbers: &[usize]) -> Vec<LogEntry> {
    numbers.iter().flat_map(|&n| numbered(n..n + 1)).collect()
}

fn append(n: usize) -> Act {
    Act::Append(entries(&[n]))
}

fn read(numbers: &[usize]) -> Act {
    Act::Read(Some(entries(numbers)))
}

fn event(act: Act, begun: usize, ended: usize) -> Event {
    Event { act, told: Told::Done, begun, ended }
}

/// One after the other.
fn in_turn(acts: impl IntoIterator<Item = Act>) -> Vec<Event> {
    acts.into_iter().enumerate().map(|(n, act)| event(act, 2 * n, 2 * n + 1)).collect()
}

fn told(mut event: Event, told: Told) -> Event {
    event.told = told;
    event
}

fn right(events: &[Event]) {
    explain(events).unwrap();
}

fn wrong(events: &[Event]) {
    let explained = explain(events);
    assert!(explained.as_ref().is_err_and(|error| !error.0.starts_with("undecided")), "{events:?}");
}

#[test]
fn one_after_the_other() {
    right(&[]);
    right(&in_turn([append(1), read(&[1]), append(2), read(&[1, 2]), Act::Count(Some(2))]));
    right(&in_turn([Act::Read(None), Act::Count(None), append(1), Act::Delete, Act::Read(None)]));
    wrong(&in_turn([append(1), read(&[])]));
    wrong(&in_turn([append(1), Act::Read(None)]));
    wrong(&in_turn([append(1), append(2), read(&[2, 1])]));
    wrong(&in_turn([append(1), read(&[1, 1])]));
    wrong(&in_turn([append(1), read(&[1, 2])]));
    wrong(&in_turn([append(1), Act::Count(Some(2))]));
    wrong(&in_turn([append(1), Act::Count(None)]));
    wrong(&in_turn([read(&[])]));
}

#[test]
fn overlapping_appends_come_in_any_order_and_stay_in_it() {
    let appends = [event(append(1), 0, 10), event(append(2), 1, 11)];
    for order in [[1, 2], [2, 1]] {
        right(&[&appends[..], &[event(read(&order), 12, 13)]].concat());
    }
    let both = [event(read(&[1, 2]), 12, 13), event(read(&[2, 1]), 14, 15)];
    wrong(&[&appends[..], &both].concat());
    // A read in their middle may see the one that is last to return.
    right(&[&appends[..], &[event(read(&[2]), 5, 6), event(read(&[2, 1]), 12, 13)]].concat());
    wrong(&[&appends[..], &[event(read(&[2]), 5, 6), event(read(&[1, 2]), 12, 13)]].concat());
}

#[test]
fn what_was_seen_stays_seen() {
    let slow = event(append(1), 0, 100);
    wrong(&[slow.clone(), event(read(&[1]), 1, 2), event(Act::Read(None), 3, 4)]);
    wrong(&[slow.clone(), event(Act::Count(Some(1)), 1, 2), event(Act::Count(None), 3, 4)]);
    right(&[slow, event(Act::Read(None), 1, 2), event(read(&[1]), 3, 4)]);
}

#[test]
fn the_unknown_happened_once_or_not_at_all() {
    let unknown = told(event(append(1), 0, 1), Told::Unknown);
    right(&[unknown.clone(), event(Act::Read(None), 2, 3)]);
    right(&[unknown.clone(), event(read(&[1]), 2, 3)]);
    // A late one lands whenever it likes.
    let later = [event(append(2), 2, 3), event(read(&[2]), 4, 5), event(read(&[2, 1]), 6, 7)];
    right(&[&[unknown.clone()][..], &later].concat());
    wrong(&[unknown.clone(), event(append(2), 2, 3), event(read(&[1, 2, 1]), 4, 5)]);
    wrong(&[unknown, event(read(&[1]), 2, 3), event(Act::Read(None), 4, 5)]);
}

#[test]
fn the_refused_never_happened() {
    let refused = told(event(append(1), 0, 1), Told::Refused);
    right(&[refused.clone(), event(Act::Read(None), 2, 3)]);
    wrong(&[refused, event(read(&[1]), 2, 3)]);
}

#[test]
fn cuts_keep_or_cut() {
    let base = in_turn([append(1), append(2)]);
    let overlapping = [event(Act::Truncate(1), 10, 20), event(append(3), 11, 19)];
    let after =
        |numbers: &[usize]| [&base[..], &overlapping, &[event(read(numbers), 30, 31)]].concat();
    right(&after(&[1, 3]));
    right(&after(&[1]));
    wrong(&after(&[1, 2]));
    wrong(&after(&[1, 2, 3]));
    wrong(&after(&[1, 3, 3]));
    // One that began when the cut had returned must be there, one that returned before it must not.
    let cut = |act| in_turn([append(1), act, append(3), read(&[1])]);
    wrong(&cut(Act::Truncate(1)));
    wrong(&cut(Act::Replace(entries(&[1]))));
    wrong(&in_turn([append(1), Act::Delete, append(3), Act::Read(None)]));
    wrong(&in_turn([append(1), append(2), Act::Truncate(1), read(&[1, 2])]));
    right(&in_turn([append(1), Act::Replace(entries(&[1, 1])), append(3), read(&[1, 1, 3])]));
    right(&in_turn([append(1), Act::Truncate(0), read(&[]), Act::Delete, Act::Read(None)]));
    // There is nothing that it could have cut.
    wrong(&in_turn([append(1), Act::Truncate(2)]));
    wrong(&in_turn([Act::Truncate(0)]));
}

#[test]
fn a_batch_is_one_step() {
    let batch = event(Act::Append(entries(&[1, 2])), 0, 10);
    let other = event(append(3), 1, 9);
    right(&[batch.clone(), other.clone(), event(read(&[3, 1, 2]), 11, 12)]);
    wrong(&[batch, other, event(read(&[1, 3, 2]), 11, 12)]);
}

/// A log behind a mutex is right, however its callers meet.
#[test]
fn what_a_lock_allows_is_right() {
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
                    let (begun, entry) = (tick(), entries(&[writer * 1_000 + n]));
                    thread::yield_now();
                    let mut state = log.lock().unwrap();
                    let act = match (n % 5, writer) {
                        (3, 0) => {
                            *state = Some(Vec::new());
                            Act::Replace(Vec::new())
                        }
                        (4, 1) => {
                            *state = None;
                            Act::Delete
                        }
                        (2, _) => Act::Read(state.clone()),
                        _ => {
                            state.get_or_insert_default().extend(entry.clone());
                            Act::Append(entry)
                        }
                    };
                    drop(state);
                    thread::yield_now();
                    events.lock().unwrap().push(event(act, begun, tick()));
                }
            });
        }
    });
    let mut events = events.into_inner().unwrap();
    // The segment was there, empty, when they began.
    events.push(event(Act::Replace(Vec::new()), 0, 1));
    right(&events);
}

#[test]
fn the_story_ends_with_what_does_not_fit() {
    let told = explain(&in_turn([append(1), read(&[1]), read(&[])])).unwrap_err().to_string();
    for part in [
        "no order of the 3 calls",
        "2 of them fit together",
        "    [0 to 1] append of [LogEntry(7 bytes: {\"n\":1})]\n    [2 to 3] read of 1 entries",
        "then the log has 1 entries, the last LogEntry(7 bytes: {\"n\":1}), and none of these can come next:\n    [4 to 5] read of 0 entries",
    ] {
        assert!(told.contains(part), "{part} is not in: {told}");
    }
}
