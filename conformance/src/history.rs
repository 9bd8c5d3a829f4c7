//! The history of one segment under concurrent calls. It has the start, the end and the effect of
//! each call. [`crate::linearize`] decides whether a correct log can have such a history.
//!
//! The checks of this kit record their calls in a history. A program that injects faults into a
//! store can use this module too.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};

use session_store_core::{LogEntry, StoreError};

use crate::check_result::Result;
use crate::test_log::TestLog;

/// A call on the segment with its arguments, or with its result if the call only reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Entries that are stored together or not at all.
    Append(Vec<LogEntry>),
    /// A batch. An interrupted call can store only the first entries of the batch.
    ///
    /// Clause [A7](session_store_core::contract#a7).
    AppendInParts(Vec<LogEntry>),
    /// A truncation to this number of entries.
    Truncate(usize),
    /// A replacement of the whole log.
    Replace(Vec<LogEntry>),
    /// A deletion of the segment.
    Delete,
    /// The entries that were read, or `None` if the segment did not exist.
    Read(Option<Vec<LogEntry>>),
    /// The returned number of entries, or `None` if the segment did not exist.
    Count(Option<usize>),
}

/// The effect of a call, as far as it is known from the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The call took effect between its start and its end.
    Applied,
    /// The call may have taken effect at any time after its start, or never.
    Unknown,
    /// The call may have taken effect between its start and its end, or never. Its process was
    /// killed, so the call cannot take effect later.
    Interrupted,
    /// The call did not take effect.
    Refused,
}

impl Effect {
    /// Returns the effect of a call with this result.
    #[must_use]
    pub fn of<T>(result: &Result<T>) -> Self {
        match result {
            Ok(_) => Self::Applied,
            Err(error) if error.is_indeterminate() => Self::Unknown,
            Err(_) => Self::Refused,
        }
    }
}

/// One call. Times are ticks of a clock that all threads share.
#[derive(Clone, Debug)]
pub struct Event {
    /// The call.
    pub operation: Operation,
    /// Whether the call took effect.
    pub effect: Effect,
    /// The time before the call.
    pub started: usize,
    /// The time after the call.
    pub ended: usize,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operation, effect, started, ended } = self;
        let outcome = match effect {
            Effect::Applied => "",
            Effect::Refused => ", refused",
            Effect::Unknown | Effect::Interrupted => ", outcome unknown",
        };
        write!(f, "[{started} to {ended}{outcome}] ")?;
        match operation {
            Operation::Append(entries) | Operation::AppendInParts(entries) => {
                write!(f, "append of {entries:?}")
            }
            Operation::Truncate(len) => write!(f, "truncate to {len}"),
            Operation::Replace(entries) => write!(f, "replace by {} entries", entries.len()),
            Operation::Delete => f.write_str("delete"),
            Operation::Read(None) => f.write_str("read: NotFound"),
            Operation::Read(Some(entries)) => {
                write!(f, "read of {} entries, the last {:?}", entries.len(), entries.last())
            }
            Operation::Count(found) => write!(f, "count: {found:?}"),
        }
    }
}

/// The calls that have returned.
#[derive(Debug, Default)]
pub struct History {
    clock: AtomicUsize,
    events: Mutex<Vec<Event>>,
}

impl History {
    /// Returns the calls that have returned.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the time at the start of a call, for [`record`](Self::record).
    pub fn start(&self) -> usize {
        self.clock.fetch_add(1, SeqCst)
    }

    /// Records a call that has returned.
    pub fn record(&self, operation: Operation, effect: Effect, started: usize) {
        let ended = self.start();
        let event = Event { operation, effect, started, ended };
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }

    /// Declares that calls of unknown outcome can no longer take effect, because their processes
    /// have ended.
    pub fn end_interrupted_calls(&self) {
        let now = self.start();
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        for event in events.iter_mut().filter(|event| event.effect == Effect::Unknown) {
            (event.effect, event.ended) = (Effect::Interrupted, now);
        }
    }

    fn write<T>(&self, operation: Operation, call: impl FnOnce() -> Result<T>) -> Effect {
        let started = self.start();
        let effect = Effect::of(&call());
        self.record(operation, effect, started);
        effect
    }

    /// Records a read. `NotFound` is recorded as `None`, because it means that the segment does not
    /// exist.
    fn read<T>(
        &self,
        call: impl FnOnce() -> Result<T>,
        operation: impl FnOnce(Option<&T>) -> Operation,
    ) -> Result<Option<T>> {
        let started = self.start();
        let found = match call() {
            Err(StoreError::NotFound(_)) => None,
            result => Some(result?),
        };
        self.record(operation(found.as_ref()), Effect::Applied, started);
        Ok(found)
    }
}

fn append_of(batch: &[LogEntry], is_whole: bool) -> Operation {
    let operation = if is_whole { Operation::Append } else { Operation::AppendInParts };
    operation(batch.to_vec())
}

/// A segment through one handle, with its calls recorded in a history.
#[derive(Clone, Copy)]
pub(crate) struct ObservedLog<'a> {
    log: TestLog<'a>,
    history: &'a History,
}

impl<'a> ObservedLog<'a> {
    pub(crate) fn new(log: TestLog<'a>, history: &'a History) -> Self {
        Self { log, history }
    }

    pub(crate) fn append(&self, entry: &LogEntry) -> Effect {
        self.history.write(Operation::Append(vec![entry.clone()]), || self.log.append(entry))
    }

    /// Appends a batch. `is_whole` is true if the store appends a batch as a whole. Otherwise an
    /// interrupted call can store only the first entries.
    pub(crate) fn append_all(&self, batch: &[LogEntry], is_whole: bool) -> Effect {
        self.history.write(append_of(batch, is_whole), || self.log.append_all(batch))
    }

    /// Appends a batch with `append_if`, at the head that the log has now.
    pub(crate) fn append_if_unchanged(&self, batch: &[LogEntry], is_whole: bool) -> Effect {
        match self.log.head() {
            Ok(head) => {
                self.history.write(append_of(batch, is_whole), || self.log.append_if(head, batch))
            }
            failed => Effect::of(&failed),
        }
    }

    pub(crate) fn truncate(&self, entries_len: usize) -> Effect {
        self.history.write(Operation::Truncate(entries_len), || self.log.truncate(entries_len))
    }

    pub(crate) fn replace(&self, entries: &[LogEntry]) -> Effect {
        self.history.write(Operation::Replace(entries.to_vec()), || self.log.create(entries))
    }

    pub(crate) fn delete(&self) -> Effect {
        self.history.write(Operation::Delete, || self.log.delete())
    }

    pub(crate) fn read(&self) -> Result<Option<Vec<LogEntry>>> {
        self.history.read(|| self.log.read_all(), |found| Operation::Read(found.cloned()))
    }

    pub(crate) fn count(&self) -> Result<Option<usize>> {
        self.history.read(|| self.log.read_entry_count(), |found| Operation::Count(found.copied()))
    }
}
