//! The `Store` trait over the directory: which lock each call takes, and what it does under it.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use session_store_core::{
    Capabilities, Capability, Head, LogEntry, Page, PodStore, SegmentId, SessionId, Store,
    StoreError, TraceEntry, TracePage,
};

use crate::FsOptions;
use crate::layout::{Key, Kind, Layout, stripe_of};
use crate::listing::{Listed, while_none_is_replaced};
use crate::log::Log;
use crate::read::{Entry, Part};
use crate::segment::{Kept, Segment};
use crate::stripe::{Stripe, Stripes};
use crate::sync::Written;

const CAPABILITIES: Capabilities = Capabilities::NONE
    .with(Capability::ConditionalAppend)
    .with(Capability::ReadTraces)
    .with(Capability::Delete)
    .with(Capability::DurableSync)
    .with(Capability::Epoch)
    .with(Capability::Persistent)
    .with(Capability::MultiProcess);

/// How often a read is tried without a lock before it keeps the lock.
const TRIES_WITHOUT_LOCK: usize = 2;

/// A handle on a directory of logs; see the crate's documentation for the layout.
pub struct FsStore {
    layout: Layout,
    stripes: Stripes<Kept>,
    deletions: Stripe<Listed>,
    replacements: Stripe<()>,
    pods: Stripe<()>,
    prepared: OnceLock<()>,
}

impl FsStore {
    /// Opens a directory that exists; creates nothing. Any directory will do: one in this layout that
    /// another program wrote, too.
    ///
    /// # Errors
    /// As [`FsOptions::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        FsOptions::new().open(path)
    }

    /// Opens a directory, making it if it is missing.
    ///
    /// # Errors
    /// As [`FsOptions::open`].
    pub fn open_or_create(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        FsOptions::new().create(true).open(path)
    }

    pub(crate) fn over(layout: Layout) -> Self {
        let stripes = Stripes::new(&layout);
        let deletions = Stripe::new(layout.deletions());
        let replacements = Stripe::new(layout.replacements());
        let pods = Stripe::new(layout.pod_lock());
        Self { layout, stripes, deletions, replacements, pods, prepared: OnceLock::new() }
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn pod_lock(&self) -> &Stripe<()> {
        &self.pods
    }

    /// Makes what changes need, once.
    pub(crate) fn prepare(&self) -> Result<(), StoreError> {
        self.layout.syncs.check()?;
        if self.prepared.get().is_none() {
            self.layout.prepare()?;
            self.prepared.get_or_init(|| ());
        }
        Ok(())
    }

    /// The segment with everybody else kept out.
    fn change(&self, key: Key) -> Result<Segment<'_>, StoreError> {
        self.prepare()?;
        Ok(Segment::new(&self.layout, key, self.stripes.exclusive(stripe_of(key.1))?))
    }

    /// The segment to look at.
    fn look(&self, key: Key) -> Result<Segment<'_>, StoreError> {
        Ok(Segment::new(&self.layout, key, self.stripes.existing(stripe_of(key.1))?))
    }

    /// Waits for an append to be durable, where that was asked for.
    fn acknowledge(&self, written: Option<Written>) -> Result<(), StoreError> {
        written.map_or(Ok(()), |written| written.wait(&self.layout.syncs))
    }

    /// Reads a part of a file, chosen by `part` under the lock, without holding up writers: if something
    /// was cut meanwhile, what was read may be a mix, and is read again.
    fn read<T>(
        &self,
        key: Key,
        kind: Kind,
        first: usize,
        entries: impl Fn(&Part) -> Result<T, StoreError>,
    ) -> Result<Option<(T, Head)>, StoreError> {
        let mut tries = 0;
        loop {
            let mut segment = self.look(key)?;
            let generation = segment.generation();
            let Some(log) = segment.open(kind)? else { return Ok(None) };
            let (part, head) = (part_from(&log, first), log.head());
            segment.keep(kind, log);
            let held = (tries == TRIES_WITHOUT_LOCK && generation.is_locked()).then_some(segment);
            let result = entries(&part);
            if held.is_some() || self.stripes.still(stripe_of(key.1), generation)? {
                return result.map(|entries| Some((entries, head)));
            }
            tries = TRIES_WITHOUT_LOCK.min(tries + 1);
        }
    }

    fn read_entries<T: Entry>(
        &self,
        key: Key,
        kind: Kind,
        first: usize,
        max_bytes: usize,
    ) -> Result<Option<(Vec<T>, Head)>, StoreError> {
        self.read(key, kind, first, |part| part.entries(first, max_bytes))
    }

    fn head_of(&self, key: Key) -> Result<Option<Head>, StoreError> {
        let found = self.read(key, Kind::Log, 0, |_| Ok(()))?;
        Ok(found.map(|((), head)| head))
    }
}

fn part_from(log: &Log, first: usize) -> Part {
    Part {
        path: Arc::clone(log.path()),
        file: Arc::clone(log.file()),
        start: log.index().mark_before(first),
        end: log.index().readable(),
        bookmark: log.index().bookmark().clone(),
    }
}

/// A session of which some segments are gone is not as it was.
fn half_deleted(session_id: SessionId, found: bool, error: StoreError) -> StoreError {
    if !found {
        return error;
    }
    let operation = format!("delete all segments of session {session_id}");
    StoreError::Indeterminate { operation, source: error.into() }
}

impl fmt::Debug for FsStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FsStore").field("root", &self.layout.root()).finish_non_exhaustive()
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
        self.read_page(session_id, segment_id, 0, usize::MAX).map(|page| page.entries)
    }

    fn list_sessions(&self) -> Result<Vec<SessionId>, StoreError> {
        while_none_is_replaced(&self.replacements, || self.layout.sessions(&self.deletions))
    }

    fn list_segments(&self, session_id: SessionId) -> Result<Vec<SegmentId>, StoreError> {
        while_none_is_replaced(&self.replacements, || self.layout.segments(session_id))
    }

    fn lookup_session_of(&self, segment_id: SegmentId) -> Result<Option<SessionId>, StoreError> {
        self.layout.lookup(segment_id)
    }

    fn create_segment(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entries: &[LogEntry],
    ) -> Result<(), StoreError> {
        self.prepare()?;
        let file = self.layout.entries_file(entries.iter().map(LogEntry::as_json))?;
        self.change((session_id, segment_id))?.replace(file, &self.replacements)
    }

    fn exists(&self, session_id: SessionId, segment_id: SegmentId) -> Result<bool, StoreError> {
        self.layout.has_log((session_id, segment_id))
    }

    fn read_entry_count(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<usize, StoreError> {
        let head = self.head_of((session_id, segment_id))?;
        head.map(|head| head.entries()).ok_or(StoreError::NotFound(segment_id))
    }

    fn append_trace(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entry: &TraceEntry,
    ) -> Result<(), StoreError> {
        let entry = std::iter::once(entry.as_json());
        let written = self.change((session_id, segment_id))?.append(Kind::Trace, entry)?;
        self.acknowledge(written)
    }

    fn truncate(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entries_len: usize,
    ) -> Result<(), StoreError> {
        self.change((session_id, segment_id))?.truncate(None, entries_len).map(drop)
    }

    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    fn pods(&self) -> Option<&dyn PodStore> {
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
        let entries = entries.iter().map(LogEntry::as_json);
        let written = self.change((session_id, segment_id))?.append(Kind::Log, entries)?;
        self.acknowledge(written)
    }

    fn read_page(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        start: usize,
        max_bytes: usize,
    ) -> Result<Page, StoreError> {
        let page = self.read_entries((session_id, segment_id), Kind::Log, start, max_bytes)?;
        page.map(|(entries, head)| Page::new(entries, head)).ok_or(StoreError::NotFound(segment_id))
    }

    fn head(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<Option<Head>, StoreError> {
        self.head_of((session_id, segment_id))
    }

    fn append_if(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        expected: Option<Head>,
        entries: &[LogEntry],
    ) -> Result<Head, StoreError> {
        let entries = entries.iter().map(LogEntry::as_json);
        let (head, written) =
            self.change((session_id, segment_id))?.append_if(expected, entries)?;
        self.acknowledge(written)?;
        Ok(head)
    }

    fn truncate_if(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        expected: Head,
        entries_len: usize,
    ) -> Result<Head, StoreError> {
        self.change((session_id, segment_id))?.truncate(Some(expected), entries_len)
    }

    fn read_trace_page(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        start: usize,
        max_bytes: usize,
    ) -> Result<TracePage, StoreError> {
        let page = self.read_entries((session_id, segment_id), Kind::Trace, start, max_bytes)?;
        Ok(page.map(|(entries, _)| TracePage::new(entries)).unwrap_or_default())
    }

    fn delete_segment(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<bool, StoreError> {
        self.change((session_id, segment_id))?.delete(&self.deletions)
    }

    fn delete_session(&self, session_id: SessionId) -> Result<bool, StoreError> {
        let mut found = false;
        let files = while_none_is_replaced(&self.replacements, || self.layout.files(session_id))?;
        let segments: BTreeSet<_> = files.into_iter().map(|(id, _)| id).collect();
        for segment_id in segments {
            let deleted = self.delete_segment(session_id, segment_id);
            found |= deleted.map_err(|error| half_deleted(session_id, found, error))?;
        }
        Ok(found)
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.layout.syncs.all()
    }
}
