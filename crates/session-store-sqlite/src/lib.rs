//! A session store in one SQLite database file.
//!
//! [`SqliteStore`] keeps every clause of the contract. A crash of the process loses no acknowledged
//! change. A power cut can lose the latest changes, but leaves the database intact. With
//! [`Durability::Power`](session_store_core::Durability::Power) a power cut loses nothing either.
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
//! # Files
//!
//! A `-wal` and a `-shm` file beside the database belong to it while it is open and after a crash.
//! The `-wal` file has the latest changes. It can also remain after a handle that only reads was
//! closed last.
//!
//! If one of the three files is moved, removed or replaced, each call on an open handle fails until
//! the file is back ([S8](session_store_core::contract#s8)). Closing the last handle saves the
//! changes that are only in a removed `-wal` file, unless another process has opened the database
//! meanwhile.
//!
//! A `-wal` file that does not belong to its database is refused if its page size, its first page
//! or its number of pages shows that. Handles that only read do not change it. Otherwise
//! [`Maintenance::check`](session_store_core::Maintenance::check) finds the differences.
//!
//! A database can come from elsewhere. Its triggers, views, conditions and foreign keys have no
//! effect, and a database is refused if its tables differ from those of a store
//! ([L4](session_store_core::contract#l4)).
//!
//! # Other users of SQLite in one program
//!
//! A program can link SQLite only once. This crate accepts rusqlite 0.39 to 0.41, so that it can
//! share one SQLite with sqlx 0.9. It cannot be combined with sqlx 0.8, which needs an older
//! SQLite. The feature `bundled` (default) compiles SQLite in. A build without this feature links
//! the library of the system, which must be SQLite 3.51.3 or newer, because older versions can
//! corrupt a database in WAL mode. Opening a store checks the version.
//!
//! # Backups
//!
//! A copy of the database file alone lacks the changes that are in the `-wal` file, and nothing in
//! the copy shows that. So do one of these:
//! - Copy the sessions with `session-store export` or with the crate `session-store-migrate`. Other
//!   programs can use the store meanwhile.
//! - Run `VACUUM INTO 'copy.db'` in any program that reads SQLite.
//! - Close all handles, and copy the database together with the `-wal` file if there is one.
//!
//! [`DamagedDatabase`] copies what can be read from a damaged database to a new store.
//!
//! # Permissions
//!
//! All files are created for their owner only (0600). SQLite creates the two extra files for reads
//! too. Where it cannot, a database without a `-wal` file is read without them, and a read is
//! repeated if the file has changed meanwhile. If there is a `-wal` file, opening the store needs
//! write permission on its folder.
//!
//! The database must be on a local file system, because its processes share memory. Two rules of
//! SQLite apply to a process that has a store open. It must not open and close the file by other
//! means, since POSIX then drops SQLite's locks. It must not use the store after a fork.
//!
//! # Format
//!
//! Any program that reads SQLite can read the database. The table `log` has a row for each log and
//! each trace. The table `entry` has their texts under the ids `log.number << 32 | position`.
//!
//! [`Maintenance::repair`](session_store_core::Maintenance::repair) moves rows that are not entries
//! to the table `quarantined_entry` ([M6](session_store_core::contract#m6)). Deleting a segment
//! deletes its rows in that table too.
//!
//! The format has version 2, which added the size of each log and the time of its last change. A
//! database of version 1 is readable as it is, and the first write upgrades it without reading its
//! entries. Programs that know version 1 only cannot open the database after the upgrade. Handles
//! that they have open go on working.
//!
//! The size of a log is unknown after the upgrade, and after a cut of more than 500 entries. It
//! stays unknown until the log is replaced or cut to 0 entries, or until
//! [`Maintenance::repair`](session_store_core::Maintenance::repair) measures it.
//!
//! Space of deleted entries is reused, but the file does not shrink. The write-ahead log is
//! truncated when it exceeds 64 MiB. Another program can prevent that with a read that takes longer
//! than a handle waits.
//!
//! # Limits
//!
//! An entry can have about 10^9 bytes, SQLite's default limit for a row. A log can have 2^32 - 1
//! entries, and a database 2^31 - 1 logs and traces.

mod change_time;
mod connection;
mod database;
mod entries;
mod error;
mod file;
mod layout;
mod listing;
mod log_row;
mod maintenance;
mod open_files;
mod options;
mod permission;
mod pod;
mod quarantine;
mod rowid;
mod salvage;
mod schema;
mod sizes;
mod store;
mod sync;
mod transaction;
mod wal;

pub use error::is_malformed;
pub use file::is_sqlite_file;
pub use options::SqliteOptions;
pub use salvage::{DamagedDatabase, Salvaged, SalvagedLog};
pub use store::SqliteStore;
