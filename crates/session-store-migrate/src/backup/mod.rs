//! Backups. A backup is one file that contains a store. [`export`] writes the file, and
//! [`Backup::open`] checks it. A [`Backup`] is a read-only store. To restore a backup, run a
//! [`Migration`](crate::Migration) with the backup as the source.
//!
//! # Format
//!
//! A backup is a tar archive compressed with zstd. Other programs can read it:
//! `tar --zstd -xf FILE` unpacks it, and `sha256sum -c SHA256SUMS` checks the files. The files have
//! the layout of the file backend, so the unpacked folder is a store. The files are in this order:
//!
//! - `README`. Its first line contains the version of the format;
//! - `SESSION/SEGMENT.jsonl`, the log of a segment, one entry on each line, followed by
//!   `SESSION/SEGMENT.trace.jsonl` if the segment has a trace. The log of an empty segment is
//!   empty;
//! - `pods/FOLDER/metadata.json`, a pod (a named agent). The name of the folder is usually the name
//!   of the pod. It is a hash if some file system does not permit the pod's name as a file name, or
//!   does not distinguish the pod's name from another name. The folder then also has a file `name`,
//!   which contains the pod's name;
//! - `damaged/SESSION/SEGMENT.jsonl`, an unchanged copy of the file of a log that could not be
//!   read;
//! - `manifest.jsonl`. It lists all parts, each with its entry count, size and SHA-256. It also
//!   lists the parts that could not be read;
//! - `SHA256SUMS`, the SHA-256 of every other file.
//!
//! The archive is compressed in frames of 4 MiB. Each frame has a checksum, which shows where a
//! file is damaged. The last frame is a skippable frame, which every decompressor ignores. It
//! contains the SHA-256 of all bytes before the frame. So a backup with any changed, missing or
//! additional byte is refused.
//!
//! A tar archive contains the size of a file before the content of the file. So an export first
//! collects each log: up to 8 MiB in memory, and a larger log in a temporary file. Apart from that,
//! an export holds one page of entries and a list of the parts in memory.
//!
//! # Restoring
//!
//! The [rules](crate#rules) of a migration apply. An interrupted restore is resumed by starting it
//! again, and conflicts are reported. The backup's own check names the parts that could not be
//! exported. If the whole backup is restored,
//! [`MigrateReport::findings`](crate::MigrateReport::findings) contains them, and the restore is
//! not complete.
//!
//! ```
//! use std::io::Cursor;
//!
//! use session_store_core::{LogEntry, SegmentId, SessionId, StoreExt};
//! use session_store_memory::MemoryStore;
//! use session_store_migrate::backup::{Backup, export};
//! use session_store_migrate::{Migration, Selection};
//!
//! let (source, destination) = (MemoryStore::new(), MemoryStore::new());
//! let segment = source.segment(SessionId::new(), SegmentId::new());
//! segment.append(&LogEntry::from_json(r#"{"kind":"invoke"}"#)?)?;
//!
//! let mut file = Vec::new();
//! let report = export(&source, &Selection::default(), &mut file, &mut |_| {})?;
//! assert!(report.is_complete());
//!
//! let backup = Backup::open(Cursor::new(file), &mut |_| {})?;
//! assert!(Migration::new(backup, &destination).run()?.is_complete());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod check;
mod error;
mod export;
mod file;
mod frame_reader;
mod frame_writer;
mod manifest;
mod open;
mod read;
mod resume;
mod spool;
mod store;
mod tar;
mod total;
mod write;

pub use error::BackupError;
pub use export::{ExportReport, export};
pub use manifest::{Manifest, Member, Missing, Part};
pub use open::{Backup, DEFAULT_MAX_LINE, is_compressed};
pub use total::Total;
