//! Decides whether a history is linearizable. A history is a list of calls with their start, their
//! end and their result. A history is linearizable if its calls have an order with two properties.
//! The order agrees with the times of the calls. If the calls ran one after the other in this
//! order, they would return the same results.
//!
//! The [contract](session_store_core::contract) promises this for concurrent appends, reads, counts
//! and truncates. An entry is stored once if its append was acknowledged, never if the append was
//! refused, and once or never if the outcome is unknown. The entries of each writer keep their
//! order. If a call ended before another call started, their order is kept. A read returns the log
//! of one moment. A truncate keeps or deletes an entry as a whole.
//!
//! The search visits states. A state is the set of the calls that have taken effect, together with
//! the log after them. Two facts keep the number of states small:
//! - An entry never moves in the log. Suppose that only one call wrote an entry, and that a read
//!   shows this entry. Then the log just before the entry was written is known: it consists of the
//!   entries that precede the entry in the read.
//! - Entries that no read shows cannot be distinguished, so the search treats them as equal.

mod explanation;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::fmt;

use session_store_core::LogEntry;

use self::explanation::explanation;
use crate::history::{Effect, Event, Operation};

/// The number of an entry. Equal texts have the same number.
type EntryNumber = u32;

/// The number of every entry that no read shows.
const UNSEEN: EntryNumber = 0;

/// The maximum number of states that the search visits. The histories of this kit need a few
/// thousand states. The search can take exponential time, so it gives up after this number of
/// states.
const MOST_STATES: usize = 2_000_000;

/// The largest number of calls in each list of an error message. One list has the last calls that
/// can be ordered. The other list has the calls that cannot follow them.
const CALLS_SHOWN: usize = 6;

/// The log at one moment, or `None` if the segment does not exist.
type LogState = Option<Vec<EntryNumber>>;

/// The reason why a history was not found to be linearizable.
#[derive(Debug, PartialEq, Eq)]
pub struct NotLinearizable(String);

impl std::error::Error for NotLinearizable {}

impl fmt::Display for NotLinearizable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Finds an order of the calls on a segment. The segment must not exist before the calls.
///
/// # Errors
/// There is no such order. The message lists the calls that cannot be ordered. If a simple rule
/// finds a contradiction between two calls, the message starts with the contradiction.
pub fn linearize(events: &[Event]) -> Result<(), NotLinearizable> {
    find_order(events).map_err(|NotLinearizable(details)| {
        let first = explanation(events).map(|sentence| sentence + "\n").unwrap_or_default();
        NotLinearizable(first + &details)
    })
}

fn find_order(events: &[Event]) -> Result<(), NotLinearizable> {
    let calls = Calls::of(events);
    let mut visited = HashSet::new();
    let mut open = vec![State { applied: CallSet::new(calls.all.len()), log: None }];
    let mut furthest = open[0].clone();
    while let Some(state) = open.pop() {
        if calls.all_certain_applied(&state.applied) {
            return Ok(());
        }
        if visited.len() > MOST_STATES {
            let found = format!("was found in {MOST_STATES} states of the search");
            return Err(calls.no_order(&found, &furthest));
        }
        if state.applied.count() > furthest.applied.count() {
            furthest = state.clone();
        }
        for next in calls.next_states(&state) {
            if visited.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    Err(calls.no_order("exists", &furthest))
}

/// A state of the search: the calls that have taken effect, and the log after them.
#[derive(Clone, PartialEq, Eq, Hash)]
struct State {
    applied: CallSet,
    log: LogState,
}

/// The calls that may have taken effect, with numbers instead of entries.
struct Calls<'a> {
    all: Vec<Call>,
    events: Vec<&'a Event>,
    numbers: EntryNumbers<'a>,
    /// The entries that precede an entry in the log. They are known for an entry if only one call
    /// wrote the entry and a read shows it.
    before: HashMap<EntryNumber, Vec<EntryNumber>>,
}

struct Call {
    transition: Transition,
    certain: bool,
    /// Whether an uncertain call can have stored only its first entries.
    in_parts: bool,
    started: usize,
    ended: usize,
}

/// The effect of a call on the log, or its result if it only reads.
enum Transition {
    Append(Vec<EntryNumber>),
    Truncate(usize),
    Replace(Vec<EntryNumber>),
    Delete,
    Read(LogState),
    Count(Option<usize>),
}

impl<'a> Calls<'a> {
    fn of(events: &'a [Event]) -> Self {
        let events: Vec<_> =
            events.iter().filter(|event| event.effect != Effect::Refused).collect();
        let numbers = EntryNumbers::of(&events);
        let all: Vec<_> = events.iter().map(|event| numbers.call(event)).collect();
        let before = logs_before(&all);
        Self { all, events, numbers, before }
    }

    fn all_certain_applied(&self, applied: &CallSet) -> bool {
        (0..self.all.len()).all(|at| applied.has(at) || !self.all[at].certain)
    }

    /// Returns every possible next state. A call that has not taken effect yet is a waiting call. A
    /// certain call must take effect. An uncertain call was interrupted, and need not take effect.
    ///
    /// A waiting call can take effect next if two conditions hold. The waiting call started before
    /// the end of every waiting certain call. No call that has taken effect started after the end
    /// of the waiting call.
    fn next_states(&self, state: &State) -> Vec<State> {
        let waiting = || (0..self.all.len()).filter(|&at| !state.applied.has(at));
        let certain = waiting().filter(|&at| self.all[at].certain);
        let first_end = certain.map(|at| self.all[at].ended).min().unwrap_or(usize::MAX);
        // An uncertain call takes effect before its end, so before every call that started later.
        let applied = (0..self.all.len()).filter(|&at| state.applied.has(at));
        let last_start = applied.map(|at| self.all[at].started).max().unwrap_or(0);
        let ready = waiting()
            .filter(|&at| self.all[at].started < first_end && last_start <= self.all[at].ended);
        let after = |at: usize, log| State { applied: state.applied.with(at), log };
        let next = |at: usize| -> Vec<State> {
            let call = &self.all[at];
            match &call.transition {
                Transition::Append(entries) if call.in_parts => (1..=entries.len())
                    .filter_map(|stored| self.append(&entries[..stored], &state.log))
                    .map(|log| after(at, log))
                    .collect(),
                whole => {
                    self.apply(whole, &state.log).map(|log| after(at, log)).into_iter().collect()
                }
            }
        };
        ready.flat_map(next).collect()
    }

    /// Returns the log after an append, or `None` if a read shows that other entries precede one of
    /// the appended entries.
    fn append(&self, entries: &[EntryNumber], log: &LogState) -> Option<LogState> {
        let mut log = log.clone().unwrap_or_default();
        for entry in entries {
            if self.before.get(entry).is_some_and(|before| *before != log) {
                return None;
            }
            log.push(*entry);
        }
        Some(Some(log))
    }

    /// Returns the log after the transition, or `None` if the transition is not possible on this
    /// log.
    fn apply(&self, transition: &Transition, log: &LogState) -> Option<LogState> {
        match (transition, log) {
            (Transition::Append(entries), _) => self.append(entries, log),
            (Transition::Truncate(len), Some(log)) => {
                log.get(..*len).map(|kept| Some(kept.to_vec()))
            }
            (Transition::Truncate(_), None) => None,
            (Transition::Replace(entries), _) => Some(Some(entries.clone())),
            (Transition::Delete, _) => Some(None),
            (Transition::Read(found), log) => (found == log).then(|| log.clone()),
            (Transition::Count(found), log) => {
                (*found == log.as_ref().map(Vec::len)).then(|| log.clone())
            }
        }
    }

    /// Returns the error with the calls around the furthest state. `found` completes the sentence
    /// "no order that explains the results …".
    fn no_order(&self, found: &str, furthest: &State) -> NotLinearizable {
        let (mut applied, waiting): (Vec<_>, Vec<_>) =
            (0..self.all.len()).partition(|&at| furthest.applied.has(at));
        applied.sort_by_key(|&at| self.events[at].ended);
        let fit = applied.len();
        let more = waiting.len().saturating_sub(CALLS_SHOWN);
        let more = if more == 0 { String::new() } else { format!("\n    and {more} more calls") };
        NotLinearizable(format!(
            "no order of the {} calls that explains their results {found}\n  at most {fit} calls \
             can be ordered; the last of them, each with its start and end:{}\n  then {}, and none \
             of these calls can follow:{}{more}",
            self.all.len(),
            self.describe_calls(&applied[fit.saturating_sub(CALLS_SHOWN)..]),
            self.describe_log(&furthest.log),
            self.describe_calls(&waiting[..waiting.len().min(CALLS_SHOWN)]),
        ))
    }

    fn describe_calls(&self, calls: &[usize]) -> String {
        calls.iter().map(|&at| format!("\n    {}", self.events[at])).collect()
    }

    fn describe_log(&self, log: &LogState) -> String {
        let Some(log) = log else { return String::from("the segment does not exist") };
        let last = match log.last().map(|&number| self.numbers.entry(number)) {
            None => String::new(),
            Some(None) => String::from(", the last of which no read shows"),
            Some(Some(entry)) => format!(", the last {entry:?}"),
        };
        format!("the log has {} entries{last}", log.len())
    }
}

/// The numbers of all entries that at least one read shows.
struct EntryNumbers<'a> {
    by_text: HashMap<&'a str, EntryNumber>,
    /// The entries by their numbers. The first entry has number 1.
    entries: Vec<&'a LogEntry>,
}

impl<'a> EntryNumbers<'a> {
    fn of(events: &[&'a Event]) -> Self {
        let (mut by_text, mut shown) = (HashMap::new(), Vec::new());
        for event in events {
            if let Operation::Read(Some(entries)) = &event.operation {
                for entry in entries {
                    by_text.entry(entry.as_json()).or_insert_with(|| {
                        shown.push(entry);
                        EntryNumber::try_from(shown.len()).unwrap_or(EntryNumber::MAX)
                    });
                }
            }
        }
        Self { by_text, entries: shown }
    }

    fn entry(&self, number: EntryNumber) -> Option<&'a LogEntry> {
        self.entries.get((number as usize).checked_sub(1)?).copied()
    }

    fn of_entries(&self, entries: &[LogEntry]) -> Vec<EntryNumber> {
        let number =
            |entry: &LogEntry| self.by_text.get(entry.as_json()).copied().unwrap_or(UNSEEN);
        entries.iter().map(number).collect()
    }

    fn call(&self, event: &Event) -> Call {
        let transition = match &event.operation {
            Operation::Append(entries) | Operation::AppendInParts(entries) => {
                Transition::Append(self.of_entries(entries))
            }
            Operation::Truncate(len) => Transition::Truncate(*len),
            Operation::Replace(entries) => Transition::Replace(self.of_entries(entries)),
            Operation::Delete => Transition::Delete,
            Operation::Read(found) => {
                Transition::Read(found.as_deref().map(|entries| self.of_entries(entries)))
            }
            Operation::Count(found) => Transition::Count(*found),
        };
        let certain = event.effect == Effect::Applied;
        let in_parts = !certain && matches!(event.operation, Operation::AppendInParts(_));
        let ended = if event.effect == Effect::Unknown { usize::MAX } else { event.ended };
        Call { transition, certain, in_parts, started: event.started, ended }
    }
}

/// Returns the log before each entry that only one call wrote, if a read shows the entry.
fn logs_before(calls: &[Call]) -> HashMap<EntryNumber, Vec<EntryNumber>> {
    let mut writers: HashMap<EntryNumber, usize> = HashMap::new();
    for call in calls {
        if let Transition::Append(entries) | Transition::Replace(entries) = &call.transition {
            entries.iter().for_each(|entry| *writers.entry(*entry).or_default() += 1);
        }
    }
    let mut before = HashMap::new();
    for call in calls {
        if let Transition::Read(Some(entries)) = &call.transition {
            for (at, entry) in entries.iter().enumerate() {
                if writers.get(entry) == Some(&1) {
                    before.entry(*entry).or_insert_with(|| entries[..at].to_vec());
                }
            }
        }
    }
    before
}

/// A set of calls, one bit for each call.
#[derive(Clone, PartialEq, Eq, Hash)]
struct CallSet(Vec<u64>);

impl CallSet {
    fn new(len: usize) -> Self {
        Self(vec![0; len.div_ceil(64)])
    }

    fn has(&self, at: usize) -> bool {
        self.0[at / 64] & 1 << (at % 64) != 0
    }

    fn with(&self, at: usize) -> Self {
        let mut more = self.clone();
        more.0[at / 64] |= 1 << (at % 64);
        more
    }

    fn count(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }
}
