//! A store in one file: [`export`] writes it, [`Backup::open`] reads it and refuses a damaged one, and
//! [`Backup::restore`] writes it into any store.
//!
//! The file is a tar archive compressed with zstd, and readable without this library: `tar --zstd -xf FILE`
//! gives the layout of the file backend, so that the folder opens as a store as it is, and
//! `sha256sum -c SHA256SUMS` checks it. In this order it holds
//!
//! - `README`, whose first line has the version of the format;
//! - `SESSION/SEGMENT.jsonl`, the log of a segment, an entry a line, and after it `SESSION/SEGMENT.trace.jsonl`
//!   if the segment has a trace; empty segments are empty files;
//! - `pods/FOLDER/metadata.json`, a pod. The folder is the pod's name, or a hash of it where the name is none
//!   for a folder; then a file `name` comes before;
//! - `manifest.jsonl`, which lists all logs, traces and pods with entries, bytes and SHA-256, and what could not
//!   be read;
//! - `SHA256SUMS`.
//!
//! The archive is compressed in frames of 4 MiB with a checksum each, which tell where a file is damaged. After
//! them comes a frame that decompressors skip: the SHA-256 of the file so far. So a file of which any byte was
//! changed, or that was cut off or has grown, is no backup.
//!
//! Both directions stream: memory holds a page of entries and a list of the parts, and logs of more than 8 MiB
//! go through a temporary file, as their size has to be known before their content.
//!
//! ```
//! use std::io::Cursor;
//!
//! use session_store_core::{LogEntry, SegmentId, SessionId, Store};
//! use session_store_memory::MemoryStore;
//! use session_store_migrate::Selection;
//! use session_store_migrate::backup::{Backup, export};
//!
//! let (source, destination) = (MemoryStore::new(), MemoryStore::new());
//! source.append(SessionId::new(), SegmentId::new(), &LogEntry::from_json(r#"{"kind":"invoke"}"#)?)?;
//!
//! let mut file = Vec::new();
//! let report = export(&source, &Selection::default(), &mut file, &mut |_| {})?;
//! assert!(report.is_complete());
//!
//! let mut backup = Backup::open(Cursor::new(file), &mut |_| {})?;
//! assert!(backup.restore(&destination, &mut |_| {})?.is_complete());
//! assert!(backup.prove(&destination, &mut |_| {}).is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod check;
mod digest;
mod error;
mod export;
mod file;
mod manifest;
mod prove;
mod read;
mod restore;
mod seal;
mod spool;
mod tar;
mod write;

pub use check::Backup;
pub use digest::Total;
pub use error::BackupError;
pub use export::{ExportReport, export};
pub use manifest::{Manifest, Member, Missing, Part};
pub use prove::{Found, Unproved};
pub use restore::{PartRestore, RestoreReport};
