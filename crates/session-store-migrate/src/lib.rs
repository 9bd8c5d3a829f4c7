//! The copy engine of session-store: moves sessions between any two stores and proves it.
//!
//! [`migrate()`] copies entries, empty segments, traces and pods, byte for byte and in order, and then reads
//! both stores back and compares them; [`verify()`] does the comparing alone. [`extend()`] is the step beneath:
//! it brings one segment up to a source of entries, wherever they come from.
//!
//! The rules, for each segment on its own:
//!
//! - The source is only read.
//! - A destination that is equal already is left alone; one that is a prefix of the source gets the rest;
//!   one that differs is a conflict, reported with the first difference, and nothing of it is overwritten.
//!   So a copy that was interrupted is resumed by starting it again, and starting it twice changes nothing.
//! - Every write to a log is conditional on the head that was compared (CONTRACT H2), so nobody else's
//!   entries are built upon unseen. A destination without [`Capability::ConditionalAppend`] is refused.
//! - What fails is reported with its segment and side, and the rest is done. What was copied of a segment
//!   that failed is a prefix of it.
//! - Memory holds a page of about 1 MiB or the largest entry, not a segment. (A store that keeps the
//!   provided body of [`read_page`] reads a whole log for each page.)
//!
//! Two things lie outside the contract's reach: a trace without a segment is listed nowhere and so not
//! found, and traces and pods have no head: two copies into one destination at the same moment could write
//! them twice, which the proof would find.
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
