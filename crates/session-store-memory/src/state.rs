//! What the store holds, and the changes that keep its parts in step with each other.

use std::collections::BTreeMap;

use session_store_core::{
    Head, LogEntry, Pod, PodName, SegmentId, SessionId, StoreError, TraceEntry,
};
use uuid::Uuid;

/// A segment's full name; ordered, so that the segments of a session stand together.
pub(crate) type Key = (SessionId, SegmentId);

/// One segment's log. Its epoch changes when entries are cut or replaced.
pub(crate) struct Log {
    pub(crate) entries: Vec<LogEntry>,
    epoch: u128,
}

impl Log {
    fn new(entries: Vec<LogEntry>) -> Self {
        Self { entries, epoch: Uuid::new_v4().as_u128() }
    }

    pub(crate) fn head(&self) -> Head {
        Head::new(self.entries.len(), self.epoch)
    }

    fn truncate(&mut self, segment_id: SegmentId, entries_len: usize) -> Result<(), StoreError> {
        if entries_len > self.entries.len() {
            return Err(StoreError::past_the_end(segment_id, entries_len, self.entries.len()));
        }
        if entries_len < self.entries.len() {
            self.entries.truncate(entries_len);
            self.epoch = Uuid::new_v4().as_u128();
        }
        Ok(())
    }
}

/// Everything behind the one lock.
#[derive(Default)]
pub(crate) struct State {
    logs: BTreeMap<Key, Log>,
    /// The sessions that hold a segment id, in the order in which they came to hold it.
    holders: BTreeMap<SegmentId, Vec<SessionId>>,
    pub(crate) traces: BTreeMap<Key, Vec<TraceEntry>>,
    pub(crate) pods: BTreeMap<PodName, Pod>,
}

impl State {
    pub(crate) fn log(&self, key: Key) -> Option<&Log> {
        self.logs.get(&key)
    }

    pub(crate) fn known_log(&self, key: Key) -> Result<&Log, StoreError> {
        self.log(key).ok_or(StoreError::NotFound(key.1))
    }

    pub(crate) fn head(&self, key: Key) -> Option<Head> {
        self.log(key).map(Log::head)
    }

    /// The keys of all logs, newest session first and newest segment first in it.
    pub(crate) fn keys(&self) -> impl Iterator<Item = Key> {
        self.logs.keys().rev().copied()
    }

    pub(crate) fn session_of(&self, segment_id: SegmentId) -> Option<SessionId> {
        self.holders.get(&segment_id).map(|holders| holders[0])
    }

    pub(crate) fn put(&mut self, key: Key, entries: &[LogEntry]) {
        if self.logs.insert(key, Log::new(entries.to_vec())).is_none() {
            self.holders.entry(key.1).or_default().push(key.0);
        }
    }

    pub(crate) fn append(&mut self, key: Key, entries: &[LogEntry]) {
        match self.logs.get_mut(&key) {
            Some(log) => log.entries.extend_from_slice(entries),
            None => self.put(key, entries),
        }
    }

    pub(crate) fn truncate(&mut self, key: Key, entries_len: usize) -> Result<Head, StoreError> {
        let log = self.logs.get_mut(&key).ok_or(StoreError::NotFound(key.1))?;
        log.truncate(key.1, entries_len)?;
        Ok(log.head())
    }

    /// Fails unless the segment's head is `expected`.
    pub(crate) fn expect(&self, key: Key, expected: Option<Head>) -> Result<(), StoreError> {
        let actual = self.head(key);
        if actual == expected { Ok(()) } else { Err(StoreError::Conflict { expected, actual }) }
    }

    /// Removes log and trace, and says whether there was either.
    pub(crate) fn delete(&mut self, key: Key) -> bool {
        let traced = self.traces.remove(&key).is_some();
        let logged = self.logs.remove(&key).is_some();
        if logged && let Some(holders) = self.holders.get_mut(&key.1) {
            holders.retain(|&holder| holder != key.0);
            if holders.is_empty() {
                self.holders.remove(&key.1);
            }
        }
        logged || traced
    }
}
