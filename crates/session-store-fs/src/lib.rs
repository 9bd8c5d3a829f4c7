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
//! {root}/pods/~{uuid}/                            a pod that cannot have a folder of its name
//! {root}/.session-store/format                    the version of the format
//! {root}/.session-store/locks/                    lock files; the length of each counts changes
//! {root}/.session-store/locks/mode                the lock of the exclusive mode
//! {root}/.session-store/epochs/                   a random token and the last cut of each segment
//! {root}/.session-store/hints/                    the session of each segment id
//! {root}/.session-store/checkpoints/              the number of entries before an offset of a log
//! {root}/.session-store/torn/                     quarantined ends of logs
//! {root}/.session-store/tmp/                      files that do not have their names yet
//! ```
//!
//! Any program that reads JSONL can read the logs. A directory that another program wrote in this
//! layout can be opened as a store. Other programs can read the files at any time. They can write
//! the files only while no handle is open. A program that changes a log in place, without changing
//! its length, must also delete the file of the log in `checkpoints/`. A check reports a file in
//! `checkpoints/` that has wrong counts, and a repair deletes the file.
//!
//! Everything in `.session-store/` can be deleted while no handle is open. No entry is lost, and
//! the next change writes the missing files. The exception is a log whose truncation was
//! interrupted by a power cut. Until its next change, such a log needs its file in `epochs/`. Files
//! have mode 0600 and folders 0700.
//!
//! A pod has a folder `~{uuid}`, named by a hash, if the file system cannot hold the pod's name.
//! The pod also has such a folder if the file system takes the pod's name for the name of another
//! folder. Format version 1 used hashed folders for many more names, for example for every name
//! with an upper case letter. Pods in these folders can be read. The next put of such a pod moves
//! it to the folder of its name. If both folders hold a pod, the pod in the folder of the name
//! counts. A check then reports the hashed folder as a fault
//! ([P3](session_store_core::contract#p3)).
//!
//! The first put of a pod raises the format to version 2. Programs that only know version 1 then
//! cannot open the store. If a handle of such a program has already made changes, the handle
//! continues to work and finds the moved pods. While a pod is moved, such a handle can miss the
//! pod. If both folders hold a pod, such a handle uses the hashed folder.
//!
//! The whole store must be on one local file system. Network file systems do not provide the
//! `flock(2)` and `O_APPEND` that the protocol needs. [`FsStore::warnings`] reports a network or
//! FUSE file system. The store must not span several file systems, because a new log is written to
//! `.session-store/tmp/` and then renamed.
//!
//! # Links, devices and FIFOs
//!
//! The path of the root can contain symbolic links, which are resolved once, when the store is
//! opened. Below the root the store follows no link, because a link could lead to any file of the
//! user. Only regular files are read and written. A FIFO never blocks a call.
//!
//! A link in the place of a session, a log, a trace or a pod does not appear in listings
//! ([S9](session_store_core::contract#s9)). Calls that name it fail with
//! [`StoreError::Io`](session_store_core::StoreError::Io), and its target does not change. Deleting
//! a segment deletes a link in the place of its log, but not the target. A check reports links in
//! these places as faults. Replace such a link by its target.
//!
//! # How an entry is appended
//!
//! Each segment belongs to one of 256 stripes, by a hash of its id. A stripe has a lock file, and a
//! mutex for the threads that share a handle. An append makes five system calls:
//! 1. It locks the lock file.
//! 2. It reads the length of the lock file, which is the generation of the stripe.
//! 3. It reads the length of the log. If both lengths are equal to the cached lengths, the cache of
//!    the handle is up to date.
//! 4. It writes the line and its newline.
//! 5. It unlocks the lock file.
//!
//! If the write is incomplete, the file is set back to its former length. The first entry of a log
//! is written to a temporary file, which then gets the name of the log. A crash therefore never
//! leaves an empty log.
//!
//! # Exclusive mode
//!
//! With [`FsOptions::exclusive`], one handle and its clones make all changes
//! ([S11](session_store_core::contract#s11)). Other handles can read at any time. An append of a
//! single entry is then one `write(2)`. A reader that sees a part of this write treats the part as
//! a torn tail, and ignores it. Every other change still takes the file lock of the stripe, so
//! readers see a batch as a whole.
//!
//! The file `locks/mode` separates the two modes. An exclusive handle locks this file exclusively
//! when the handle is opened. Every other handle takes a shared lock of this file at its first
//! change, and then keeps the lock. If the lock is not free, the call fails at once with
//! [`ResourceBusy`](std::io::ErrorKind::ResourceBusy). The error contains the process id of the
//! exclusive handle. A handle that only reads does not lock the file.
//!
//! Versions of this crate before the exclusive mode, and other programs, do not lock this file.
//! They must not change a store while it is open exclusively. The exclusive handle notices lines of
//! another program within a second, and counts them from then on.
//!
//! # What a crash leaves
//!
//! A killed process can leave a part of a write. The closing brace commits an entry, and the
//! newline only separates two entries. A last line without a newline is
//! - an entry if the line is one whole object,
//! - *torn* if the line does not begin with a whole object,
//! - corrupt if the line has other text after a whole object.
//!
//! NULs in the last line, and all bytes after them, are torn.
//!
//! Readers ignore a torn tail. The next change of the log first moves the tail to
//! `.session-store/torn/` ([R5](session_store_core::contract#r5)).
//!
//! Acknowledged changes survive the process. With
//! [`Durability::Power`](session_store_core::Durability::Power) they survive a power cut, too.
//!
//! A power cut in the middle of a truncation can leave the old length of the log, and NULs after
//! the new end. The file in `epochs/` therefore contains the offset of the new end. If the log has
//! a NUL at this offset, readers stop there, and the next change finishes the truncation
//! ([T6](session_store_core::contract#t6)). With every durability, a truncation waits for two
//! syncs: of the offset before the cut, and of the log after the cut.
//!
//! # What a handle caches
//!
//! A handle scans a log once. Afterwards the handle knows the log's length, its number of entries,
//! and the offset of one line in every 64 KiB. The handle also knows the end of the last page.
//! Counting, paging and truncating then do not read the log again.
//!
//! The handle also remembers which lines a `read_all` has checked, up to an offset of the log. The
//! next `read_all` only splits these lines. All other reads check each line, so a check or a copy
//! finds a line that another program has changed in place
//! ([R8](session_store_core::contract#r8)).
//!
//! The first scan of a long log starts at a *checkpoint*, the offset of a line with the number of
//! entries before it. An append stores a checkpoint after each MiB. A checkpoint that does not fit
//! the log is ignored, and the next change deletes it. A truncation, and a page that starts before
//! the checkpoint, scan the whole log.
//!
//! The head and the number of entries are usually read without the lock, so that readers and
//! writers do not wait for each other. The handle reads the length of the log, and then the
//! generation. If both are equal to the cached values, the cached head is current. Otherwise the
//! handle takes the lock, because a writer may be in the middle of an append that fails.
//!
//! Every change that is not an append first advances the generation of the stripe. A change that
//! cuts or replaces entries also gives the segment a new *epoch*, a random number. By the
//! generation and the epoch, each handle of each process notices that its cache is stale.
//!
//! A handle uses an open log for at most one second, and then opens the path again. Another program
//! that moves or replaces a log does not advance the generation. Until the path is opened again,
//! appends of the handle go to the old file ([S8](session_store_core::contract#s8)). To edit a log
//! with another program, first stop the programs that append to it.
//!
//! At most 64 stripes have files open at a time. Every stripe caches the indexes of the 64 files
//! that were closed last.
//!
//! Once a handle has listed a session, the handle remembers that the session's folder holds a log.
//! The handle opens the folder again only after the deletion of any segment. Such a deletion
//! advances a counter, the generation of deletions.

#[cfg(not(unix))]
compile_error!(
    "session-store-fs needs Unix: flock(2), O_APPEND and O_NOFOLLOW; on other systems use the \
     feature `sqlite` of session-store without its default feature `fs`"
);

mod bad_lines;
mod cache;
mod cached_head;
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
mod mode_lock;
mod mutex;
mod no_links;
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
