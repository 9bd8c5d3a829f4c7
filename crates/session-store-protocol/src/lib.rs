//! A store in another process, over two pipes.
//!
//! [`serve`] answers the calls that arrive on one pipe with the results of a store.
//! [`RemoteStore`] is the other side: a store whose calls are sent to a process. A program in any
//! other language can take either side. The messages are lines of JSON, and
//! `docs/PROTOCOL.md` in the repository describes them completely.
//!
//! ```no_run
//! use std::process::Command;
//!
//! use session_store_core::{LogEntry, SegmentId, SessionId, Store};
//! use session_store_protocol::RemoteStore;
//!
//! let mut command = Command::new("session-store");
//! command.args(["serve", "fs:logs"]);
//! let store = RemoteStore::start(command)?;
//! let entry = LogEntry::from_json(r#"{"kind":"turn_end"}"#)?;
//! store.append(SessionId::new(), SegmentId::new(), &entry)?;
//! # Ok::<(), session_store_core::StoreError>(())
//! ```

mod call_names;
mod connection;
mod failure;
mod message;
mod remote;
mod serve;

pub use remote::RemoteStore;
pub use serve::{Service, serve, serve_in_order};

/// The version of the protocol.
pub const VERSION: u32 = 1;
