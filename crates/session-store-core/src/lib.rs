//! The contract of session-store: what a store of agent session logs is, whoever implements it.
//!
//! An agent runtime writes every step of a conversation to an append-only log and rebuilds its state by
//! reading the log back. This crate says what such a log is made of ([`LogEntry`]: one JSON object on one
//! line, kept byte for byte), how it is named ([`SessionId`], [`SegmentId`]), and what a store must do
//! ([`Store`], [`PodStore`], [`StoreError`]). It does no I/O and names no driver; backends are crates of
//! their own, and the crate `session-store` opens any of them by a URL.
//!
//! # Why entries are opaque
//!
//! The narrow waist of the system is a line of JSON. A store that moves bytes cannot get serialisation
//! wrong: numbers, key order, duplicate keys and unknown fields come back as they were written, a
//! migration is lossless by construction, and every runtime keeps its own types through
//! [`LogEntry::encode`] and [`LogEntry::decode`].
//!
//! # Write your own store
//!
//! Nine methods make a complete store; everything else has a body. The crate `session-store-conformance`
//! tells whether they keep the contract.
//!
//! ```
//! use std::collections::BTreeMap;
//! use std::sync::{Mutex, MutexGuard, PoisonError};
//!
//! use session_store_core::{LogEntry, SegmentId, SessionId, Store, StoreError, StoreExt, TraceEntry};
//!
//! #[derive(Default)]
//! struct Logs {
//!     entries: BTreeMap<(SessionId, SegmentId), Vec<LogEntry>>,
//!     // Which session a segment id belongs to: the first that used it, whoever comes later (L5).
//!     owner: BTreeMap<SegmentId, SessionId>,
//! }
//!
//! #[derive(Default)]
//! struct MapStore(Mutex<Logs>);
//!
//! impl MapStore {
//!     // Another thread's panic poisons nothing (S5).
//!     fn lock(&self) -> MutexGuard<'_, Logs> {
//!         self.0.lock().unwrap_or_else(PoisonError::into_inner)
//!     }
//! }
//!
//! impl Store for MapStore {
//!     fn append(&self, session: SessionId, segment: SegmentId, entry: &LogEntry) -> Result<(), StoreError> {
//!         let mut logs = self.lock();
//!         logs.owner.entry(segment).or_insert(session);
//!         logs.entries.entry((session, segment)).or_default().push(entry.clone());
//!         Ok(())
//!     }
//!
//!     fn read_all(&self, session: SessionId, segment: SegmentId) -> Result<Vec<LogEntry>, StoreError> {
//!         self.lock().entries.get(&(session, segment)).cloned().ok_or(StoreError::NotFound(segment))
//!     }
//!
//!     fn list_sessions(&self) -> Result<Vec<SessionId>, StoreError> {
//!         let mut ids: Vec<_> = self.lock().entries.keys().rev().map(|(session, _)| *session).collect();
//!         ids.dedup();
//!         Ok(ids)
//!     }
//!
//!     fn list_segments(&self, session: SessionId) -> Result<Vec<SegmentId>, StoreError> {
//!         let logs = self.lock();
//!         let own = logs.entries.keys().rev().filter(|(owner, _)| *owner == session);
//!         Ok(own.map(|(_, segment)| *segment).collect())
//!     }
//!
//!     fn lookup_session_of(&self, segment: SegmentId) -> Result<Option<SessionId>, StoreError> {
//!         Ok(self.lock().owner.get(&segment).copied())
//!     }
//!
//!     fn create_segment(
//!         &self,
//!         session: SessionId,
//!         segment: SegmentId,
//!         entries: &[LogEntry],
//!     ) -> Result<(), StoreError> {
//!         let mut logs = self.lock();
//!         logs.owner.entry(segment).or_insert(session);
//!         logs.entries.insert((session, segment), entries.to_vec());
//!         Ok(())
//!     }
//!
//!     fn exists(&self, session: SessionId, segment: SegmentId) -> Result<bool, StoreError> {
//!         Ok(self.lock().entries.contains_key(&(session, segment)))
//!     }
//!
//!     fn read_entry_count(&self, session: SessionId, segment: SegmentId) -> Result<usize, StoreError> {
//!         self.lock().entries.get(&(session, segment)).map(Vec::len).ok_or(StoreError::NotFound(segment))
//!     }
//!
//!     fn append_trace(&self, _: SessionId, _: SegmentId, _: &TraceEntry) -> Result<(), StoreError> {
//!         Ok(()) // Without the capability `read_traces` nobody can ask for it back.
//!     }
//! }
//!
//! let store = MapStore::default();
//! let (session, segment) = (SessionId::new(), SegmentId::new());
//! store.append(session, segment, &LogEntry::from_json(r#"{"kind":"user_input","text":"hi"}"#)?)?;
//! store.append_value(session, segment, &serde_json::json!({"kind": "turn_end"}))?;
//! store.truncate(session, segment, 1)?;
//!
//! let log = store.read_all(session, segment)?;
//! assert_eq!(log[0].as_json(), r#"{"kind":"user_input","text":"hi"}"#);
//! assert_eq!(log.len(), 1);
//! # Ok::<(), StoreError>(())
//! ```

mod capability;
mod durability;
mod entry;
mod error;
mod ext;
mod forward;
mod head;
mod id;
mod line;
mod page;
mod pod;
mod store;

pub use capability::{Capabilities, Capability};
pub use durability::{Durability, UnknownDurability};
pub use entry::{LogEntry, TraceEntry};
pub use error::{BackendError, StoreError};
pub use ext::{Entries, StoreExt, TraceEntries};
pub use head::Head;
pub use id::{SegmentId, SessionId};
pub use page::{Page, PageBudget, TracePage};
pub use pod::{ActiveSegment, Pod, PodName, PodStore};
pub use store::Store;
