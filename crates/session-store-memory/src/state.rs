//! The data of a store: logs, traces and pods. An index has the sessions of each segment id. Each
//! change also updates this index.

use std::collections::BTreeMap;
use std::time::SystemTime;

use session_store_core::{
    Head, LogEntry, Pod, PodName, SegmentId, SegmentInfo, SegmentKey, SessionId, StoreError,
    TraceEntry,
};
use uuid::Uuid;

/// The log of a segment.
pub(crate) struct Log {
    pub(crate) entries: Vec<LogEntry>,
    /// The size of all entries in bytes, with one newline for each entry.
    bytes: usize,
    modified: SystemTime,
    /// A random number, which is the token of the head. Truncating or replacing the log sets a new
    /// number. So the head differs from all earlier heads, even if the number of entries is the
    /// same.
    ///
    /// Clause [H1](session_store_core::contract#h1).
    epoch: u128,
}

impl Log {
    fn new(entries: &[LogEntry]) -> Self {
        Self {
            entries: entries.to_vec(),
            bytes: size_of(entries),
            modified: SystemTime::now(),
            epoch: new_epoch(),
        }
    }

    pub(crate) fn head(&self) -> Head {
        Head::new(self.entries.len(), self.epoch)
    }

    pub(crate) fn info(&self) -> SegmentInfo {
        SegmentInfo::new(self.head())
            .with_bytes(Some(self.bytes as u64))
            .with_modified(Some(self.modified))
    }

    fn append(&mut self, entries: &[LogEntry]) {
        if !entries.is_empty() {
            self.entries.extend_from_slice(entries);
            self.bytes += size_of(entries);
            self.modified = SystemTime::now();
        }
    }

    fn truncate(&mut self, segment_id: SegmentId, entries_len: usize) -> Result<(), StoreError> {
        let Some(cut) = self.entries.get(entries_len..) else {
            return Err(StoreError::past_the_end(segment_id, entries_len, self.entries.len()));
        };
        if !cut.is_empty() {
            self.bytes -= size_of(cut);
            self.entries.truncate(entries_len);
            self.modified = SystemTime::now();
            self.epoch = new_epoch();
        }
        Ok(())
    }
}

/// All data of a store. One lock guards all of it.
#[derive(Default)]
pub(crate) struct State {
    logs: BTreeMap<SegmentKey, Log>,
    /// For each segment id, the sessions with a segment of this id. The sessions are in the order
    /// in which these segments were created.
    holders: BTreeMap<SegmentId, Vec<SessionId>>,
    pub(crate) traces: BTreeMap<SegmentKey, Vec<TraceEntry>>,
    pub(crate) pods: BTreeMap<PodName, Pod>,
}

impl State {
    pub(crate) fn log(&self, key: SegmentKey) -> Option<&Log> {
        self.logs.get(&key)
    }

    /// Returns the log, or the error for a segment that does not exist.
    pub(crate) fn known_log(&self, key: SegmentKey) -> Result<&Log, StoreError> {
        self.log(key).ok_or(StoreError::NotFound(key.segment_id))
    }

    pub(crate) fn head(&self, key: SegmentKey) -> Option<Head> {
        self.log(key).map(Log::head)
    }

    /// Returns all sessions in descending order.
    pub(crate) fn sessions(&self) -> Vec<SessionId> {
        let mut sessions: Vec<_> = self.logs.keys().rev().map(|key| key.session_id).collect();
        sessions.dedup();
        sessions
    }

    /// Returns the logs of a session in descending order of their segments.
    pub(crate) fn logs_of(
        &self,
        session_id: SessionId,
    ) -> impl Iterator<Item = (SegmentKey, &Log)> {
        let bound = |byte| SegmentKey::new(session_id, SegmentId::from_bytes([byte; 16]));
        self.logs.range(bound(0)..=bound(0xff)).rev().map(|(&key, log)| (key, log))
    }

    pub(crate) fn session_of(&self, segment_id: SegmentId) -> Option<SessionId> {
        self.holders.get(&segment_id).map(|holders| holders[0])
    }

    /// Creates or replaces a log.
    pub(crate) fn put(&mut self, key: SegmentKey, entries: &[LogEntry]) {
        if self.logs.insert(key, Log::new(entries)).is_none() {
            self.holders.entry(key.segment_id).or_default().push(key.session_id);
        }
    }

    /// Appends to a log. Creates the log if it does not exist.
    pub(crate) fn append(&mut self, key: SegmentKey, entries: &[LogEntry]) {
        match self.logs.get_mut(&key) {
            Some(log) => log.append(entries),
            None => self.put(key, entries),
        }
    }

    pub(crate) fn truncate(
        &mut self,
        key: SegmentKey,
        entries_len: usize,
    ) -> Result<Head, StoreError> {
        let log = self.logs.get_mut(&key).ok_or(StoreError::NotFound(key.segment_id))?;
        log.truncate(key.segment_id, entries_len)?;
        Ok(log.head())
    }

    /// Returns an error if the head of the segment is not `expected`.
    pub(crate) fn check_head(
        &self,
        key: SegmentKey,
        expected: Option<Head>,
    ) -> Result<(), StoreError> {
        let actual = self.head(key);
        if actual == expected { Ok(()) } else { Err(StoreError::Conflict { expected, actual }) }
    }

    /// Deletes a log and its trace. Returns whether the log or the trace existed.
    pub(crate) fn delete(&mut self, key: SegmentKey) -> bool {
        let had_trace = self.traces.remove(&key).is_some();
        let had_log = self.logs.remove(&key).is_some();
        if had_log && let Some(holders) = self.holders.get_mut(&key.segment_id) {
            holders.retain(|&holder| holder != key.session_id);
            if holders.is_empty() {
                self.holders.remove(&key.segment_id);
            }
        }
        had_log || had_trace
    }

    /// Deletes all logs and traces of a session. Returns whether the session had a log or a trace.
    pub(crate) fn delete_session(&mut self, session_id: SessionId) -> bool {
        let keys = self.logs.keys().chain(self.traces.keys()).copied();
        let own: Vec<_> = keys.filter(|key| key.session_id == session_id).collect();
        for &key in &own {
            self.delete(key);
        }
        !own.is_empty()
    }
}

fn size_of(entries: &[LogEntry]) -> usize {
    entries.iter().map(|entry| entry.as_json().len() + 1).sum()
}

fn new_epoch() -> u128 {
    Uuid::new_v4().as_u128()
}
