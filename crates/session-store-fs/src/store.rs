//! `FsStore` as a `Store`: the lock that each method takes, and the steps under the lock.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use session_store_core::{
    Capabilities, Capability, Head, ListOptions, LogEntry, Maintenance, Page, PageRequest,
    PodStore, SegmentId, SegmentInfo, SegmentKey, SessionId, Store, StoreError, TraceEntry,
    TracePage,
};

use crate::cache::Cache;
use crate::directory::Directory;
use crate::layout::{Kind, stripe_of};
use crate::listing::{ListedSessions, list_consistent};
use crate::lock_file::{Guard, LockFile, read_consistent};
use crate::read::{Parse, Part, parse_matching};
use crate::segment::{Appended, Expected, Segment};
use crate::stripe::Stripes;

/// The capabilities of every handle.
const CAPABILITIES: Capabilities = Capabilities::NONE
    .with(Capability::ConditionalAppend)
    .with(Capability::ConditionalPut)
    .with(Capability::ReadTraces)
    .with(Capability::Delete)
    .with(Capability::DurableSync)
    .with(Capability::Epoch)
    .with(Capability::Persistent);

/// A handle on a directory of logs. The crate's documentation describes the directory.
///
/// A process that was made by `fork` must open the store again ([handles and
/// processes](session_store_core::Store#handles-and-processes)). The process shares the file locks
/// of its parent, so these locks do not exclude the two processes from each other.
///
/// A clone shares the handle: its caches and its locks.
#[derive(Clone)]
pub struct FsStore {
    pub(crate) directory: Arc<Directory>,
    // Lock order: the stripe of one segment (a group of segments that share a lock), then
    // `deletions` or `replacements`. No call locks two stripes, and a call that locks the pods
    // takes no other lock. All locks are exclusive, so two processes with different orders could
    // deadlock.
    pub(crate) stripes: Arc<Stripes>,
    deletions: Arc<LockFile<ListedSessions>>,
    pub(crate) replacements: Arc<LockFile<()>>,
    pub(crate) pod_lock: Arc<LockFile<()>>,
    warnings: Arc<[String]>,
}

impl FsStore {
    pub(crate) fn new(directory: Directory, warnings: Vec<String>) -> Self {
        let layout = &directory.layout;
        Self {
            stripes: Stripes::new(layout).into(),
            deletions: LockFile::new(layout.deletions()).into(),
            replacements: LockFile::new(layout.replacements()).into(),
            pod_lock: LockFile::new(layout.pod_lock()).into(),
            directory: directory.into(),
            warnings: warnings.into(),
        }
    }

    /// Returns the absolute path of the directory. A symbolic link in the path that was opened is
    /// resolved.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.directory.layout.root()
    }

    /// Returns the reasons why the file system of the store can lose data. The file system was
    /// examined when the store was opened.
    ///
    /// A warning names a network or FUSE file system, because the locks of such a file system are
    /// not reliable.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Locks the segment for a change.
    pub(crate) fn lock_write(&self, key: SegmentKey) -> Result<Segment<'_>, StoreError> {
        self.directory.prepare()?;
        Ok(self.segment(key, self.stripes.lock_write(key.segment_id)?))
    }

    /// Locks the segment to read it.
    pub(crate) fn lock_read(&self, key: SegmentKey) -> Result<Segment<'_>, StoreError> {
        Ok(self.segment(key, self.stripes.lock_read(key.segment_id)?))
    }

    pub(crate) fn segment<'a>(&'a self, key: SegmentKey, guard: Guard<'a, Cache>) -> Segment<'a> {
        Segment::new(&self.directory, key, guard, &self.stripes)
    }

    fn append_entries<'e>(
        &self,
        key: SegmentKey,
        kind: Kind,
        expected: Expected,
        entries: impl ExactSizeIterator<Item = &'e str> + Clone,
    ) -> Result<Head, StoreError> {
        let appended = match self.append_single(key, kind, expected, entries.clone())? {
            None => self.lock_write(key)?.append(kind, expected, entries)?,
            Some(appended) => appended,
        };
        let (head, written) = appended;
        // The lock is released here. So other writers can append during the wait, and share the
        // next sync.
        written.map_or(Ok(()), |written| written.wait(&self.directory.syncs))?;
        Ok(head)
    }

    /// Appends a single entry without the file lock. Returns `None` if the handle is not exclusive,
    /// or if more than this append is necessary.
    pub(crate) fn append_single<'e>(
        &self,
        key: SegmentKey,
        kind: Kind,
        expected: Expected,
        entries: impl ExactSizeIterator<Item = &'e str> + Clone,
    ) -> Result<Option<Appended>, StoreError> {
        // A batch needs the file lock, so that readers see the batch as a whole. A single entry
        // needs no file lock, because readers ignore a part of an entry.
        if !self.directory.is_exclusive || entries.len() != 1 {
            return Ok(None);
        }
        self.directory.syncs.check()?;
        let guard = self.stripes.lock_mutex(key.segment_id);
        self.segment(key, guard).append_to_ready(kind, expected, entries)
    }

    /// Reads a segment as [`read_consistent`] does, usually without blocking writers.
    pub(crate) fn read<'s, P, R>(
        &'s self,
        key: SegmentKey,
        begin: impl Fn(&mut Segment<'s>) -> Result<P, StoreError>,
        read: impl Fn(&P) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        let begin = || {
            let mut segment = self.lock_read(key)?;
            let part = begin(&mut segment)?;
            Ok((segment.into_guard(), part))
        };
        read_consistent(begin, read)
    }

    /// Returns the result of `read` for the part of a file from the start of a page on, or `None`
    /// if the file does not exist.
    fn read_part<R>(
        &self,
        key: SegmentKey,
        kind: Kind,
        request: PageRequest,
        read: impl Fn(&Part) -> Result<R, StoreError>,
    ) -> Result<Option<R>, StoreError> {
        self.read(
            key,
            |segment| segment.part(kind, request),
            |part| part.as_ref().map(&read).transpose(),
        )
    }

    /// Reads a page of the log. The head can be missing if the request does not need the head.
    fn read_log_page<T>(
        &self,
        key: SegmentKey,
        request: PageRequest,
        parse: Parse<'_, T>,
    ) -> Result<(Vec<T>, Option<Head>), StoreError> {
        let page = self.read_part(key, Kind::Log, request, |part| {
            Ok(match part.is_start {
                true => part.inner_entries(request.max_bytes, parse).map(|found| (found, None)),
                false => Some((part.entries(request.max_bytes, parse)?, Some(part.head))),
            })
        })?;
        match page.ok_or(StoreError::NotFound(key.segment_id))? {
            Some(page) => Ok(page),
            // The start of the log is not enough to find the page.
            None => self.read_log_page(key, request.with_head(true), parse),
        }
    }

    /// Returns the segments that the options select, in the order of the listings.
    pub(crate) fn keys(&self, options: &ListOptions) -> Result<Vec<SegmentKey>, StoreError> {
        list_consistent(&self.replacements, || self.directory.keys(options))
    }

    fn info(&self, key: SegmentKey) -> Result<Option<SegmentInfo>, StoreError> {
        self.read(key, Segment::info, |info| Ok(*info))
    }
}

impl fmt::Debug for FsStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FsStore")
            .field("root", &self.directory.layout.root())
            .finish_non_exhaustive()
    }
}

impl Store for FsStore {
    fn append(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entry: &LogEntry,
    ) -> Result<(), StoreError> {
        self.append_all(session_id, segment_id, std::slice::from_ref(entry))
    }

    fn read_all(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<Vec<LogEntry>, StoreError> {
        let key = SegmentKey::new(session_id, segment_id);
        let all = PageRequest::new(0, usize::MAX);
        let found = self.read_part(key, Kind::Log, all, Part::all_entries)?;
        found.ok_or(StoreError::NotFound(segment_id))
    }

    fn list_sessions(&self) -> Result<Vec<SessionId>, StoreError> {
        list_consistent(&self.replacements, || self.directory.sessions(&self.deletions))
    }

    fn list_segments(&self, session_id: SessionId) -> Result<Vec<SegmentId>, StoreError> {
        list_consistent(&self.replacements, || self.directory.segments(session_id))
    }

    fn lookup_session_of(&self, segment_id: SegmentId) -> Result<Option<SessionId>, StoreError> {
        self.directory.lookup(segment_id)
    }

    fn create_segment(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entries: &[LogEntry],
    ) -> Result<(), StoreError> {
        self.directory.prepare()?;
        // Write the file before taking the lock, so that other writers do not wait while a long log
        // is written.
        let file = self.directory.entries_file(entries.iter().map(LogEntry::as_json))?;
        self.lock_write(SegmentKey::new(session_id, segment_id))?.replace(file, &self.replacements)
    }

    fn exists(&self, session_id: SessionId, segment_id: SegmentId) -> Result<bool, StoreError> {
        self.directory.has_log(SegmentKey::new(session_id, segment_id))
    }

    fn read_entry_count(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<usize, StoreError> {
        let head = self.head(session_id, segment_id)?;
        head.map(|head| head.entries()).ok_or(StoreError::NotFound(segment_id))
    }

    fn append_trace(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entry: &TraceEntry,
    ) -> Result<(), StoreError> {
        let key = SegmentKey::new(session_id, segment_id);
        let entries = std::slice::from_ref(entry).iter().map(TraceEntry::as_json);
        self.append_entries(key, Kind::Trace, Expected::Any, entries).map(drop)
    }

    fn truncate(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entries_len: usize,
    ) -> Result<(), StoreError> {
        let mut segment = self.lock_write(SegmentKey::new(session_id, segment_id))?;
        segment.truncate(Expected::Any, entries_len).map(drop)
    }

    fn capabilities(&self) -> Capabilities {
        match self.directory.is_exclusive {
            true => CAPABILITIES,
            false => CAPABILITIES.with(Capability::MultiProcess),
        }
    }

    fn pods(&self) -> Option<&dyn PodStore> {
        Some(self)
    }

    fn maintenance(&self) -> Option<&dyn Maintenance> {
        Some(self)
    }

    fn append_all(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entries: &[LogEntry],
    ) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        let key = SegmentKey::new(session_id, segment_id);
        let entries = entries.iter().map(LogEntry::as_json);
        self.append_entries(key, Kind::Log, Expected::Any, entries).map(drop)
    }

    fn read_page(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        start: usize,
        max_bytes: usize,
    ) -> Result<Page, StoreError> {
        let key = SegmentKey::new(session_id, segment_id);
        let request = PageRequest::new(start, max_bytes);
        let page = self.read_part(key, Kind::Log, request, |part| {
            Ok(Page::new(part.entries(max_bytes, &LogEntry::from_block)?, part.head))
        })?;
        page.ok_or(StoreError::NotFound(segment_id))
    }

    fn read_page_with(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        request: PageRequest,
    ) -> Result<(Vec<LogEntry>, Option<Head>), StoreError> {
        let key = SegmentKey::new(session_id, segment_id);
        self.read_log_page(key, request, &LogEntry::from_block)
    }

    fn read_page_matching(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        request: PageRequest,
        matches: &dyn Fn(&str) -> bool,
    ) -> Result<(Vec<Option<LogEntry>>, Option<Head>), StoreError> {
        let key = SegmentKey::new(session_id, segment_id);
        self.read_log_page(key, request, &parse_matching(matches))
    }

    fn head(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<Option<Head>, StoreError> {
        let key = SegmentKey::new(session_id, segment_id);
        match self.stripes.cached_head(key, Instant::now()) {
            Some(head) => Ok(Some(head)),
            None => self.read(key, Segment::head, |head| Ok(*head)),
        }
    }

    fn segment_info(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<Option<SegmentInfo>, StoreError> {
        self.info(SegmentKey::new(session_id, segment_id))
    }

    fn list_infos(
        &self,
        options: &ListOptions,
    ) -> Result<Vec<(SegmentKey, SegmentInfo)>, StoreError> {
        let mut keys = self.keys(options)?;
        // Sort by stripe, because a handle keeps only some lock files open. In the order of the
        // listing, nearly every segment would close one lock file and open another.
        keys.sort_by_key(|key| stripe_of(key.segment_id));
        let mut infos = Vec::with_capacity(keys.len());
        for key in keys {
            // Leave out a segment that was deleted after the listing.
            infos.extend(self.info(key)?.map(|info| (key, info)));
        }
        infos.sort_unstable_by_key(|&(key, _)| Reverse(key));
        Ok(infos)
    }

    fn append_if(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        expected: Option<Head>,
        entries: &[LogEntry],
    ) -> Result<Head, StoreError> {
        let key = SegmentKey::new(session_id, segment_id);
        let entries = entries.iter().map(LogEntry::as_json);
        self.append_entries(key, Kind::Log, Expected::Head(expected), entries)
    }

    fn truncate_if(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        expected: Head,
        entries_len: usize,
    ) -> Result<Head, StoreError> {
        let mut segment = self.lock_write(SegmentKey::new(session_id, segment_id))?;
        segment.truncate(Expected::Head(Some(expected)), entries_len)
    }

    fn read_trace_page(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        start: usize,
        max_bytes: usize,
    ) -> Result<TracePage, StoreError> {
        let key = SegmentKey::new(session_id, segment_id);
        let read = |part: &Part| part.entries(max_bytes, &TraceEntry::from_block);
        let request = PageRequest::new(start, max_bytes);
        let entries = self.read_part(key, Kind::Trace, request, read)?;
        Ok(entries.map(TracePage::new).unwrap_or_default())
    }

    fn delete_segment(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<bool, StoreError> {
        self.lock_write(SegmentKey::new(session_id, segment_id))?.delete(&self.deletions)
    }

    fn delete_session(&self, session_id: SessionId) -> Result<bool, StoreError> {
        // After a deletion whose sync failed, the files are gone, but the deletion is not durable.
        // This check fails then, so that a repeated deletion does not return `Ok(false)`.
        self.directory.syncs.check()?;
        let files = list_consistent(&self.replacements, || self.directory.files(session_id))?;
        let segments: BTreeSet<_> = files.into_iter().map(|(id, _)| id).collect();
        let mut found = false;
        for segment_id in segments {
            found |= self.delete_segment(session_id, segment_id).map_err(|error| {
                let operation = || format!("delete all segments of session {session_id}");
                if found { StoreError::indeterminate(operation(), error) } else { error }
            })?;
        }
        Ok(found)
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.directory.syncs.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use session_store_core::{Durability, Pod, StoreExt};

    use super::*;
    use crate::FsOptions;

    #[test]
    fn after_a_failed_sync_a_deletion_fails_even_if_nothing_is_left_to_delete() {
        let folder = tempfile::tempdir().unwrap();
        let store = FsStore::open_or_create(folder.path()).unwrap();
        let (name, session_id) = ("pod".parse().unwrap(), SessionId::new());
        assert!(!store.delete_pod(&name).unwrap());
        assert!(!store.delete_session(session_id).unwrap());

        store
            .directory
            .syncs
            .run(folder.path(), || Err(std::io::Error::other("lost")))
            .unwrap_err();
        store.delete_pod(&name).unwrap_err();
        store.delete_session(session_id).unwrap_err();
        store.delete_segment(session_id, SegmentId::new()).unwrap_err();
    }

    #[rstest]
    fn a_sync_covers_what_the_handle_has_read(
        #[values(Durability::Process, Durability::Power)] durability: Durability,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (key, name) = (SegmentKey::new(SessionId::new(), SegmentId::new()), "pod");
        let other = FsStore::open_or_create(folder.path()).unwrap();
        other.at(key).append(&LogEntry::from_json("{}").unwrap()).unwrap();
        other.at(key).append_trace(&TraceEntry::from_json("{}").unwrap()).unwrap();
        other.put_pod(&name.parse().unwrap(), &Pod::new(key.session_id, None)).unwrap();

        let store = FsOptions::new().durability(durability).open(folder.path()).unwrap();
        let Directory { layout, syncs, .. } = &*store.directory;
        let root = layout.root().to_owned();
        assert!(syncs.recorded().is_empty());
        let read = || {
            store.at(key).read_all().unwrap();
            store.at(key).read_trace_page(0, usize::MAX).unwrap();
            store.read_pod(&name.parse().unwrap()).unwrap();
        };
        for round in 0..2 {
            read();
            let recorded = syncs.recorded();
            let is_recorded = |path: &Path| recorded.contains(&path.to_owned());
            for path in [Kind::Log, Kind::Trace].map(|kind| layout.file(key, kind)) {
                assert!(is_recorded(&path), "round {round}: {recorded:?}");
            }
            let pod = layout.pod(name);
            for path in [&pod.join("metadata.json"), &pod, &layout.pods(), &root] {
                assert!(is_recorded(path), "round {round}: {recorded:?}");
            }
            assert!(round > 0 || is_recorded(&layout.session(key.session_id)), "{recorded:?}");
            store.sync().unwrap();
            assert!(syncs.recorded().is_empty());
        }
    }
}
