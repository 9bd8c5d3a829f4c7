//! A store in a PostgreSQL database.
//!
//! [`PostgresStore`] implements every clause of the [contract](session_store_core::contract). The
//! server must be PostgreSQL 13 or newer (tested: 13, 15, 16 and 18). The database must have the
//! encoding UTF8. A crash or a failover of the server can lose changes. The configuration of the
//! server determines which changes, see the [table](#what-can-be-lost).
//!
//! ```no_run
//! use session_store_core::{LogEntry, SegmentId, SessionId, Store};
//! use session_store_postgres::PostgresStore;
//!
//! let store = PostgresStore::open_or_create("postgres://localhost/logs?schema=team_a")?;
//! for warning in store.warnings() {
//!     eprintln!("{warning}");
//! }
//! let (session, segment) = (SessionId::new(), SegmentId::new());
//! store.append(session, segment, &LogEntry::from_json(r#"{"kind":"invoke"}"#)?)?;
//! assert_eq!(store.read_entry_count(session, segment)?, 1);
//! # Ok::<(), session_store_core::StoreError>(())
//! ```
//!
//! [`PostgresUrl`] documents the URLs.
//!
//! # Threads and asynchronous code
//!
//! A handle starts no threads. The calling thread sends the request, and blocks until the reply of
//! the server arrives. Calls also work inside an asynchronous runtime, but each call blocks a
//! thread of the runtime. So make calls in `spawn_blocking`.
//!
//! # A change is done once
//!
//! A handle makes its changes through *writers*. A writer has a row in the table `writer`, and
//! makes one change at a time. Each change contains the random token of its writer and a sequence
//! number. The transaction of the change also writes this number and the result to the row of the
//! writer. The server executes the change only if the row has the preceding number.
//!
//! If a reply is lost, the store reads the row of the writer. If the row has the number of the
//! change, the change was executed, and the store returns the result from the row. Otherwise the
//! store itself writes the number to the row. The row then no longer has the preceding number, so
//! the server can no longer execute the change. The store sends the change again with the next
//! number.
//!
//! [`Indeterminate`](session_store_core::StoreError::Indeterminate) means that the outcome was not
//! known within [`PostgresOptions::retry_for`]. The change was executed once or not at all. A
//! stalled server may still execute the change when it continues.
//!
//! # The tables
//!
//! All tables are in one schema. Each statement names the schema, so the `search_path` of the
//! session does not matter. The store changes a setting only for a transaction and never for the
//! session.
//!
//! | table | a row is |
//! |---|---|
//! | `session_store` | the format version |
//! | `log` | a log or a trace: its ids, the number and size of its entries, a random mark of the last change (`stamp`), and the time of that change |
//! | `entry` | an entry: the number of its log, its position, its text |
//! | `writer` | a writer: its token, the number of its last change, and the result of that change |
//! | `pod` | a pod: its name and its text |
//! | `quarantined_entry` | an entry that a repair has moved out of a log |
//!
//! Texts are stored in columns of the type `text`. The type `jsonb` would change the texts. The
//! server compresses entries of more than about 2 KB.
//!
//! An append of up to 16 MiB is one statement. Appends to one log wait for each other, because each
//! append locks the row of the log. Appends to different logs do not wait for each other. The read
//! of a page is one statement too, so the head and the entries of a page are from the same moment.
//! Replacing, truncating and deleting are transactions of several statements. The rows of writers
//! that have made no change for 7 days are deleted.
//!
//! Several handles can create the store at the same moment. A schema with relations of another
//! program is refused and not changed.
//!
//! [`Maintenance::check`](session_store_core::Maintenance::check) compares the number and the size
//! in each row of `log` with the stored entries, and finds entries that have no row of `log`. A
//! damaged log can have rows that are not entries.
//! [`Maintenance::repair`](session_store_core::Maintenance::repair) moves these rows to the table
//! `quarantined_entry` ([M6](session_store_core::contract#m6)). Deleting a segment also deletes its
//! rows in `quarantined_entry`. Triggers and rules on the tables can change the data that the store
//! writes, so the check and [`PostgresStore::warnings`] report them. Damaged indexes and pages are
//! not detected. To detect this damage, use the extension `amcheck` and the checksums of
//! PostgreSQL.
//!
//! # What can be lost
//!
//! An acknowledged change is committed. A commit can wait for the disk and for standbys before it
//! is acknowledged. The setting `synchronous_commit` of the transaction determines this wait.
//! [`PostgresStore::warnings`] reports settings of the server that can lose changes.
//!
//! | option | `synchronous_commit` | the server is killed | power cut | failover to an asynchronous standby | failover to a synchronous standby |
//! |---|---|---|---|---|---|
//! | `durability=process` | that of the server, `on` by default | as in the row with that setting | as in the row with that setting | as in the row with that setting | as in the row with that setting |
//! | `durability=power` | `on`, or `remote_apply` if the server has that | nothing | nothing | what the standby had not received | nothing |
//! | `durability=process` | `remote_write` or `local` on the server | nothing | nothing | what the standby had not received | what the standby had not written |
//! | `synchronous_commit=off` | `off` | about the last second | about the last second | what the standby had not received | what the standby had not received |
//!
//! With `fsync=off` on the server, a power cut can destroy the whole database.
//! [`sync`](session_store_core::Store::sync) waits until the earlier changes of the handle are on
//! disk. `sync` fails with `Indeterminate` if the server has lost one of these changes in a crash.
//!
//! A program that uses `append_if` always notices a loss. The head of a log contains the random
//! mark (`stamp`) of the last change of the log. So an append with a head from before the loss is a
//! conflict, even if the log has grown to the same length again
//! ([H1](session_store_core::contract#h1)). A plain append does not compare heads, so a program
//! that uses only plain appends does not notice a loss.
//!
//! # TLS
//!
//! TLS needs the feature `tls`. A connection with TLS always verifies the certificate of the server
//! and the name in it. So `sslmode=require` and `sslmode=verify-ca` are the same as
//! `sslmode=verify-full`. The default `sslmode=prefer` uses TLS if the server offers TLS. As in
//! libpq, this default does not protect from an attacker in the network, who can hide the offer.
//!
//! # Poolers
//!
//! Behind a pooler that gives each transaction another connection, set the option
//! `pooler=transaction`. With this option, statements are sent unnamed instead of prepared. The
//! cost is that the server plans each statement again every time.
//!
//! # Permissions
//!
//! The login that creates the store needs the permission `CREATE` on the database. This login
//! becomes the owner of the schema. Here the owner is `logs_owner`:
//!
//! ```sql
//! CREATE ROLE logs_owner LOGIN;
//! CREATE ROLE logs_writer LOGIN;
//! CREATE ROLE logs_reader LOGIN;
//! GRANT CREATE ON DATABASE logs TO logs_owner;
//! ```
//!
//! After the owner has created the store, the owner gives the other logins the permissions that
//! they need. A login that only reads can also check the store.
//!
//! ```sql
//! GRANT USAGE ON SCHEMA session_store TO logs_writer, logs_reader;
//! GRANT SELECT ON session_store.session_store TO logs_writer, logs_reader;
//! GRANT SELECT, INSERT, UPDATE, DELETE ON session_store.log, session_store.entry,
//!     session_store.writer, session_store.pod, session_store.quarantined_entry TO logs_writer;
//! GRANT SELECT ON session_store.log, session_store.entry, session_store.pod,
//!     session_store.quarantined_entry TO logs_reader;
//! ```
//!
//! # Limits
//!
//! - An entry has at most 512 MiB.
//! - A batch over 16 MiB is sent in parts, in one transaction.
//! - A read of a page needs memory only for the entries of the page. A program read a log of
//!   1,000,000 entries in 46 pages of 256 KiB. The peak memory of the program grew from 12.1 MB to
//!   14.4 MB (measured in a debug build).
//! - The password must be in the URL, or be set with [`PostgresUrl::with_password`]. Files such as
//!   `.pgpass` are not read.

mod append;
mod client;
mod connection;
mod connector;
mod error;
mod listing;
mod maintenance;
mod options;
mod pod;
mod read;
mod repair;
mod rewrite;
mod schema;
mod segment;
mod socket;
mod statement;
mod store;
mod tls;
mod url;
mod write;
mod writer;

pub use options::PostgresOptions;
pub use store::PostgresStore;
pub use url::{PostgresUrl, PostgresUrlError};
