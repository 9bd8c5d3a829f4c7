//! The auditor. After each round, it compares the storage with the histories of all targets (logs,
//! traces and pods). A history is the list of all calls on a target with their results.

use session_store::{LogEntry, SessionId, Severity, Store};
use session_store_conformance::{Effect, Event, Operation, linearize};

use crate::report::Violation;
use crate::round::Round;
use crate::target::{Change, Content, Kind, Target};

/// The changes that must survive the fault of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Survives {
    /// Every acknowledged change, and every change that a read has seen.
    All,
    /// Every acknowledged change. A change that was not acknowledged can be lost, even if a read
    /// has returned it.
    Acknowledged,
    /// The changes up to some moment. Later changes are lost.
    SomeMoment,
}

/// Checks the whole storage through a new handle. Returns the contents of the targets.
///
/// Each target must be readable, and its content must be a possible result of its calls. The next
/// append must succeed. Listings, lookups and the store's own check must agree with the contents.
pub(crate) fn audit(
    store: &dyn Store,
    round: &Round,
    survives: Survives,
) -> Result<Vec<Content>, Violation> {
    for target in &round.targets {
        target.history.end_interrupted_calls();
        let found = read(store, target)?;
        let events = target.history.events();
        match survives {
            Survives::All => explained(&events)?,
            Survives::Acknowledged => explained_by_the_changes(&events)?,
            Survives::SomeMoment => explained_by_a_moment(target, found.as_deref())?,
        }
    }
    check(store)?;
    let contents = append_to_all(store, round)?;
    listed(store, round, &contents)?;
    check(store)?;
    Ok(contents)
}

fn read(store: &dyn Store, target: &Target) -> Result<Content, Violation> {
    let started = target.history.start();
    let found = target.read(store).map_err(|error| Violation::failed("read", &error))?;
    target.history.record(Operation::Read(found.clone()), Effect::Applied, started);
    Ok(found)
}

fn explained(events: &[Event]) -> Result<(), Violation> {
    linearize(events).map_err(|error| Violation::new(error.to_string()))
}

/// Makes two checks. The first check covers all calls before the power cut, without the final read.
/// The second check covers the final read and the changes. It leaves out the earlier reads, because
/// they can have returned changes that the power cut lost.
fn explained_by_the_changes(events: &[Event]) -> Result<(), Violation> {
    let Some((after, before)) = events.split_last() else { return Ok(()) };
    explained(before)?;
    let changes = before.iter().filter(|event| !matches!(event.operation, Operation::Read(_)));
    explained(&changes.chain([after]).cloned().collect::<Vec<_>>())
}

/// Checks that the target has the content of some moment before the power cut.
///
/// The content at the start of the round was durable. An empty target also counts as a missing
/// target: if a new file was not synced, a power cut can leave the file empty.
fn explained_by_a_moment(target: &Target, found: Option<&[LogEntry]>) -> Result<(), Violation> {
    let mut events = target.history.events();
    let Some(read) = events.pop() else { return Ok(()) };
    let absent = found
        .is_some_and(<[_]>::is_empty)
        .then(|| Event { operation: Operation::Read(None), ..read.clone() });
    let first = usize::from(target.had_content);
    for count in (first..=events.len()).rev() {
        for read in [Some(&read), absent.as_ref()].into_iter().flatten() {
            let until = [until(&events, count), vec![read.clone()]].concat();
            if linearize(&until).is_ok() {
                return Ok(());
            }
        }
    }
    let calls: String = events.iter().map(|event| format!("\n  {event}")).collect();
    Err(Violation::new(format!("no moment before the power cut explains {read}; calls:{calls}")))
}

/// Returns the history up to a moment after the first `count` events. The history has these events,
/// and the later calls that had already begun at this moment. The later calls count as interrupted.
/// All other calls are lost.
fn until(events: &[Event], count: usize) -> Vec<Event> {
    let (certain, later) = events.split_at(count);
    let moment = later.first().map_or(0, |event| event.ended);
    let overlaps = |event: &&Event| event.effect == Effect::Interrupted || event.started < moment;
    let overlapping = later.iter().filter(overlaps).cloned();
    let interrupted = overlapping.map(|event| Event { effect: Effect::Interrupted, ..event });
    certain.iter().cloned().chain(interrupted).collect()
}

/// Runs the store's own check. The first fault that the check reports is returned as a violation.
pub(crate) fn check(store: &dyn Store) -> Result<(), Violation> {
    let Some(maintenance) = store.maintenance() else { return Ok(()) };
    let mut fault = None;
    let checked = maintenance.check(&mut |finding| {
        if finding.severity == Severity::Fault {
            fault.get_or_insert(finding);
        }
    });
    checked.map_err(|error| Violation::failed("check", &error))?;
    match fault {
        Some(fault) => Err(Violation::new(format!("check reports a fault: {fault}"))),
        None => Ok(()),
    }
}

/// Appends an entry to each log and trace, and replaces each pod. Returns the new contents.
fn append_to_all(store: &dyn Store, round: &Round) -> Result<Vec<Content>, Violation> {
    let mut contents = Vec::new();
    for (number, target) in round.targets.iter().enumerate() {
        let text = format!(r#"{{"round":{},"auditor":{number}}}"#, round.number);
        let entry = [LogEntry::from_json(text).expect("the text is an object")];
        let before = target.read(store).map_err(|error| Violation::failed("read", &error))?;
        let change = if target.kind == Kind::Pod { Change::Replace } else { Change::Append };
        target
            .change(store, change, &entry)
            .map_err(|error| Violation::failed("the auditor's change", &error))?;
        let expected = match target.kind {
            Kind::Pod => entry.to_vec(),
            Kind::Log | Kind::Trace => [before.unwrap_or_default(), entry.to_vec()].concat(),
        };
        let found = target.read(store).map_err(|error| Violation::failed("read", &error))?;
        if found.as_ref() != Some(&expected) {
            return Err(Violation::new(format!(
                "the auditor's change of {:?} {} is not read back",
                target.kind, target.key
            )));
        }
        contents.push(found);
    }
    Ok(contents)
}

/// Checks that counts, listings and lookups agree with the contents. After
/// [`append_to_all`], every log exists.
fn listed(store: &dyn Store, round: &Round, contents: &[Content]) -> Result<(), Violation> {
    let failed = |error| Violation::failed("a listing", &error);
    let session: SessionId = round.targets[0].key.session_id;
    let logs = round.targets.iter().zip(contents).filter(|(target, _)| target.kind == Kind::Log);
    let mut expected = Vec::new();
    for (target, content) in logs {
        let (s, g) = (target.key.session_id, target.key.segment_id);
        let count = store.read_entry_count(s, g).map_err(failed)?;
        let found = store.lookup_session_of(g).map_err(failed)?;
        if Some(count) != content.as_ref().map(Vec::len) || found != Some(session) {
            let text = format!("{}: {count} entries counted, found in {found:?}", target.key);
            return Err(Violation::new(text));
        }
        expected.push(g);
    }
    expected.sort_by(|a, b| b.cmp(a));
    let segments = store.list_segments(session).map_err(failed)?;
    let sessions = store.list_sessions().map_err(failed)?;
    if segments != expected || sessions != [session] {
        let text = format!("listed {sessions:?} with {segments:?}, expected {expected:?}");
        return Err(Violation::new(text));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: usize) -> Vec<LogEntry> {
        vec![LogEntry::from_json(format!(r#"{{"n":{number}}}"#)).expect("the text is an object")]
    }

    fn event(operation: Operation, effect: Effect, started: usize, ended: usize) -> Event {
        Event { operation, effect, started, ended }
    }

    /// The history of an append that a power cut interrupted before the acknowledgment. A read had
    /// already returned the appended entry.
    fn history(effect: Effect) -> Vec<Event> {
        let seen = Operation::Read(Some([entry(1), entry(2)].concat()));
        vec![
            event(Operation::Append(entry(1)), Effect::Applied, 0, 1),
            event(seen, Effect::Applied, 3, 4),
            event(Operation::Append(entry(2)), effect, 2, 5),
            event(Operation::Read(Some(entry(1))), Effect::Applied, 6, 7),
        ]
    }

    #[test]
    fn an_unacknowledged_append_that_a_read_saw_can_be_lost_by_a_power_cut_only() {
        let events = history(Effect::Interrupted);
        explained_by_the_changes(&events).unwrap();
        explained(&events).unwrap_err();
    }

    #[test]
    fn a_power_cut_never_loses_an_acknowledged_append() {
        explained_by_the_changes(&history(Effect::Applied)).unwrap_err();
    }
}
