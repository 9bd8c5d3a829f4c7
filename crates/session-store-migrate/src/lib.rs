//! The copy engine of session-store: moves sessions between any two stores and proves it.
//!
//! [`migrate()`] copies entries, empty segments, traces and pods, byte for byte and in order, opens both stores
//! anew and compares them; [`follow()`] goes on copying until it is told to stop; [`verify()`] does the comparing
//! alone. [`extend()`] is the step beneath: it brings one segment up to a source of entries, wherever they come
//! from. With the feature `backup`, the module of that name writes a store into one file, and back.
//!
//! The rules, for each segment on its own:
//!
//! - The source is only read.
//! - A destination that is equal already is left alone; one that is a prefix of the source gets the rest;
//!   one that differs is a conflict, reported with the first difference, and nothing of it is overwritten, nor
//!   the trace of the source's put beside it, unless [`OnConflict`] says so. So a copy that was interrupted is
//!   resumed by starting it again, and starting it twice changes nothing.
//! - Every write to a log is conditional on the head that was compared ([H2](session_store_core::contract#h2), [H6](session_store_core::contract#h6)), so nobody else's
//!   entries are built upon or cut unseen. A destination without [`Capability::ConditionalAppend`] is refused.
//!   A write whose outcome is unknown is settled by looking again (H5).
//! - A source that is written to is read until a page says that there is no more; one that is cut or replaced
//!   meanwhile is followed, as far as what the destination has of it was written by this run. [`Moved`] says
//!   what happened.
//! - What fails is reported with its segment and side, and the rest is done. What was copied of a segment
//!   that failed is a prefix of it. A store that fails on segment after segment is given up after a while.
//! - What a run wrote is synced, before the proof and again if the proof wrote, where the destination can do
//!   that; what an earlier run wrote that was killed is not.
//! - Equal means equal entry by entry. The report has the count, the bytes and the SHA-256 ([`Digest`]) of all
//!   that was compared.
//!
//! # Memory
//!
//! A run takes less than 64 MiB and four times the largest entry, however long a segment is and however many
//! are worked on at once: pages and batches are a share of a fixed budget, and an entry larger than a share is
//! read and held by one job at a time. On top of it comes about half a KiB for the report of each segment, and
//! what the stores themselves hold. (A store that keeps the provided body of [`read_page`] reads a whole log for
//! each page.) Before a run has seen the first pages, which tell how large entries are, jobs read one at a time;
//! so only large entries that come after many small ones, in several segments at once, are in memory together.
//!
//! # Beyond the contract's reach
//!
//! A trace without a segment is listed nowhere and so not found. Traces and pods have no head: two copies into
//! one destination at the same moment could write them twice, which the proof would find. A trace cannot be cut,
//! so one that differs stays a conflict whatever the options say.
//!
//! ```
//! use session_store_core::{LogEntry, SegmentId, SessionId, Store};
//! use session_store_memory::MemoryStore;
//! use session_store_migrate::{MigrateOptions, migrate};
//!
//! let (source, destination) = (MemoryStore::new(), MemoryStore::new());
//! source.append(SessionId::new(), SegmentId::new(), &LogEntry::from_json(r#"{"kind":"invoke"}"#)?)?;
//!
//! let options = MigrateOptions::default();
//! let report = migrate(|| Ok(&source), || Ok(&destination), &options, &mut |_| {})?;
//! assert!(report.is_complete());
//! assert_eq!(report.entries_copied(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Capability::ConditionalAppend`]: session_store_core::Capability::ConditionalAppend
//! [`read_page`]: session_store_core::Store::read_page

#[cfg(feature = "backup")]
pub mod backup;
mod compare;
mod copy;
mod digest;
mod entry;
mod error;
mod extend;
mod gate;
mod inventory;
mod jobs;
mod migrate;
mod options;
mod patience;
mod pods;
mod progress;
mod prove;
mod read;
mod run;
mod select;
mod side;
mod target;
mod text;
mod verify;

pub use compare::{Comparison, Difference};
pub use copy::{Moved, SegmentCopy};
pub use digest::Digest;
pub use error::{Failure, MigrateError};
pub use extend::{Extension, Stop, extend, extend_trace};
pub use migrate::{MigrateReport, Opened, follow, migrate};
pub use options::{DEFAULT_JOBS, MigrateOptions, OnConflict, VerifyOptions};
pub use pods::{PodComparison, PodCopy, PodOutcome};
pub use progress::{Phase, Progress};
pub use select::Selection;
pub use side::{Gap, Side};
pub use verify::{SegmentComparison, VerifyReport, verify};
