//! The copy engine of session-store: moves sessions between any two stores and proves the copy.
//!
//! [`Migration`] copies entries, empty segments, traces and pods, byte for byte and in order, and
//! then compares both stores. It can also follow the changes of a source, or only compare.
//! [`extend()`] is the step beneath: it appends to one segment the entries that it lacks, from any
//! source of entries. With the feature `backup`, the module of that name writes a store into one
//! file and restores it.
//!
//! # Rules
//!
//! These rules hold for each segment on its own:
//!
//! - The source is only read.
//! - A segment that is already equal is not changed. If the destination has a prefix of the
//!   source's log, the missing entries are appended. So an interrupted copy is resumed by starting
//!   it again, and a second copy changes nothing.
//! - If the logs differ, the segment is in conflict. The report has the first difference. The
//!   segment is not changed and its trace is not copied, unless [`OnConflict`] says otherwise.
//! - Every write to a log is conditional on the head that was compared
//!   ([H2](session_store_core::contract#h2)). A copy never appends to the entries of another
//!   writer, and never truncates them. The destination must have [`Capability::ConditionalAppend`].
//!   If the outcome of a write is unknown, the engine reads the log to find out
//!   ([H5](session_store_core::contract#h5)).
//! - A source that is written to during the copy is read until a page contains its end. If the
//!   source is truncated or replaced meanwhile, the destination is changed in the same way, but
//!   only in entries that this run has written. [`Moved`] counts these changes.
//! - A failure is reported with the segment and the side, and the other segments are copied. The
//!   copied part of a segment that failed is a prefix of the source's log. If a store fails on
//!   every segment for too long, the run aborts.
//! - The proof reads both stores again and compares every copied entry, with handles of its own
//!   after [`Migration::reopen`].
//! - The destination is synced after the copy, and again if the proof writes, if it has
//!   [`Capability::DurableSync`]. Entries that an earlier, interrupted run wrote are not synced.
//! - Two segments are equal if all entries are equal byte for byte. The report has the number of
//!   entries, their bytes and the SHA-256 ([`Digest`]) of everything that was compared.
//!
//! # Memory
//!
//! A run uses less than 64 MiB and four times the size of the largest entry. The length of the
//! segments and the number of jobs do not matter. Pages and batches share a fixed budget, and only
//! one job at a time holds an entry that is larger than its share. The report adds about half a KiB
//! for each segment. The stores need memory of their own; one with the provided body of
//! [`read_page`] reads a whole log for each page.
//!
//! Before the first pages show how large entries are, jobs read one at a time. So several large
//! entries are in memory together only if they follow many small ones, in several segments at once.
//!
//! # Limits
//!
//! - A trace without a segment is not listed by any store, so it is not copied.
//! - Traces have no head. Two copies into one destination at the same time could write a trace
//!   twice. The proof would find that.
//! - A trace cannot be truncated, so a trace that differs stays a conflict with every option.
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
pub use extend::{Extension, Stop, extend, extend_trace};
pub use migration::{Migration, Opened};
pub use options::{DEFAULT_JOBS, OnConflict, Options};
pub use progress::{Phase, Progress};
pub use report::{MigrateReport, Moved, PodCopy, PodOutcome, SegmentCopy, Totals};
pub use select::Selection;
pub use side::{Gap, Side};
