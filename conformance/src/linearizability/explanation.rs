//! Describes a history that is not linearizable by one sentence about a simple contradiction.

use session_store_core::LogEntry;

use crate::history::{Effect, Event, Operation};

/// A function that finds a contradiction between the result of a call and other calls.
type Rule = fn(&[Event], &Event) -> Option<String>;

/// Returns a sentence about calls that contradict each other, if a simple rule finds such calls.
pub(super) fn explanation(events: &[Event]) -> Option<String> {
    let rules: [Rule; 5] = [foreign_entry, refused_entry, repeated_entry, lost_entry, shorter_log];
    let results = || events.iter().filter(|event| length(event).is_some());
    rules.iter().find_map(|rule| results().find_map(|event| rule(events, event)))
}

/// Returns the number of entries that a read or a count returned.
fn length(event: &Event) -> Option<usize> {
    match &event.operation {
        Operation::Read(found) => Some(found.as_ref().map_or(0, Vec::len)),
        Operation::Count(found) => Some(found.unwrap_or(0)),
        _ => None,
    }
}

/// Returns the entries that a call read.
fn read(event: &Event) -> Option<&[LogEntry]> {
    match &event.operation {
        Operation::Read(found) => Some(found.as_deref().unwrap_or_default()),
        _ => None,
    }
}

/// Returns the entries that a call wrote or tried to write.
fn written(event: &Event) -> &[LogEntry] {
    match &event.operation {
        Operation::Append(entries)
        | Operation::AppendInParts(entries)
        | Operation::Replace(entries) => entries,
        _ => &[],
    }
}

fn writes<'a>(events: &'a [Event], entry: &'a LogEntry) -> impl Iterator<Item = &'a Event> {
    events.iter().filter(move |event| written(event).contains(entry))
}

/// Returns whether a call that can remove entries overlaps the time from `start` to `end`.
fn is_cut(events: &[Event], start: usize, end: usize) -> bool {
    let cuts = events.iter().filter(|event| {
        let operation = &event.operation;
        event.effect != Effect::Refused
            && matches!(
                operation,
                Operation::Truncate(_) | Operation::Replace(_) | Operation::Delete
            )
    });
    // A call with an unknown outcome can take effect at any time after its start.
    let last = |cut: &Event| if cut.effect == Effect::Unknown { usize::MAX } else { cut.ended };
    cuts.into_iter().any(|cut| cut.started < end && last(cut) > start)
}

fn foreign_entry(events: &[Event], result: &Event) -> Option<String> {
    let foreign = read(result)?.iter().find(|entry| writes(events, entry).next().is_none())?;
    Some(format!("a read returned {foreign:?}, which no call wrote"))
}

fn refused_entry(events: &[Event], result: &Event) -> Option<String> {
    let refused =
        |entry: &&LogEntry| writes(events, entry).all(|event| event.effect == Effect::Refused);
    let entry = read(result)?.iter().find(refused)?;
    Some(format!("the append of {entry:?} failed with a definite error, but a read returned it"))
}

fn repeated_entry(events: &[Event], result: &Event) -> Option<String> {
    let all = read(result)?;
    let times = |entry: &LogEntry| all.iter().filter(|other| *other == entry).count();
    let entry = all.iter().find(|entry| times(entry) > writes(events, entry).count())?;
    Some(format!("a read returned {entry:?} {} times, but fewer calls wrote it", times(entry)))
}

fn lost_entry(events: &[Event], result: &Event) -> Option<String> {
    let all = read(result)?;
    let before = events.iter().filter(|event| {
        event.effect == Effect::Applied
            && event.ended < result.started
            && !is_cut(events, event.started, result.ended)
    });
    let mut entries = before.flat_map(written);
    let lost = entries.find(|entry| !all.contains(entry))?;
    Some(format!("the append of {lost:?} was acknowledged, but a later read does not have it"))
}

fn shorter_log(events: &[Event], result: &Event) -> Option<String> {
    let now = length(result)?;
    let longer = events.iter().find(|earlier| {
        earlier.ended < result.started
            && length(earlier).is_some_and(|before| before > now)
            && !is_cut(events, earlier.started, result.ended)
    })?;
    let before = length(longer)?;
    Some(format!(
        "a call found {before} entries, and a later call only {now}, although no call removed \
         entries in between"
    ))
}
