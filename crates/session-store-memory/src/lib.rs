//! A session store in memory: the reference backend, and a store for tests.
//!
//! [`MemoryStore`] keeps the store contract ([`session_store_core::contract`]), except the clauses
//! that need a disk. It has all capabilities that need neither a disk nor a second process, such as
//! conditional appends and atomic batches. All data is lost when the last handle is dropped. A
//! clone is a second handle on the same storage. Reads do not copy the texts of entries.
//!
//! ```
//! use session_store_core::{LogEntry, SegmentId, SessionId, Store};
//! use session_store_memory::MemoryStore;
//!
//! let store = MemoryStore::new();
//! let (session, segment) = (SessionId::new(), SegmentId::new());
//! store.append(session, segment, &LogEntry::from_json(r#"{"kind":"invoke"}"#)?)?;
//! assert_eq!(store.clone().read_entry_count(session, segment)?, 1);
//! # Ok::<(), session_store_core::StoreError>(())
//! ```

mod pod;
mod state;
mod store;

pub use store::MemoryStore;
