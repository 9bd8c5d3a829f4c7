//! Stores that must pass: the reference backend, a store with only the required methods, and
//! unusual stores that the contract allows.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use session_store_conformance::run_all;
use session_store_core::{
    Capabilities, Capability, Head, ListOptions, LogEntry, Page, Pod, PodName, SegmentId,
    SegmentInfo, SegmentKey, SessionId, Store, StoreError, StoreExt, TraceEntry,
};
use uuid::Uuid;

use crate::variant::{
    Inner, Result, Variant, for_each_handle, memory, over_memory, shared, unsupported,
};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn the_reference_backend_passes() {
    let report = run_all(memory, "");
    assert!(report.is_success(), "{report}");
}

/// A store with the nine required methods and no others.
#[derive(Default)]
struct NineMethods(Mutex<Logs>);

#[derive(Default)]
struct Logs {
    entries: BTreeMap<SegmentKey, Vec<LogEntry>>,
    first_holder: BTreeMap<SegmentId, SessionId>,
}

impl Logs {
    fn log(&mut self, key: SegmentKey) -> &mut Vec<LogEntry> {
        self.first_holder.entry(key.segment_id).or_insert(key.session_id);
        self.entries.entry(key).or_default()
    }
}

impl Store for NineMethods {
    fn append(&self, s: SessionId, g: SegmentId, entry: &LogEntry) -> Result<()> {
        lock(&self.0).log(SegmentKey::new(s, g)).push(entry.clone());
        Ok(())
    }

    fn read_all(&self, s: SessionId, g: SegmentId) -> Result<Vec<LogEntry>> {
        let logs = lock(&self.0);
        logs.entries.get(&SegmentKey::new(s, g)).cloned().ok_or(StoreError::NotFound(g))
    }

    fn list_sessions(&self) -> Result<Vec<SessionId>> {
        let logs = lock(&self.0);
        let mut sessions: Vec<_> = logs.entries.keys().rev().map(|key| key.session_id).collect();
        sessions.dedup();
        Ok(sessions)
    }

    fn list_segments(&self, s: SessionId) -> Result<Vec<SegmentId>> {
        let logs = lock(&self.0);
        let own = logs.entries.keys().rev().filter(|key| key.session_id == s);
        Ok(own.map(|key| key.segment_id).collect())
    }

    fn lookup_session_of(&self, g: SegmentId) -> Result<Option<SessionId>> {
        Ok(lock(&self.0).first_holder.get(&g).copied())
    }

    fn create_segment(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
        *lock(&self.0).log(SegmentKey::new(s, g)) = entries.to_vec();
        Ok(())
    }

    fn exists(&self, s: SessionId, g: SegmentId) -> Result<bool> {
        Ok(lock(&self.0).entries.contains_key(&SegmentKey::new(s, g)))
    }

    fn read_entry_count(&self, s: SessionId, g: SegmentId) -> Result<usize> {
        self.read_all(s, g).map(|entries| entries.len())
    }

    fn append_trace(&self, _: SessionId, _: SegmentId, _: &TraceEntry) -> Result<()> {
        Ok(())
    }
}

#[test]
fn a_store_with_only_the_required_methods_passes() {
    let harness = || {
        let store = Arc::new(NineMethods::default());
        move || Arc::clone(&store)
    };
    let report = run_all(harness, "");
    assert!(report.is_success(), "{report}");
    let operations = ["h2_one_writer_wins", "d1_a_deleted_session_is_gone", "x3_traces_by_page"];
    let not_run: Vec<_> = report.not_run().collect();
    let run = operations.iter().all(|id| !not_run.contains(id));
    assert!(run, "checks of operations must run and require Unsupported: {not_run:?}");
}

/// A store without epochs, whose head has a new token after each append. A server that can lose
/// acknowledged entries needs such heads.
struct HeadsOfTheLastEntry {
    inner: Arc<Inner>,
}

impl HeadsOfTheLastEntry {
    fn widened(head: Head) -> Head {
        Head::new(head.entries(), head.entries() as u128)
    }
}

impl Variant for HeadsOfTheLastEntry {
    over_memory! {}

    fn capabilities(&self) -> Capabilities {
        Capabilities::NONE.with(Capability::ReadTraces).with(Capability::Persistent)
    }

    fn head(&self, s: SessionId, g: SegmentId) -> Result<Option<Head>> {
        Ok(self.inner.head(s, g)?.map(Self::widened))
    }

    fn segment_info(&self, s: SessionId, g: SegmentId) -> Result<Option<SegmentInfo>> {
        let mut info = self.inner.segment_info(s, g)?;
        info.iter_mut().for_each(|info| info.head = Self::widened(info.head));
        Ok(info)
    }

    fn list_infos(&self, options: &ListOptions) -> Result<Vec<(SegmentKey, SegmentInfo)>> {
        let mut infos = self.inner.list_infos(options)?;
        infos.iter_mut().for_each(|(_, info)| info.head = Self::widened(info.head));
        Ok(infos)
    }

    fn read_page(&self, s: SessionId, g: SegmentId, start: usize, bytes: usize) -> Result<Page> {
        let page = self.inner.read_page(s, g, start, bytes)?;
        Ok(Page::new(page.entries, Self::widened(page.head)))
    }

    fn append_if(
        &self,
        _: SessionId,
        _: SegmentId,
        _: Option<Head>,
        _: &[LogEntry],
    ) -> Result<Head> {
        unsupported("append_if", Capability::ConditionalAppend)
    }

    fn truncate_if(&self, _: SessionId, _: SegmentId, _: Head, _: usize) -> Result<Head> {
        unsupported("truncate_if", Capability::ConditionalAppend)
    }

    fn delete_segment(&self, _: SessionId, _: SegmentId) -> Result<bool> {
        unsupported("delete_segment", Capability::Delete)
    }

    fn delete_session(&self, _: SessionId) -> Result<bool> {
        unsupported("delete_session", Capability::Delete)
    }

    fn put_pod_if(&self, _: &PodName, _: Option<&Pod>, _: &Pod) -> Result<()> {
        unsupported("put_pod_if", Capability::ConditionalPut)
    }
}

#[test]
fn a_store_without_epochs_and_conditions_passes() {
    let report = run_all(shared::<HeadsOfTheLastEntry>, "");
    assert!(report.is_success(), "{report}");
}

/// A store that refuses entries over a megabyte and keeps no pods.
struct Small {
    inner: Arc<Inner>,
}

impl Small {
    fn check(entries: &[LogEntry]) -> Result<()> {
        let (limit, largest) = (1 << 20, entries.iter().map(|entry| entry.as_json().len()).max());
        match largest.map(|size| size as u64) {
            Some(size) if size > limit => Err(StoreError::TooLarge { size, limit }),
            _ => Ok(()),
        }
    }
}

impl Variant for Small {
    over_memory! {}

    fn append(&self, s: SessionId, g: SegmentId, entry: &LogEntry) -> Result<()> {
        Self::check(std::slice::from_ref(entry))?;
        self.inner.append(s, g, entry)
    }

    fn append_all(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
        Self::check(entries)?;
        self.inner.append_all(s, g, entries)
    }

    fn create_segment(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
        Self::check(entries)?;
        self.inner.create_segment(s, g, entries)
    }

    fn append_if(
        &self,
        s: SessionId,
        g: SegmentId,
        expected: Option<Head>,
        entries: &[LogEntry],
    ) -> Result<Head> {
        Self::check(entries)?;
        self.inner.append_if(s, g, expected, entries)
    }

    fn keeps_pods(&self) -> bool {
        false
    }

    fn capabilities(&self) -> Capabilities {
        let has = |&capability: &Capability| capability != Capability::ConditionalPut;
        self.inner.declared().iter().filter(has).collect()
    }
}

#[test]
fn a_store_with_a_size_limit_and_without_pods_passes() {
    let report = run_all(shared::<Small>, "");
    assert!(report.is_success(), "{report}");
    assert!(report.not_run().any(|id| id == "p3_names_never_alias"), "{report}");
}

/// A store that pauses in its calls, so that calls of several threads overlap.
struct Slow {
    inner: Arc<Inner>,
}

impl Variant for Slow {
    over_memory! {}

    fn append(&self, s: SessionId, g: SegmentId, entry: &LogEntry) -> Result<()> {
        self.inner.wait_for_another_call();
        self.inner.append(s, g, entry)
    }

    fn create_segment(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
        self.inner.wait_for_another_call();
        self.inner.create_segment(s, g, entries)
    }

    fn read_page(&self, s: SessionId, g: SegmentId, start: usize, bytes: usize) -> Result<Page> {
        let page = self.inner.read_page(s, g, start, bytes);
        self.inner.wait_for_another_call();
        page
    }
}

#[test]
fn a_slow_store_passes() {
    let report = run_all(shared::<Slow>, "");
    assert!(report.is_success(), "{report}");
}

/// A store whose changes are always durable, so `sync` has nothing to do.
struct AlwaysDurable {
    inner: Arc<Inner>,
}

impl Variant for AlwaysDurable {
    over_memory! {}

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities().with(Capability::DurableSync)
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }
}

#[test]
fn a_store_that_is_always_durable_passes() {
    let report = run_all(shared::<AlwaysDurable>, "");
    assert!(report.is_success(), "{report}");
}

/// A store whose handles cache the last log. A handle compares the head of the log before it uses
/// the cache.
struct ValidatedCache {
    inner: Arc<Inner>,
    cached: Mutex<Option<(SegmentKey, Head, Vec<LogEntry>)>>,
}

impl Variant for ValidatedCache {
    over_memory! { cached }

    fn read_all(&self, s: SessionId, g: SegmentId) -> Result<Vec<LogEntry>> {
        let mut cached = self.cached.lock().unwrap();
        let head = self.inner.head(s, g)?.ok_or(StoreError::NotFound(g))?;
        if let Some((key, known, entries)) = &*cached
            && *key == SegmentKey::new(s, g)
            && *known == head
        {
            return Ok(entries.clone());
        }
        let page = self.inner.read_page(s, g, 0, usize::MAX)?;
        *cached = Some((SegmentKey::new(s, g), page.head, page.entries.clone()));
        Ok(page.entries)
    }
}

#[test]
fn a_store_with_a_validated_cache_passes() {
    let report = run_all(for_each_handle::<ValidatedCache>, "");
    assert!(report.is_success(), "{report}");
}

/// A store that appends a batch entry by entry. During the batch, a lock excludes other writers.
struct OneByOne {
    inner: Arc<Inner>,
    writers: Mutex<()>,
}

impl Variant for OneByOne {
    over_memory! { writers }

    fn capabilities(&self) -> Capabilities {
        Capabilities::NONE
            .with(Capability::ConditionalAppend)
            .with(Capability::ReadTraces)
            .with(Capability::Delete)
            .with(Capability::Epoch)
            .with(Capability::ConditionalPut)
    }

    fn append(&self, s: SessionId, g: SegmentId, entry: &LogEntry) -> Result<()> {
        let _writer = lock(&self.writers);
        self.inner.append(s, g, entry)
    }

    fn append_all(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
        let _writer = lock(&self.writers);
        entries.iter().try_for_each(|entry| self.inner.append(s, g, entry))
    }
}

#[test]
fn a_store_whose_batches_become_visible_entry_by_entry_passes() {
    let report = run_all(shared::<OneByOne>, "");
    assert!(report.is_success(), "{report}");
}

/// A store that buffers appends until a call depends on them.
struct Deferred {
    inner: Arc<Inner>,
    waiting: Mutex<Vec<(SegmentKey, LogEntry)>>,
}

impl Deferred {
    /// Stores all buffered entries and then makes the call, while no other thread can append.
    fn flush<T>(&self, then: impl FnOnce(&Inner) -> Result<T>) -> Result<T> {
        let mut waiting = lock(&self.waiting);
        for (key, entry) in waiting.drain(..) {
            self.inner.at(key).append(&entry)?;
        }
        then(&self.inner)
    }
}

impl Variant for Deferred {
    over_memory! { waiting }

    fn append(&self, s: SessionId, g: SegmentId, entry: &LogEntry) -> Result<()> {
        let mut waiting = lock(&self.waiting);
        // Store the first entry at once, because listings and lookups must show the new segment.
        if !self.inner.exists(s, g)? {
            return self.inner.append(s, g, entry);
        }
        waiting.push((SegmentKey::new(s, g), entry.clone()));
        Ok(())
    }

    fn read_all(&self, s: SessionId, g: SegmentId) -> Result<Vec<LogEntry>> {
        self.flush(|inner| inner.read_all(s, g))
    }

    fn create_segment(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
        self.flush(|inner| inner.create_segment(s, g, entries))
    }

    fn read_entry_count(&self, s: SessionId, g: SegmentId) -> Result<usize> {
        self.flush(|inner| inner.read_entry_count(s, g))
    }

    fn truncate(&self, s: SessionId, g: SegmentId, entries_len: usize) -> Result<()> {
        self.flush(|inner| inner.truncate(s, g, entries_len))
    }

    fn append_all(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
        self.flush(|inner| inner.append_all(s, g, entries))
    }

    fn read_page(&self, s: SessionId, g: SegmentId, start: usize, bytes: usize) -> Result<Page> {
        self.flush(|inner| inner.read_page(s, g, start, bytes))
    }

    fn head(&self, s: SessionId, g: SegmentId) -> Result<Option<Head>> {
        self.flush(|inner| inner.head(s, g))
    }

    fn segment_info(&self, s: SessionId, g: SegmentId) -> Result<Option<SegmentInfo>> {
        self.flush(|inner| inner.segment_info(s, g))
    }

    fn list_infos(&self, options: &ListOptions) -> Result<Vec<(SegmentKey, SegmentInfo)>> {
        self.flush(|inner| inner.list_infos(options))
    }

    fn append_if(
        &self,
        s: SessionId,
        g: SegmentId,
        expected: Option<Head>,
        entries: &[LogEntry],
    ) -> Result<Head> {
        self.flush(|inner| inner.append_if(s, g, expected, entries))
    }

    fn truncate_if(&self, s: SessionId, g: SegmentId, expected: Head, len: usize) -> Result<Head> {
        self.flush(|inner| inner.truncate_if(s, g, expected, len))
    }

    fn delete_segment(&self, s: SessionId, g: SegmentId) -> Result<bool> {
        self.flush(|inner| inner.delete_segment(s, g))
    }

    fn delete_session(&self, s: SessionId) -> Result<bool> {
        self.flush(|inner| inner.delete_session(s))
    }

    fn close(&self) {
        self.flush(|_| Ok(())).expect("the memory store accepts every entry");
    }
}

#[test]
fn a_store_that_defers_invisible_appends_passes() {
    let report = run_all(shared::<Deferred>, "");
    assert!(report.is_success(), "{report}");
}

/// A store whose tokens are random for each state of a log.
struct RandomTokens {
    inner: Arc<Inner>,
    heads: Mutex<HashMap<Head, Head>>,
}

impl RandomTokens {
    /// Returns the head with the random token for a head of the memory store.
    fn with_random_token(&self, head: Head) -> Head {
        let draw = || Head::new(head.entries(), Uuid::from(SessionId::new()).as_u128());
        *lock(&self.heads).entry(head).or_insert_with(draw)
    }

    /// Returns the head of the memory store for a head with a random token. An unknown head stays
    /// the same.
    fn original(&self, random: Head) -> Head {
        let heads = lock(&self.heads);
        heads.iter().find(|(_, other)| **other == random).map_or(random, |(head, _)| *head)
    }

    fn translated(&self, result: Result<Head>) -> Result<Head> {
        let random = |head: Option<Head>| head.map(|head| self.with_random_token(head));
        match result {
            Err(StoreError::Conflict { expected, actual }) => {
                Err(StoreError::Conflict { expected: random(expected), actual: random(actual) })
            }
            result => result.map(|head| self.with_random_token(head)),
        }
    }
}

impl Variant for RandomTokens {
    over_memory! { heads }

    fn head(&self, s: SessionId, g: SegmentId) -> Result<Option<Head>> {
        Ok(self.inner.head(s, g)?.map(|head| self.with_random_token(head)))
    }

    fn segment_info(&self, s: SessionId, g: SegmentId) -> Result<Option<SegmentInfo>> {
        Ok(self.head(s, g)?.map(SegmentInfo::new))
    }

    fn list_infos(&self, options: &ListOptions) -> Result<Vec<(SegmentKey, SegmentInfo)>> {
        let random = |(key, info): (SegmentKey, SegmentInfo)| {
            (key, SegmentInfo::new(self.with_random_token(info.head)))
        };
        Ok(self.inner.list_infos(options)?.into_iter().map(random).collect())
    }

    fn read_page(&self, s: SessionId, g: SegmentId, start: usize, bytes: usize) -> Result<Page> {
        let page = self.inner.read_page(s, g, start, bytes)?;
        Ok(Page::new(page.entries, self.with_random_token(page.head)))
    }

    fn append_if(
        &self,
        s: SessionId,
        g: SegmentId,
        expected: Option<Head>,
        entries: &[LogEntry],
    ) -> Result<Head> {
        let original = expected.map(|random| self.original(random));
        self.translated(self.inner.append_if(s, g, original, entries))
    }

    fn truncate_if(&self, s: SessionId, g: SegmentId, expected: Head, len: usize) -> Result<Head> {
        self.translated(self.inner.truncate_if(s, g, self.original(expected), len))
    }
}

#[test]
fn a_store_with_random_tokens_passes() {
    let report = run_all(shared::<RandomTokens>, "");
    assert!(report.is_success(), "{report}");
}
