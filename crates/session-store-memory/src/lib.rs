//! session-store in memory: the reference backend, and what tests use.
//!
//! [`MemoryStore`] keeps every clause of the contract that can hold without a disk, batches and heads
//! included, and loses everything with its last handle. A clone is a second handle on the same storage;
//! reading a log copies no entry's bytes.
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

mod state;
mod store;

pub use store::MemoryStore;
