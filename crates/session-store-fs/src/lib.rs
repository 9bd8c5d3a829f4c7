//! session-store on a local file system: one JSONL file per segment.
//!
//! ```text
//! {root}/{session_id}/{segment_id}.jsonl          the log, an entry a line
//! {root}/{session_id}/{segment_id}.trace.jsonl    the trace
//! {root}/pods/{pod_name}/metadata.json            a pod
//! {root}/.session-store/                          format version, locks, epochs, hints, torn tails set aside
//! ```
//!
//! A directory in this layout that another program wrote opens as it is, and whatever reads JSONL reads
//! ours. Everything in `.session-store/` can be lost, while no handle is open, without losing an entry. Files
//! have mode 0600 and folders 0700. Another program may read alongside, and may write while no handle is
//! open, but not at the same time. The whole store must be on one local file system: network file systems do
//! not keep what the protocol needs of `flock(2)` and `O_APPEND`, and a new log is renamed into its folder.
//!
//! ```
//! use session_store_core::{LogEntry, SegmentId, SessionId, Store};
//! use session_store_fs::FsStore;
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("logs");
//! let store = FsStore::open_or_create(&path)?;
//! let (session, segment) = (SessionId::new(), SegmentId::new());
//! store.append(session, segment, &LogEntry::from_json(r#"{"kind":"invoke"}"#)?)?;
//!
//! let file = path.join(session.to_string()).join(format!("{segment}.jsonl"));
//! assert_eq!(std::fs::read_to_string(file)?, "{\"kind\":\"invoke\"}\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How an entry gets into the file
//!
//! An append locks its stripe (one of 256 lock files, and a mutex beside it for the threads that share the
//! handle), sees whether the stripe's generation or the file's length is another than it knew, writes the
//! line and its newline with one `write(2)`, and unlocks: five system calls. If the write comes out short,
//! the file is set back to where it was. The first entry is written to a temporary file that then gets the
//! log's name, so a crash leaves no empty log.
//!
//! # What a crash leaves
//!
//! A killed process can tear even a single write. The closing brace commits an entry and the newline only
//! separates: a last line without newline that is a whole object is an entry; a strict prefix of an object,
//! or a last line with NULs, is torn. Readers pass over a torn tail, and the next append moves it to
//! `.session-store/torn/` before it writes (R5). What is acknowledged survives the process; with
//! [`Durability::Power`](session_store_core::Durability::Power) a power cut too.
//!
//! # What a handle keeps
//!
//! A handle scans a log once and then knows its length, its number of entries, a mark for each 64 KiB, and
//! where the last page ended, so that counting, paging and truncating do not read it again. Any change but
//! an append first moves on the generation of its stripe, which is the length of the lock file, and what
//! cuts or replaces entries gives the segment a new random epoch; that tells every handle, here and in other
//! processes, to look again. The files of at most 64 stripes are open at a time, and of each stripe the 64
//! logs stay known that were used last.
//!
//! A session that was listed once is listed again by the name of its folder alone, until somebody deletes a
//! segment, which moves on the generation of deletions. A listing during which a log was replaced is made
//! again: some file systems show what is just renamed neither in its old place nor in its new one.

mod cache;
mod directory;
mod error;
mod file;
mod group_commit;
mod index;
mod layout;
mod listing;
mod lock_file;
mod log;
mod maintenance;
mod mutex;
mod options;
mod pod;
mod read;
mod segment;
mod sidecar;
mod store;
mod stripe;
mod sync;
mod tail;

pub use options::FsOptions;
pub use store::FsStore;
