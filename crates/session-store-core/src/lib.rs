//! The traits, the types and the contract of session-store, a persistence layer for agent session
//! logs.
//!
//! An agent runtime writes every step of a conversation to an append-only log, and rebuilds its
//! state by reading the log back. This crate defines
//! - the entry of such a log: [`LogEntry`], one JSON object on one line, kept byte for byte,
//! - the names: [`SessionId`], [`SegmentId`], [`SegmentKey`],
//! - the traits [`Store`], [`PodStore`] and [`Maintenance`], and their error [`StoreError`],
//! - the [`contract`]: the numbered clauses that every store must follow.
//!
//! A *session* is one conversation: a fork tree of *segments*. A *segment* is one append-only log
//! of *entries*. Each segment also has a *trace*: a separate list of entries for debugging. A *pod*
//! is a named agent with a pointer to its active session and segment.
//!
//! The crate does no I/O and depends on no driver. Each backend is a crate of its own. The crate
//! `session-store` opens a store of any backend by URL.
//!
//! # Why entries are opaque
//!
//! Backends never parse the content of an entry and never serialize it again. Numbers, key order,
//! duplicate keys and unknown fields therefore come back exactly as they were written, and a
//! migration loses nothing. Each runtime keeps its own types, and converts them to and from entries
//! with [`LogEntry::encode`] and [`LogEntry::decode`].
//!
//! # Write your own store
//!
//! A type that implements the following nine methods is a complete store. All other methods have
//! provided bodies. The crate `session-store-conformance` checks whether a store keeps the
//! contract.
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
//!     // The first session that used each segment id (clause L5 of the contract).
//!     owner: BTreeMap<SegmentId, SessionId>,
//! }
//!
//! #[derive(Default)]
//! struct MapStore(Mutex<Logs>);
//!
//! impl MapStore {
//!     // A panic in another thread must not make the store unusable (clause S5).
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
//!         Ok(()) // A store without the capability `read_traces` can discard traces.
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
//!
//! # Write a wrapper
//!
//! A wrapper is a store around another store, for example to add metrics, a cache or a limit. A
//! wrapper must forward every method that it does not change, including the methods with provided
//! bodies. Otherwise the provided body replaces the method of the inner store. [`forward_store!`]
//! and [`forward_pod_store!`] forward the listed methods, and `clippy::missing_trait_methods` finds
//! missing methods.

pub mod backoff;
pub mod connection_pool;
pub mod contract;
pub mod event_trace;
pub mod exclusive_mode;
pub mod group_commit;
pub mod percent;
pub mod segment_log;
pub mod server_url;

mod append_attempt;
mod base_level;
mod capability;
mod durability;
mod entries;
mod entry;
mod error;
mod error_chain;
mod ext;
mod forward;
mod head;
mod id;
mod info;
mod key;
mod line;
mod maintenance;
mod page;
mod pages;
mod pod;
mod pod_name;
mod pod_store;
mod segment_ref;
mod store;

pub use append_attempt::{AppendAttempt, Resolution};
pub use base_level::BaseLevel;
pub use capability::{Capabilities, Capability};
pub use durability::{Durability, UnknownDurability};
pub use entries::{Entries, TraceEntries};
pub use entry::Entry;
pub use error::{BackendError, StoreError};
pub use error_chain::error_chain;
pub use event_trace::TraceEntry;
pub use ext::StoreExt;
pub use head::{Head, InvalidHead};
pub use id::{SegmentId, SessionId};
pub use info::{ListOptions, SegmentInfo};
pub use key::SegmentKey;
pub use maintenance::{Finding, Maintenance, Severity};
pub use page::{Page, PageBudget, PageRequest, TracePage};
pub use pages::{Checkpoint, Pages};
pub use pod::{ActiveSegment, Pod};
pub use pod_name::{PodFolder, PodName};
pub use pod_store::{PodStore, PodStoreExt};
pub use segment_log::LogEntry;
pub use segment_ref::SegmentRef;
pub use store::Store;
