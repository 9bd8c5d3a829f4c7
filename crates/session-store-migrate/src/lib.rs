//! The copy engine of session-store: copies sessions between any two stores and verifies the copy.
//!
//! [`Migration`] copies entries, empty segments, traces (the debug logs of segments) and pods
//! (named agents, each with a pointer to its active session). All data is copied byte for byte and
//! in order. A copy ends with a *proof*: both stores are read again, and every entry is compared. A
//! migration can also follow the changes of a source, or only compare two stores.
//!
//! [`extend()`] is the basic step of a copy. It compares one segment with an iterator of entries,
//! and appends the entries that the segment lacks. With the feature `backup`, the module `backup`
//! writes a store into one file and restores it.
//!
//! # Rules
//!
//! These rules hold for each segment on its own:
//!
//! - The source is only read.
//! - A segment that is already equal is not changed. If the destination has a prefix of the
//!   source's log, the missing entries are appended. So an interrupted copy is resumed by starting
//!   it again, and a second copy changes nothing.
//! - If the logs differ in any other way, the segment is in conflict. The report has the first
//!   difference. The segment is not changed and its trace is not copied. The option
//!   [`OnConflict::Replace`] changes this: the destination becomes equal to the source.
//! - Every write to a log is conditional on its *head*, a value that changes with every change of
//!   the log ([H2](session_store_core::contract#h2)). A write fails if the head has changed since
//!   the comparison. So if another writer has added entries that were not compared, the copy never
//!   appends after them and never truncates them. The destination must have
//!   [`Capability::ConditionalAppend`]. If the outcome of a write is unknown, the engine reads the
//!   log to find out ([H5](session_store_core::contract#h5)).
//! - Programs can write to the source during the copy. A log is read until a page reaches the
//!   current end of the log. If a log of the source is truncated or replaced during the run, the
//!   log of the destination is changed in the same way. Only entries that this run has written are
//!   changed. [`Moved`] counts these changes.
//! - A failure is reported with the segment and the side (source or destination). The other
//!   segments are copied. The copied part of a segment that failed is a prefix of the source's log.
//!   If a store fails on every segment for too long, the run aborts.
//! - With [`Migration::reopen`], the proof opens new handles, because the handles of the copy may
//!   return cached data.
//! - If the destination has [`Capability::DurableSync`], it is synced after the copy, and again if
//!   more entries were copied during the proof. Entries of an earlier, interrupted run are not
//!   synced.
//! - Two segments are equal if all entries are equal byte for byte. The report has the number of
//!   entries, their bytes and the SHA-256 ([`Digest`]) of everything that was compared.
//!
//! # Memory
//!
//! A run uses less than 64 MiB, plus four times the size of the largest entry. This limit does not
//! depend on the length of the segments, or on the number of jobs (threads that copy segments). The
//! pages and batches of all jobs share a fixed budget. Only one job at a time holds an entry that
//! is larger than the job's share. The report adds about half a KiB for each segment. The stores
//! themselves need more memory. A store that does not override [`read_page`] holds a whole log in
//! memory for each page.
//!
//! The size of an entry is known only after the entry was read. So only one job reads at a time
//! until many consecutive pages were small. After that, the jobs read in parallel. Several large
//! entries are then in memory together only if several jobs reach a large entry at the same time.
//!
//! # Limits
//!
//! - A trace without a segment is not listed by any store, so it is not copied. If the whole source
//!   is selected, the report has the findings of the source's own check. If a finding means that
//!   the copy lacks data, the copy is not complete.
//! - Traces have no head, so appends to them are not conditional. Two copies into one destination
//!   at the same time could write trace entries twice. The proof would find that.
//! - A trace cannot be truncated, so a trace that differs is a conflict with every option.
//!
//! ```
//! use session_store_core::{LogEntry, SegmentId, SessionId, StoreExt};
//! use session_store_memory::MemoryStore;
//! use session_store_migrate::Migration;
//!
//! let (source, destination) = (MemoryStore::new(), MemoryStore::new());
//! let segment = source.segment(SessionId::new(), SegmentId::new());
//! segment.append(&LogEntry::from_json(r#"{"kind":"invoke"}"#)?)?;
//!
//! let report = Migration::new(&source, &destination).run()?;
//! assert!(report.is_complete());
//! assert_eq!(report.entries_copied(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Capability::ConditionalAppend`]: session_store_core::Capability::ConditionalAppend
//! [`Capability::DurableSync`]: session_store_core::Capability::DurableSync
//! [`read_page`]: session_store_core::Store::read_page

#[cfg(feature = "backup")]
pub mod backup;
mod breaker;
mod compare;
mod comparison;
mod copy;
mod digest;
mod error;
mod extend;
mod inventory;
mod jobs;
mod json;
mod leftovers;
mod memory;
mod meter;
mod migration;
mod options;
mod pair;
mod pods;
mod problems;
mod progress;
mod prove;
mod read;
mod report;
mod run;
mod select;
mod side;
mod target;
mod verify;

pub use comparison::{Comparison, Difference, PodComparison, SegmentComparison, VerifyReport};
pub use digest::Digest;
pub use error::{Failure, MigrateError};
pub use extend::{Extension, Stop, extend, extend_trace, extend_trace_with, extend_with};
pub use migration::{Migration, Opened};
pub use options::{DEFAULT_JOBS, OnConflict, Options, WritePolicy};
pub use progress::{Phase, Progress};
pub use report::{MigrateReport, Moved, PodCopy, PodOutcome, SegmentCopy, Totals};
pub use select::Selection;
pub use side::{Gap, Side};
