//! `Files`: logs and files of the crate `rig-memory` as segments, for its function `check_store`.

use std::io::{Error, ErrorKind, Result};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use blocking::unblock;
use rig_memory::{AsyncStore, LogWriteError, check_log_name, check_name};
use serde_json::{Value, json};
use session_store::{Head, LogEntry, SegmentId, SessionId, Store, StoreError};
use uuid::Uuid;

/// A handle. Logs and files are segments of two sessions, and their names become segment ids.
#[derive(Clone)]
pub struct Files {
    store: Arc<dyn Store>,
}

const LOGS: &str = "logs";
const FILES: &str = "files";

impl Files {
    /// Creates a handle.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    fn read(&self, session: &str, name: &str) -> Result<(Option<Head>, Vec<u8>)> {
        let (session, segment) = key(session, name);
        let head = self.store.head(session, segment).map_err(failed)?;
        match self.store.read_all(session, segment) {
            Ok(entries) => Ok((head, decode(&entries))),
            Err(StoreError::NotFound(_)) if head.is_none() => Ok((None, Vec::new())),
            Err(error) => Err(failed(error)),
        }
    }

    fn read_existing(&self, session: &str, name: &str) -> Result<Vec<u8>> {
        let (head, bytes) = self.read(session, name)?;
        head.map(|_| bytes).ok_or_else(|| ErrorKind::NotFound.into())
    }

    /// Appends entries if the log still has `len` bytes.
    fn write(
        &self,
        name: &str,
        len: u64,
        entries: &[LogEntry],
    ) -> std::result::Result<(), LogWriteError> {
        let (head, stored) = self.read(LOGS, name)?;
        if stored.len() as u64 != len {
            return Err(LogWriteError::Changed);
        }
        let (session, segment) = key(LOGS, name);
        crate::pause();
        match self.store.append_if(session, segment, head, entries) {
            Ok(_) => Ok(()),
            Err(StoreError::Conflict { .. }) => Err(LogWriteError::Changed),
            Err(error) => Err(failed(error).into()),
        }
    }
}

fn key(session: &str, name: &str) -> (SessionId, SegmentId) {
    let id = |text: &str| Uuid::new_v5(&Uuid::NAMESPACE_OID, text.as_bytes());
    (SessionId::from(id(session)), SegmentId::from(id(&format!("{session}/{name}"))))
}

fn failed(error: StoreError) -> Error {
    Error::other(error)
}

/// Returns an entry for each line of the bytes.
fn encode(bytes: &[u8]) -> Vec<LogEntry> {
    let line = |line| entry(&json!({ "bytes": STANDARD.encode(line) }));
    bytes.split_inclusive(|byte| *byte == b'\n').map(line).collect()
}

fn entry(value: &Value) -> LogEntry {
    LogEntry::from_json(value.to_string()).expect("an object is an entry")
}

/// Returns the bytes after the last mark of a replacement.
fn decode(entries: &[LogEntry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in entries {
        let value: Value = serde_json::from_str(entry.as_json()).expect("an entry is JSON");
        match value["bytes"].as_str() {
            Some(text) => bytes.extend(STANDARD.decode(text).expect("the adapter stores Base64")),
            None => bytes.clear(),
        }
    }
    bytes
}

/// Every call runs in a thread, so calls that start together overlap.
impl AsyncStore for Files {
    async fn read_log_async(&self, name: &str) -> Result<Vec<u8>> {
        check_log_name(name)?;
        let (this, name) = (self.clone(), name.to_owned());
        unblock(move || this.read_existing(LOGS, &name)).await
    }

    async fn append_log_async(
        &self,
        name: &str,
        len: u64,
        bytes: &[u8],
    ) -> std::result::Result<(), LogWriteError> {
        check_log_name(name)?;
        let (this, name, entries) = (self.clone(), name.to_owned(), encode(bytes));
        unblock(move || this.write(&name, len, &entries)).await
    }

    async fn replace_log_async(
        &self,
        name: &str,
        len: u64,
        bytes: &[u8],
    ) -> std::result::Result<(), LogWriteError> {
        check_log_name(name)?;
        let (this, name, mut entries) = (self.clone(), name.to_owned(), encode(bytes));
        entries.insert(0, entry(&json!({ "replaced": true })));
        unblock(move || this.write(&name, len, &entries)).await
    }

    async fn read_file_async(&self, name: &str) -> Result<Vec<u8>> {
        check_name(name)?;
        let (this, name) = (self.clone(), name.to_owned());
        unblock(move || this.read_existing(FILES, &name)).await
    }

    async fn write_file_async(&self, name: &str, bytes: &[u8]) -> Result<()> {
        check_name(name)?;
        let (this, (session, segment)) = (self.clone(), key(FILES, name));
        let entries = encode(bytes);
        unblock(move || this.store.create_segment(session, segment, &entries).map_err(failed)).await
    }
}
