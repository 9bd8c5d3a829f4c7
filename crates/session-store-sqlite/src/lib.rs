//! session-store in one SQLite database file.
//!
//! [`SqliteStore`] keeps every clause of the contract. A crash of the process loses nothing that was
//! acknowledged. A power cut can take the latest changes, but leaves the database whole; with
//! [`Durability::Power`](session_store_core::Durability::Power) it takes nothing either.
//!
//! ```
//! use session_store_core::{LogEntry, SegmentId, SessionId, Store};
//! use session_store_sqlite::SqliteStore;
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("sessions.db");
//! let (session, segment) = (SessionId::new(), SegmentId::new());
//! let store = SqliteStore::open_or_create(&path)?;
//! store.append(session, segment, &LogEntry::from_json(r#"{"kind":"invoke"}"#)?)?;
//! assert_eq!(SqliteStore::open(&path)?.read_entry_count(session, segment)?, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The file
//!
//! While it is open, and after a crash, a `-wal` and a `-shm` file beside the database belong to it; move
//! or copy a database only when it is closed. A handle refuses to go on while its file is not in its place,
//! or another one is. All are made for their owner only (0600). SQLite makes them to
//! read, too, so who may not write into the folder cannot open the store. Local file systems only: the
//! processes share memory. A process must not open and close the file by other means while it has the store
//! open, since that drops SQLite's locks (POSIX), nor use a store that it had open before a fork.
//!
//! Any program that reads SQLite reads ours: the table `log` has a row for each log and each trace, and
//! `entry` their texts under the ids `log.number << 32 | position`. The space of what was deleted is used
//! again, but the file does not shrink. The write-ahead log is emptied whenever it has got longer than
//! 64 MiB, unless another program reads for longer than a handle waits for it.
//!
//! # Limits
//!
//! An entry may have some 10^9 bytes (SQLite's limit for a row, as the library was built), a log
//! 2^32 - 1 entries, a database 2^31 - 1 logs and traces.
//!
//! # Which SQLite
//!
//! The feature `bundled` (default) compiles SQLite in. Without it the system's library is linked, which must
//! be 3.51.3 or newer: an older one can corrupt a database in use, and `open` refuses it.
//!
//! A program can hold one version of `libsqlite3-sys` only, since that links a native library. Here it is
//! 0.39, by way of rusqlite 0.41. Another dependency on rusqlite must agree with that; sqlx 0.9.0 does not
//! (it takes 0.30.1 up to 0.37), so a program that has both does not build.

mod connect;
mod database;
mod entries;
mod error;
mod file;
mod log;
mod options;
mod pod;
mod rowid;
mod schema;
mod store;
mod sync;

pub use file::is_sqlite_file;
pub use options::SqliteOptions;
pub use store::SqliteStore;
