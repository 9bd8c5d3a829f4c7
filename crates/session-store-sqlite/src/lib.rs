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
//! While the database is open, and after a crash, a `-wal` and a `-shm` file are beside the
//! database. The `-wal` file (the write-ahead log) has the latest changes. The files can also
//! remain if the last handle that was closed had made no change.
//!
//! If one of the three files is moved, removed or replaced, each call on an open handle fails until
//! the file is back ([S8](session_store_core::contract#s8)). If the `-wal` file was removed,
//! closing the last handle still writes the changes of that file to the database. This is not done
//! if another process has opened the database since the removal.
//!
//! While the database file has several names (hard links), it can be read, and each change fails.
//! SQLite would write a `-wal` file for each name, and changes would be lost.
//!
//! Opening a store fails if the page size, the first page or the number of pages shows that the
//! `-wal` file belongs to another database. Any other foreign `-wal` file causes damage, and only
//! [`Maintenance::check`](session_store_core::Maintenance::check) finds this damage. Handles that
//! only read never change the `-wal` file.
//!
//! Another program may have written the database. Its triggers, views, CHECK constraints and
//! foreign keys therefore have no effect. A database is refused if its tables differ from the
//! tables of a store ([L4](session_store_core::contract#l4)).
//!
//! A `BulkLoad` fills a new database under the name `PATH.partial`, without a `-wal` and a `-shm`
//! file.
//!
//! # Exclusive mode
//!
//! With [`SqliteOptions::exclusive`], one handle and its clones are the only users of the database
//! ([S11](session_store_core::contract#s11)). SQLite then locks the database once, and keeps the
//! index of the write-ahead log in memory instead of in the `-shm` file. All calls of the handle
//! use one connection and run one at a time, so a read waits for a change.
//!
//! The handle also locks the file `<database>-lock`, which it creates and never deletes. Every
//! other handle tries this lock before it opens a connection. If the lock is not free, the call
//! fails at once with [`ResourceBusy`](std::io::ErrorKind::ResourceBusy). The error contains the
//! process id of the exclusive handle.
//!
//! Other programs, and versions of this crate before the exclusive mode, do not know this file. The
//! lock of SQLite excludes them: they wait for their busy timeout, and then report that the
//! database is locked. If such a program has the database open, opening an exclusive handle fails
//! after 250 ms.
//!
//! Both locks end with the process. A killed process leaves its changes in the `-wal` file, and any
//! handle can then open the database.
//!
//! # Full disks
//!
//! On a full disk a call returns an error and changes nothing. There is an exception if the file
//! system has blocks of less than 4 KiB, as `mkfs.ext4` creates for a disk of less than 512 MB. The
//! signal SIGBUS can then end the process, because SQLite maps the `-shm` file into memory, and the
//! file system cannot allocate a block of the file. This happened while 8 to 40 KiB were free.
//! Changes that were acknowledged are not lost. Use `mkfs.ext4 -b 4096` for such a disk.
//!
//! # Other users of SQLite in one program
//!
//! A program can link SQLite only once. This crate accepts rusqlite 0.39 to 0.41, so that it can
//! share one SQLite with sqlx 0.9. This crate cannot be combined with sqlx 0.8, which needs an
//! older SQLite. The feature `bundled` (default) compiles SQLite in. Without this feature, a build
//! links the library of the system. The library must be SQLite 3.51.3 or newer, because older
//! versions can corrupt a database in WAL mode. Opening a store checks the version.
//!
//! # Backups
//!
//! A copy of the database file alone lacks the changes in the `-wal` file, and nothing in the copy
//! shows that. Use one of these methods:
//! - Copy the sessions with `session-store export` or with the crate `session-store-migrate`. Other
//!   programs can use the store meanwhile.
//! - Run `VACUUM INTO 'copy.db'` in any program that reads SQLite.
//! - Close all handles, and copy the database together with the `-wal` file if there is one.
//!
//! [`DamagedDatabase`] copies the readable part of a damaged database to a new store.
//!
//! # Permissions
//!
//! All files are created for their owner only (0600). SQLite creates the `-wal` and `-shm` files
//! for reads too. If it cannot create them, and there is no `-wal` file yet, the store reads the
//! database file alone. Such a read is repeated if the file has changed meanwhile. If there is a
//! `-wal` file, opening the store needs write permission on the folder.
//!
//! The database must be on a local file system, because all processes that use it share memory. Two
//! rules of SQLite apply to a process that has a store open. The process must not open and close
//! the file by other means, because POSIX then drops SQLite's locks. A forked child must not use
//! the store.
//!
//! # Format
//!
//! Any program that reads SQLite can read the database. The table `log` has a row for each log and
//! each trace. The table `entry` has a row for each entry, with its text. The id of this row is
//! `log.number << 32 | position`, where `position` is the index of the entry in the log or trace.
//!
//! [`Maintenance::repair`](session_store_core::Maintenance::repair) moves rows that are not entries
//! to the table `quarantined_entry` ([M6](session_store_core::contract#m6),
//! [M7](session_store_core::contract#m7)). Deleting a segment
//! deletes its rows in that table too.
//!
//! The format has version 2, which added the size of each log and the time of its last change. A
//! database of version 1 is readable as it is, and the first write upgrades it without reading its
//! entries. Programs that only know version 1 cannot open the database after the upgrade. Their
//! open handles continue to work.
//!
//! The size of a log is unknown after the upgrade, and after a truncation that removes more than
//! 500 entries. The size becomes known when the log is replaced or truncated to 0 entries, or when
//! [`Maintenance::repair`](session_store_core::Maintenance::repair) measures it.
//!
//! Space of deleted entries is reused, but the file does not shrink. The write-ahead log is
//! truncated when it exceeds 64 MiB. A long read of another program can prevent the truncation,
//! because a handle waits at most one second for such reads.
//!
//! # Limits
//!
//! An entry can have about 10^9 bytes, SQLite's default limit for a row. A log can have 2^32 - 1
//! entries, and a database 2^31 - 1 logs and traces.

mod bulk;
#[cfg(unix)]
mod bulk_load;
mod change_time;
mod connection;
mod database;
mod entries;
mod error;
mod exclusive;
mod file;
mod listing;
mod log_row;
mod maintenance;
mod mode_lock;
mod open_files;
mod options;
mod permission;
mod pod;
mod quarantine;
mod rowid;
mod salvage;
mod schema;
mod schema_check;
mod sizes;
mod store;
mod sync;
mod transaction;
mod wal_check;
mod wal_length;
mod write;

#[cfg(unix)]
pub use bulk_load::BulkLoad;
pub use error::is_malformed;
pub use file::is_sqlite_file;
pub use options::SqliteOptions;
pub use salvage::{DamagedDatabase, Salvaged, SalvagedLog};
pub use store::SqliteStore;
