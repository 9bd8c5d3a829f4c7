//! Decides whether a history can be explained: whether there is an order of its calls, true to the times,
//! in which a log that does one thing at a time gives the same answers.
//!
//! That is all of A3, A4, A5, A6, C5, R3 and T5 at once: acknowledged entries once, refused ones not at all,
//! unknown ones once or not; each writer's order, and the order of any call that ended before another
//! began; reads of a moment; cuts that are kept or cut, whole.
//!
//! The search walks over sets of calls that have taken effect. It is quick because entries never move: an
//! entry that some read shows at a place can only have been appended to the log that the read shows before
//! it. Entries that no read shows cannot be told apart.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::fmt;

use session_store_core::LogEntry;

use crate::history::{Act, Event, Told};

/// An entry's number; equal texts have the same one.
type Id = u32;

/// Every entry that no read shows.
const UNSEEN: Id = 0;

/// A history of this kit's checks needs a few thousand; more means that nobody can tell.
const MOST_STEPS: usize = 2_000_000;

/// How many calls are told on either side of where a history stops making sense.
const SHOWN: usize = 6;

/// What the log is at one moment; `None`: there is no segment.
type State = Option<Vec<Id>>;

/// Why a history has no explanation.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unexplained(String);

impl fmt::Display for Unexplained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Finds an order that explains the calls on a segment that did not exist before them.
pub(crate) fn explain(events: &[Event]) -> Result<(), Unexplained> {
    let calls = Calls::of(events);
    let mut seen = HashSet::new();
    let mut open = vec![Point { done: Bits::new(calls.all.len()), state: None }];
    let mut furthest = open[0].clone();
    while let Some(point) = open.pop() {
        if calls.all_done(&point.done) {
            return Ok(());
        }
        if seen.len() > MOST_STEPS {
            let found = format!("that explains what they returned was found in {MOST_STEPS} steps");
            return Err(calls.stuck_at(&found, &furthest));
        }
        if point.done.count() > furthest.done.count() {
            furthest = point.clone();
        }
        for next in calls.after(&point) {
            if seen.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    Err(calls.stuck_at("explains what they returned", &furthest))
}

/// A moment of a possible explanation: which calls have taken effect, and what the log is then.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Point {
    done: Bits,
    state: State,
}

/// The events that can have had an effect, in numbers.
struct Calls<'a> {
    all: Vec<Call>,
    events: Vec<&'a Event>,
    numbers: Numbers<'a>,
    /// For an entry that is appended only once and that reads show: what is before it.
    before: HashMap<Id, Vec<Id>>,
}

struct Call {
    step: Step,
    certain: bool,
    begun: usize,
    ended: usize,
}

enum Step {
    Append(Vec<Id>),
    Truncate(usize),
    Replace(Vec<Id>),
    Delete,
    Read(State),
    Count(Option<usize>),
}

impl<'a> Calls<'a> {
    fn of(events: &'a [Event]) -> Self {
        let events: Vec<_> = events.iter().filter(|event| event.told != Told::Refused).collect();
        let numbers = Numbers::of(&events);
        let all: Vec<_> = events.iter().map(|event| numbers.call(event)).collect();
        let before = places(&all);
        Self { all, events, numbers, before }
    }

    fn all_done(&self, done: &Bits) -> bool {
        (0..self.all.len()).all(|at| done.has(at) || !self.all[at].certain)
    }

    /// Every moment that can come next: one more call takes effect that need not wait for another.
    fn after(&self, point: &Point) -> Vec<Point> {
        let waiting = || (0..self.all.len()).filter(|&at| !point.done.has(at));
        let certain = waiting().filter(|&at| self.all[at].certain);
        let first_end = certain.map(|at| self.all[at].ended).min().unwrap_or(usize::MAX);
        let ready = waiting().filter(|&at| self.all[at].begun < first_end);
        let step = |at: usize| {
            let state = self.take(&self.all[at].step, &point.state)?;
            Some(Point { done: point.done.with(at), state })
        };
        ready.filter_map(step).collect()
    }

    /// The log after the step, if it can be taken now.
    fn take(&self, step: &Step, state: &State) -> Option<State> {
        match (step, state) {
            (Step::Append(entries), _) => {
                let mut log = state.clone().unwrap_or_default();
                for entry in entries {
                    if self.before.get(entry).is_some_and(|before| *before != log) {
                        return None;
                    }
                    log.push(*entry);
                }
                Some(Some(log))
            }
            (Step::Truncate(len), Some(log)) => log.get(..*len).map(|kept| Some(kept.to_vec())),
            (Step::Truncate(_), None) => None,
            (Step::Replace(entries), _) => Some(Some(entries.clone())),
            (Step::Delete, _) => Some(None),
            (Step::Read(seen), state) => (seen == state).then(|| state.clone()),
            (Step::Count(seen), state) => {
                (*seen == state.as_ref().map(Vec::len)).then(|| state.clone())
            }
        }
    }

    /// `verdict` says of the orders that there is none, or that none was found.
    fn stuck_at(&self, verdict: &str, furthest: &Point) -> Unexplained {
        let (mut done, waiting): (Vec<_>, Vec<_>) =
            (0..self.all.len()).partition(|&at| furthest.done.has(at));
        done.sort_by_key(|&at| self.events[at].ended);
        let fit = done.len();
        Unexplained(format!(
            "no order of the {} calls {verdict}; {fit} of them fit together, the last ones of which are, with \
             when each began and ended:{}\n  {}, and none of these can come next:{}",
            self.all.len(),
            self.told(&done[fit.saturating_sub(SHOWN)..]),
            self.state_told(&furthest.state),
            self.told(&waiting[..waiting.len().min(SHOWN)]),
        ))
    }

    fn told(&self, calls: &[usize]) -> String {
        calls.iter().map(|&at| format!("\n    {}", described(self.events[at]))).collect()
    }

    fn state_told(&self, state: &State) -> String {
        let Some(log) = state else { return String::from("then there is no segment") };
        let last = match log.last().map(|&id| self.numbers.entry(id)) {
            None => String::new(),
            Some(None) => String::from(", the last one that no read shows"),
            Some(Some(entry)) => format!(", the last {entry:?}"),
        };
        format!("then the log has {} entries{last}", log.len())
    }
}

fn described(event: &Event) -> String {
    let act = match &event.act {
        Act::Append(entries) => format!("append of {entries:?}"),
        Act::Truncate(len) => format!("truncate to {len}"),
        Act::Replace(entries) => format!("replace by {} entries", entries.len()),
        Act::Delete => String::from("delete"),
        Act::Read(None) => String::from("read: NotFound"),
        Act::Read(Some(entries)) => {
            format!("read of {} entries, the last {:?}", entries.len(), entries.last())
        }
        Act::Count(seen) => format!("count: {seen:?}"),
    };
    let times = format!("{} to {}", event.begun, event.ended);
    if event.told == Told::Done {
        format!("[{times}] {act}")
    } else {
        format!("[{times}, outcome unknown] {act}")
    }
}

/// The numbers of all entries that some read shows.
struct Numbers<'a> {
    ids: HashMap<&'a str, Id>,
    /// The entries by their numbers; the first has 1.
    entries: Vec<&'a LogEntry>,
}

impl<'a> Numbers<'a> {
    fn of(events: &[&'a Event]) -> Self {
        let (mut ids, mut shown) = (HashMap::new(), Vec::new());
        for event in events {
            if let Act::Read(Some(entries)) = &event.act {
                for entry in entries {
                    ids.entry(entry.as_json()).or_insert_with(|| {
                        shown.push(entry);
                        Id::try_from(shown.len()).unwrap_or(Id::MAX)
                    });
                }
            }
        }
        Self { ids, entries: shown }
    }

    fn entry(&self, id: Id) -> Option<&'a LogEntry> {
        self.entries.get((id as usize).checked_sub(1)?).copied()
    }

    fn ids(&self, entries: &[LogEntry]) -> Vec<Id> {
        let id = |entry: &LogEntry| self.ids.get(entry.as_json()).copied().unwrap_or(UNSEEN);
        entries.iter().map(id).collect()
    }

    fn call(&self, event: &Event) -> Call {
        let step = match &event.act {
            Act::Append(entries) => Step::Append(self.ids(entries)),
            Act::Truncate(len) => Step::Truncate(*len),
            Act::Replace(entries) => Step::Replace(self.ids(entries)),
            Act::Delete => Step::Delete,
            Act::Read(seen) => Step::Read(seen.as_deref().map(|entries| self.ids(entries))),
            Act::Count(seen) => Step::Count(*seen),
        };
        let certain = event.told == Told::Done;
        let ended = if certain { event.ended } else { usize::MAX };
        Call { step, certain, begun: event.begun, ended }
    }
}

/// What reads show before each entry that only one append can have brought.
fn places(calls: &[Call]) -> HashMap<Id, Vec<Id>> {
    let mut brought: HashMap<Id, usize> = HashMap::new();
    for call in calls {
        if let Step::Append(entries) | Step::Replace(entries) = &call.step {
            entries.iter().for_each(|entry| *brought.entry(*entry).or_default() += 1);
        }
    }
    let mut places = HashMap::new();
    for call in calls {
        if let Step::Read(Some(entries)) = &call.step {
            for (at, entry) in entries.iter().enumerate() {
                if brought.get(entry) == Some(&1) {
                    places.entry(*entry).or_insert_with(|| entries[..at].to_vec());
                }
            }
        }
    }
    places
}

/// A set of calls.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Bits(Vec<u64>);

impl Bits {
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
