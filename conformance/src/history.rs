//! The history of one segment under concurrent calls: each call, when it started and ended, and
//! whether it took effect. [`crate::linearizability`] decides whether a correct log can have such a
//! history.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};

use session_store_core::{LogEntry, StoreError};

use crate::check_result::Result;
use crate::test_log::TestLog;

/// A call on the segment with its arguments, or with its result if it only reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Append(Vec<LogEntry>),
    Truncate(usize),
    Replace(Vec<LogEntry>),
    Delete,
    /// The entries that were read, or `None` if the segment did not exist.
    Read(Option<Vec<LogEntry>>),
    /// The entries that were counted, or `None` if the segment did not exist.
    Count(Option<usize>),
}

/// Whether a call took effect, as far as its result shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The call took effect between its start and its end.
    Applied,
    /// The call may have taken effect at any time after its start, or never.
    Unknown,
    /// The call did not take effect.
    Refused,
}

impl Effect {
    pub(crate) fn of<T>(result: &Result<T>) -> Self {
        match result {
            Ok(_) => Self::Applied,
            Err(error) if error.is_indeterminate() => Self::Unknown,
            Err(_) => Self::Refused,
        }
    }
}

/// One call. Times are ticks of a clock that all threads share.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) operation: Operation,
    pub(crate) effect: Effect,
    pub(crate) started: usize,
    pub(crate) ended: usize,
}

/// The calls so far, in the order in which they returned.
#[derive(Default)]
pub(crate) struct History {
    clock: AtomicUsize,
    events: Mutex<Vec<Event>>,
}

impl History {
    /// Returns the calls that have returned.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn tick(&self) -> usize {
        self.clock.fetch_add(1, SeqCst)
    }

    fn record(&self, operation: Operation, effect: Effect, started: usize) {
        let ended = self.tick();
        let event = Event { operation, effect, started, ended };
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }

    fn write<T>(&self, operation: Operation, call: impl FnOnce() -> Result<T>) -> Effect {
        let started = self.tick();
        let effect = Effect::of(&call());
        self.record(operation, effect, started);
        effect
    }

    /// Records a read. `NotFound` is a result here: the segment does not exist.
    fn read<T>(
        &self,
        call: impl FnOnce() -> Result<T>,
        operation: impl FnOnce(Option<&T>) -> Operation,
    ) -> Result<Option<T>> {
        let started = self.tick();
        let found = match call() {
            Err(StoreError::NotFound(_)) => None,
            result => Some(result?),
        };
        self.record(operation(found.as_ref()), Effect::Applied, started);
        Ok(found)
    }
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
