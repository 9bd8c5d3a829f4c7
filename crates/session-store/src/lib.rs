//! Persistence for agent session logs: one small [`Store`] trait, and several backends. A feature
//! flag enables a backend, and a URL selects it.
//!
//! An agent runtime writes every step of a conversation to an append-only log, and rebuilds its
//! state by reading the log. A *session* is one conversation: a fork tree of *segments*. A segment
//! is a log of *entries*. An entry is a JSON object on one line and is kept byte for byte. A *pod*
//! is a named agent with a pointer to the place where its conversation continues.
//!
#![cfg_attr(feature = "memory", doc = "```")]
#![cfg_attr(not(feature = "memory"), doc = "```ignore")]
//! use session_store::{LogEntry, SegmentId, SessionId, Store, StoreExt};
//!
//! // Other URLs are "fs:./sessions", "sqlite:sessions.db" and "postgres://localhost/logs".
//! let store = session_store::open_or_create("memory:")?;
//! let (session, segment) = (SessionId::new(), SegmentId::new());
//!
//! store.append(session, segment, &LogEntry::from_json(r#"{"kind":"user_input","text":"hi"}"#)?)?;
//! store.append_value(session, segment, &serde_json::json!({"kind": "turn_end"}))?;
//!
//! for entry in store.entries(session, segment, 0) {
//!     println!("{}", entry?.as_json());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Backends
//!
//! | feature | URL | a store is |
//! |---|---|---|
//! | `fs` (default) | `fs:PATH` | a directory, one JSONL file per segment |
//! | `sqlite` | `sqlite:PATH` | one SQLite database file |
//! | `postgres`, `postgres-tls` | `postgres://HOST/DATABASE` | a schema of a PostgreSQL database |
//! | `redis`, `redis-tls` | `redis://HOST`, `redis-cluster://HOST,HOST`, … | one server, a Sentinel group or a Cluster |
//! | `memory` | `memory:` | in memory, for tests |
//!
//! All backends keep the same [contract]. The docs of [`Store`] describe the contract method by
//! method. [`open()`] and [`open_or_create()`] accept all these URLs, and [`StoreUrl`] describes
//! the syntax of the URLs. Each backend is also a module of this crate, for callers that need the
//! backend's own options. If the feature of a backend is off, opening a URL of the backend fails
//! with an error that names the feature.
//!
//! # In an agent runtime
//!
//! The feature `agent` adds the module `agent`, the interface for a runtime over any store. The
//! writer in this module forks the segment if another writer has appended to the segment. A replay
//! rebuilds the state of a conversation from its log, and `open_pod` opens a conversation by the
//! name of its pod. The feature `async` adds `AsyncWriter`, which appends from asynchronous code
//! with any runtime. The feature `redact` adds `Redactor`, which removes API keys and private keys
//! from entries before they are stored.
//!
//! # Observing calls
//!
//! The feature `tracing` adds `Instrumented`, a store that makes a span of the crate `tracing` for
//! each call of another store. A span has ids, sizes, the duration and the outcome, and never the
//! content of an entry.

mod backend;
mod error;
#[cfg(feature = "tracing")]
mod instrumented;
mod open;
mod password;
mod store;
mod syntax;
mod url;

pub use session_store_core::*;

#[cfg(feature = "agent")]
pub use session_store_agent as agent;
#[cfg(feature = "fs")]
pub use session_store_fs as fs;
#[cfg(feature = "memory")]
pub use session_store_memory as memory;
#[cfg(feature = "postgres")]
pub use session_store_postgres as postgres;
#[cfg(feature = "redis")]
pub use session_store_redis as redis;
#[cfg(feature = "sqlite")]
pub use session_store_sqlite as sqlite;

pub use backend::{Backend, backends};
pub use error::UrlError;
#[cfg(feature = "tracing")]
pub use instrumented::Instrumented;
pub use open::{OpenError, open, open_or_create};
pub use password::PasswordOf;
pub use store::OpenStore;
pub use url::StoreUrl;
