//! A session store on a local file system: one JSONL file per segment.
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
//! # Files
//!
//! ```text
//! {root}/{session_id}/{segment_id}.jsonl          the log, one entry per line
//! {root}/{session_id}/{segment_id}.trace.jsonl    the trace
//! {root}/pods/{pod_name}/metadata.json            a pod, a named agent
//! {root}/pods/~{uuid}/                            a pod whose name its folder cannot have
//! {root}/.session-store/format                    the version of the format
//! {root}/.session-store/locks/                    lock files; the length of each counts changes
//! {root}/.session-store/epochs/                   a random token and the last cut of each segment
//! {root}/.session-store/hints/                    the session of each segment id
//! {root}/.session-store/torn/                     quarantined ends of logs
//! {root}/.session-store/tmp/                      files that do not have their names yet
//! ```
//!
//! Any program that reads JSONL can read the logs. A directory that another program wrote in this
//! layout opens as it is. Another program can read the files at any time. It can write them only
//! while no handle is open.
//!
//! Everything in `.session-store/` can be deleted while no handle is open. No entry is lost, and
//! the next change writes what is missing. The exception is the time after a power cut: a log whose
//! truncation was interrupted needs its file in `epochs/` until its next change. Files have mode
//! 0600 and folders 0700.
//!
//! A pod has a folder `~{uuid}`, named by a hash, if the file system cannot hold the pod's name or
//! takes it for the name of another folder. Format version 1 used that form for every name with,
//! for example, an upper case letter. Such pods are read, and the next put of a pod moves it to the
//! folder of its name. If both folders hold a pod, the one with the name counts, and a check
//! reports the other one as a fault ([P3](session_store_core::contract#p3)).
//!
//! The first put of a pod raises the format to version 2. Programs that know version 1 only can
//! then not open the store. A handle of such a program that has already made changes stays open and
//! finds the moved pods. During the move it can miss a pod, and of two folders it uses the hashed
//! one.
//!
//! The whole store must be on one local file system. Network file systems do not provide the
//! `flock(2)` and `O_APPEND` that the protocol needs. [`FsStore::warnings`] reports a network or
//! FUSE file system. A new log is written elsewhere and renamed into its folder, which works only
//! within one file system.
//!
//! # Links, devices and FIFOs
//!
//! The path of the root can contain symbolic links, which are resolved once, when the store is
//! opened. Below the root the store follows no link: one could lead to any file of the user. Only
//! regular files are read and written. A FIFO never blocks a call.
//!
//! A link in the place of a session, a log, a trace or a pod does not appear in listings
//! ([S9](session_store_core::contract#s9)). Calls that name it fail with
//! [`StoreError::Io`](session_store_core::StoreError::Io), and its target does not change. Deleting
//! a segment deletes a link in the place of its log, but not the target. A check reports links of
//! sessions, logs, traces and pods as faults. Replace such a link by its target.
//!
//! # How an entry is appended
//!
//! Each segment belongs to one of 256 stripes. A stripe has a lock file, and a mutex for the
//! threads that share a handle. An append makes five system calls:
//! 1. It locks the lock file.
//! 2. It reads the length of the lock file, which is the generation of the stripe.
//! 3. It reads the length of the log. If both lengths are the ones that the handle
//!    remembers, its cache is up to date.
//! 4. It writes the line and its newline.
//! 5. It unlocks the lock file.
//!
//! If the write is incomplete, the file is set back to its former length. The first entry of a log
//! is written to a temporary file, which then gets the name of the log. A crash therefore never
//! leaves an empty log.
//!
//! # What a crash leaves
//!
//! A killed process can leave a part of a write. The closing brace commits an entry, and the
//! newline only separates it from the next one. So a last line without a newline is an entry if it
//! is a whole object. It is *torn* if it does not begin with a whole object. A last line with more
//! text after a whole object is neither: it is corrupt. NULs in the last line, and all bytes after
//! them, are torn.
//!
//! Readers ignore a torn tail. The next change of the log first moves the tail to
//! `.session-store/torn/` ([R5](session_store_core::contract#r5)).
//!
//! Acknowledged changes survive the process. With
//! [`Durability::Power`](session_store_core::Durability::Power) they survive a power cut, too.
//!
//! A power cut in the middle of a truncation can leave the old length of the log, and NULs from the
//! cut on. The file in `epochs/` has the offset of the cut, which is synced before the cut begins.
//! Readers end such a log there, and its next change finishes the cut
//! ([T6](session_store_core::contract#t6)). A truncation therefore always waits for two syncs, of
//! the offset and of the log, whatever the durability.
//!
//! # What a handle caches
//!
//! A handle scans a log once. Afterwards it knows the log's length, its number of entries, the
//! place of one line in every 64 KiB, and where the last page ended. Counting, paging and
//! truncating then do not read the log again.
//!
//! Every change that is not an append first advances the generation of the stripe. A change that
//! cuts or replaces entries also gives the segment a new random epoch. Both tell all handles, in
//! this process and in others, that their caches are stale.
//!
//! At most 64 stripes have files open at a time. Every stripe keeps facts about the 64 logs that
//! were used last.
//!
//! Once a handle has listed a session, it remembers that the session's folder holds a log. It does
//! not open the folder again until a segment is deleted, which advances the generation of
//! deletions.

mod bad_lines;
mod cache;
mod directory;
mod error;
mod file;
mod file_system;
mod group_commit;
mod index;
mod layout;
mod listing;
mod lock_file;
mod log;
mod maintenance;
mod mutex;
mod open;
mod options;
mod pod;
mod read;
mod searches;
mod segment;
mod sidecar;
mod store;
mod stripe;
mod sync;
mod tail;

pub use options::FsOptions;
pub use store::FsStore;
