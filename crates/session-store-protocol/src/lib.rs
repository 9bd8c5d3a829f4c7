//! A store in another process, over two pipes.
//!
//! [`serve`] is the server: it reads calls from one pipe, makes them on a store, and writes the
//! results to the other pipe. [`RemoteStore`] is the client: a store that sends its calls to a
//! process. A program in another language can be the server or the client. The messages are lines
//! of JSON. `docs/PROTOCOL.md` in the repository describes all messages.
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
