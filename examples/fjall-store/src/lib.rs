//! A session store over the log-structured database fjall.
//!
//! Besides the nine required methods, the store has epochs, conditional writes and atomic batches.
//! The README explains the decisions.

use std::path::Path;

use fjall::{
    KeyspaceCreateOptions, Readable, SingleWriterTxDatabase, SingleWriterTxKeyspace,
    SingleWriterWriteTx,
};
use session_store_core::{
    BackendError, Capabilities, Capability, Head, LogEntry, Page, PageBudget, SegmentId, SessionId,
    Store, StoreError, TraceEntry,
};
use uuid::Uuid;

type Result<T> = std::result::Result<T, StoreError>;

/// The bytes of both ids. Database keys are compared as bytes, like ids.
type Key = [u8; 32];

/// A store in one folder. fjall cannot open a folder twice, so share the store in an `Arc`.
pub struct FjallStore {
    database: SingleWriterTxDatabase,
    /// The head of each segment, as text.
    heads: SingleWriterTxKeyspace,
    /// The text of each entry, by segment and position.
    entries: SingleWriterTxKeyspace,
    /// The text of each trace entry, by segment and position.
    traces: SingleWriterTxKeyspace,
    /// For each segment id, the first session that had a segment with this id.
    holders: SingleWriterTxKeyspace,
}

/// Returns the error of an operation that the database could not run.
fn failed(operation: &'static str) -> impl FnOnce(fjall::Error) -> StoreError {
    move |error| BackendError::new(operation, false, error).into()
}

fn key(session_id: SessionId, segment_id: SegmentId) -> Key {
    let mut key = Key::default();
    key[..16].copy_from_slice(session_id.as_bytes());
    key[16..].copy_from_slice(segment_id.as_bytes());
    key
}

fn row(key: Key, position: usize) -> Vec<u8> {
    [&key[..], &(position as u64).to_be_bytes()].concat()
}

/// Returns the 16 bytes from `start` on, which every key has.
fn id(key: &[u8], start: usize) -> [u8; 16] {
    key[start..start + 16].try_into().expect("a part of 16 bytes")
}

/// A write transaction on one segment. fjall runs one write transaction at a time. Dropping the
/// transaction undoes its changes.
struct Change<'a> {
    store: &'a FjallStore,
    transaction: SingleWriterWriteTx<'a>,
    key: Key,
    /// The head of the segment, or `None` while it does not exist.
    head: Option<Head>,
}

impl Change<'_> {
    /// Returns `Conflict` unless the head is the expected one.
    fn expect(&self, expected: Option<Head>) -> Result<()> {
        let actual = self.head;
        if actual == expected { Ok(()) } else { Err(StoreError::Conflict { expected, actual }) }
    }

    fn len(&self) -> usize {
        self.head.map_or(0, |head| head.entries())
    }

    /// Gives the segment a head with a new token.
    ///
    /// A log that was cut can grow to the same length again, and then only the token shows the
    /// change ([H4](session_store_core::contract#h4)).
    fn set_len(&mut self, len: usize) {
        self.head = Some(Head::new(len, Uuid::new_v4().as_u128()));
    }

    fn push(&mut self, entries: &[LogEntry]) {
        for (position, entry) in (self.len()..).zip(entries) {
            self.transaction.insert(&self.store.entries, row(self.key, position), entry.as_json());
        }
        if self.head.is_none() || !entries.is_empty() {
            self.set_len(self.len() + entries.len());
        }
    }

    fn cut(&mut self, len: usize) {
        for position in len..self.len() {
            self.transaction.remove(&self.store.entries, row(self.key, position));
        }
        self.set_len(len);
    }

    fn truncate(&mut self, segment_id: SegmentId, len: usize) -> Result<()> {
        let old = self.head.ok_or(StoreError::NotFound(segment_id))?.entries();
        if len > old {
            return Err(StoreError::past_the_end(segment_id, len, old));
        }
        if len < old {
            self.cut(len);
        }
        Ok(())
    }

    /// Stores the head and the holder of the segment, commits, and returns the head.
    fn commit(mut self) -> Result<Head> {
        let head = self.head.expect("every change leaves a segment");
        self.transaction.insert(&self.store.heads, self.key, head.to_string());
        let (session, segment) = self.key.split_at(16);
        let holders = &self.store.holders;
        if !self.transaction.contains_key(holders, segment).map_err(failed("find a holder"))? {
            self.transaction.insert(holders, segment, session);
        }
        commit(self.transaction)?;
        Ok(head)
    }
}

/// Commits a transaction.
///
/// A failed one can still be in the journal, so its outcome is not known
/// ([A6](session_store_core::contract#a6)).
fn commit(transaction: SingleWriterWriteTx<'_>) -> Result<()> {
    let unknown = |error| StoreError::indeterminate("commit", failed("commit")(error));
    transaction.commit().map_err(unknown)
}

impl FjallStore {
    /// Opens the folder, or creates it if it does not exist.
    ///
    /// # Errors
    /// If fjall cannot open or create the folder.
    pub fn open_or_create(path: &Path) -> Result<Self> {
        let open = || {
            let database = SingleWriterTxDatabase::builder(path).open()?;
            let keyspace = |name| database.keyspace(name, KeyspaceCreateOptions::default);
            let (heads, entries) = (keyspace("heads")?, keyspace("entries")?);
            let (traces, holders) = (keyspace("traces")?, keyspace("holders")?);
            Ok(Self { database, heads, entries, traces, holders })
        };
        open().map_err(failed("open the database"))
    }

    fn head_in(&self, view: &impl Readable, key: Key) -> Result<Option<Head>> {
        let text = view.get(&self.heads, key).map_err(failed("read a head"))?;
        Ok(text.map(|text| String::from_utf8_lossy(&text).parse().expect("a head was stored")))
    }

    fn change(&self, s: SessionId, g: SegmentId) -> Result<Change<'_>> {
        let (transaction, key) = (self.database.write_tx(), key(s, g));
        let head = self.head_in(&transaction, key)?;
        Ok(Change { store: self, transaction, key, head })
    }

    /// Returns the keys of all segments whose key begins with the prefix, in descending order.
    fn keys(&self, prefix: &[u8]) -> Result<Vec<fjall::UserKey>> {
        let rows = self.database.read_tx().prefix(&self.heads, prefix).rev();
        rows.map(|row| row.key().map_err(failed("list segments"))).collect()
    }
}

impl Store for FjallStore {
    fn append(&self, s: SessionId, g: SegmentId, entry: &LogEntry) -> Result<()> {
        self.append_all(s, g, std::slice::from_ref(entry))
    }

    fn read_all(&self, s: SessionId, g: SegmentId) -> Result<Vec<LogEntry>> {
        Ok(self.read_page(s, g, 0, usize::MAX)?.entries)
    }

    fn list_sessions(&self) -> Result<Vec<SessionId>> {
        let keys = self.keys(&[])?;
        let mut sessions: Vec<_> =
            keys.iter().map(|key| SessionId::from_bytes(id(key, 0))).collect();
        sessions.dedup();
        Ok(sessions)
    }

    fn list_segments(&self, s: SessionId) -> Result<Vec<SegmentId>> {
        let keys = self.keys(s.as_bytes())?;
        Ok(keys.iter().map(|key| SegmentId::from_bytes(id(key, 16))).collect())
    }

    fn lookup_session_of(&self, g: SegmentId) -> Result<Option<SessionId>> {
        let holder = self.holders.get(g.as_bytes()).map_err(failed("look up a segment"))?;
        Ok(holder.map(|session| SessionId::from_bytes(id(&session, 0))))
    }

    fn create_segment(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
        let mut change = self.change(s, g)?;
        change.cut(0);
        change.push(entries);
        change.commit().map(drop)
    }

    fn exists(&self, s: SessionId, g: SegmentId) -> Result<bool> {
        self.head(s, g).map(|head| head.is_some())
    }

    fn read_entry_count(&self, s: SessionId, g: SegmentId) -> Result<usize> {
        self.head(s, g)?.map(|head| head.entries()).ok_or(StoreError::NotFound(g))
    }

    fn append_trace(&self, s: SessionId, g: SegmentId, entry: &TraceEntry) -> Result<()> {
        let (mut transaction, key) = (self.database.write_tx(), key(s, g));
        let last = transaction.prefix(&self.traces, key).next_back();
        let last = last.map(|row| row.key()).transpose().map_err(failed("read a trace"))?;
        let next = last.map_or(0, |row| {
            u64::from_be_bytes(row[32..].try_into().expect("a number of 8 bytes")) + 1
        });
        transaction.insert(&self.traces, row(key, next as usize), entry.as_json());
        commit(transaction)
    }

    // The methods from here on have provided bodies. Each one is part of a capability.

    fn capabilities(&self) -> Capabilities {
        use Capability::{AtomicBatch, ConditionalAppend, Epoch, Persistent};
        [Persistent, Epoch, ConditionalAppend, AtomicBatch].into_iter().collect()
    }

    fn append_all(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let mut change = self.change(s, g)?;
        change.push(entries);
        change.commit().map(drop)
    }

    fn head(&self, s: SessionId, g: SegmentId) -> Result<Option<Head>> {
        self.head_in(&self.database.read_tx(), key(s, g))
    }

    /// Reads the head and the entries in one snapshot. The provided body returns a head without the
    /// token.
    fn read_page(
        &self,
        s: SessionId,
        g: SegmentId,
        start: usize,
        max_bytes: usize,
    ) -> Result<Page> {
        let (snapshot, key) = (self.database.read_tx(), key(s, g));
        let head = self.head_in(&snapshot, key)?.ok_or(StoreError::NotFound(g))?;
        let (mut entries, mut budget) = (Vec::new(), PageBudget::new(max_bytes));
        let rows = snapshot.range(&self.entries, row(key, start)..=row(key, usize::MAX));
        for (row, position) in rows.zip(start..) {
            let text = row.value().map_err(failed("read a log"))?;
            if !budget.admits(text.len()) {
                break;
            }
            let entry = LogEntry::from_utf8(text.to_vec());
            entries.push(entry.map_err(|error| StoreError::Corrupt {
                line: position + 1,
                message: format!("segment {g}, entry {}: {error}", position + 1),
            })?);
        }
        Ok(Page::new(entries, head))
    }

    /// Truncates in one transaction. The provided body could lose an append that overlaps it.
    fn truncate(&self, s: SessionId, g: SegmentId, len: usize) -> Result<()> {
        let mut change = self.change(s, g)?;
        change.truncate(g, len)?;
        change.commit().map(drop)
    }

    fn append_if(
        &self,
        s: SessionId,
        g: SegmentId,
        expected: Option<Head>,
        entries: &[LogEntry],
    ) -> Result<Head> {
        let mut change = self.change(s, g)?;
        change.expect(expected)?;
        change.push(entries);
        change.commit()
    }

    fn truncate_if(&self, s: SessionId, g: SegmentId, expected: Head, len: usize) -> Result<Head> {
        let mut change = self.change(s, g)?;
        change.expect(Some(expected))?;
        change.truncate(g, len)?;
        change.commit()
    }
}
