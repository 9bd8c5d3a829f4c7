//! What several writers and readers did to one segment at the same time: each call, when it began and
//! ended, and what its caller was told. [`crate::linear`] decides whether any log could have answered so.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};

use session_store_core::{LogEntry, StoreError};

use crate::log::Log;

/// A call on the segment, or what it returned where it only looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Append(Vec<LogEntry>),
    Truncate(usize),
    Replace(Vec<LogEntry>),
    Delete,
    /// The entries that were read; `None`: there was no segment.
    Read(Option<Vec<LogEntry>>),
    /// The entries that were counted; `None`: there was no segment.
    Count(Option<usize>),
}

/// What is known about whether a call took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// It did, between its beginning and its end.
    Done,
    /// It did or did not, at any time after its beginning.
    Unknown,
    /// It did not.
    Refused,
}

/// One call. Times are ticks of a clock that all writers share.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) act: Act,
    pub(crate) told: Told,
    pub(crate) begun: usize,
    pub(crate) ended: usize,
}

/// The calls so far, in the order in which they returned.
#[derive(Default)]
pub(crate) struct History {
    clock: AtomicUsize,
    events: Mutex<Vec<Event>>,
}

impl History {
    /// The calls that have returned.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn tick(&self) -> usize {
        self.clock.fetch_add(1, SeqCst)
    }

    fn record(&self, act: Act, told: Told, begun: usize) {
        let ended = self.tick();
        let event = Event { act, told, begun, ended };
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }

    fn change<T>(&self, act: Act, call: impl FnOnce() -> Result<T, StoreError>) -> Told {
        let begun = self.tick();
        let told = match call() {
            Ok(_) => Told::Done,
            Err(error) if error.is_indeterminate() => Told::Unknown,
            Err(_) => Told::Refused,
        };
        self.record(act, told, begun);
        told
    }

    /// `NotFound` is an answer here: that there is no segment.
    fn look<T>(
        &self,
        call: impl FnOnce() -> Result<T, StoreError>,
        act: impl FnOnce(Option<&T>) -> Act,
    ) -> Result<Option<T>, StoreError> {
        let begun = self.tick();
        let seen = match call() {
            Err(StoreError::NotFound(_)) => None,
            result => Some(result?),
        };
        self.record(act(seen.as_ref()), Told::Done, begun);
        Ok(seen)
    }
}

/// A segment through one handle, whose calls go into the history.
#[derive(Clone, Copy)]
pub(crate) struct Observed<'a> {
    log: Log<'a>,
    history: &'a History,
}

impl<'a> Observed<'a> {
    pub(crate) fn new(log: Log<'a>, history: &'a History) -> Self {
        Self { log, history }
    }

    pub(crate) fn append(&self, entry: &LogEntry) -> Told {
        self.history.change(Act::Append(vec![entry.clone()]), || self.log.append(entry))
    }

    pub(crate) fn truncate(&self, entries_len: usize) -> Told {
        self.history.change(Act::Truncate(entries_len), || self.log.truncate(entries_len))
    }

    pub(crate) fn replace(&self, entries: &[LogEntry]) -> Told {
        self.history.change(Act::Replace(entries.to_vec()), || self.log.create(entries))
    }

    pub(crate) fn delete(&self) -> Told {
        self.history.change(Act::Delete, || self.log.delete())
    }

    pub(crate) fn read(&self) -> Result<Option<Vec<LogEntry>>, StoreError> {
        self.history.look(|| self.log.entries(), |seen| Act::Read(seen.cloned()))
    }

    pub(crate) fn count(&self) -> Result<Option<usize>, StoreError> {
        self.history.look(|| self.log.count(), |seen| Act::Count(seen.copied()))
    }
}
