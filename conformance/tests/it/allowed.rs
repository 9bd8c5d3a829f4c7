//! Stores that must pass: the reference backend, a base-level store, and odd ones that the contract allows.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use session_store_conformance::{Storage, run_all};
use session_store_core::{
    Capabilities, Capability, Head, LogEntry, Page, SegmentId, SessionId, Store, StoreError,
    TraceEntry,
};
use session_store_memory::MemoryStore;
use uuid::Uuid;

use crate::variant::{Answer, Inner, Key, Variant, for_each_handle, shared};

fn memory() -> impl Storage {
    let store = MemoryStore::new();
    move || store.clone()
}

#[test]
fn the_reference_backend() {
    let report = run_all(&memory, "");
    assert!(report.is_success(), "{report}");
}

/// The least that a store can be: the nine required methods.
#[derive(Default)]
struct NineMethods(Mutex<Logs>);

#[derive(Default)]
struct Logs {
    entries: BTreeMap<Key, Vec<LogEntry>>,
    first_holder: BTreeMap<SegmentId, SessionId>,
}

impl NineMethods {
    fn lock(&self) -> MutexGuard<'_, Logs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Logs {
    fn log(&mut self, key: Key) -> &mut Vec<LogEntry> {
        self.first_holder.entry(key.1).or_insert(key.0);
        self.entries.entry(key).or_default()
    }
}

impl Store for NineMethods {
    fn append(&self, s: SessionId, g: SegmentId, entry: &LogEntry) -> Answer<()> {
        self.lock().log((s, g)).push(entry.clone());
        Ok(())
    }
    fn read_all(&self, s: SessionId, g: SegmentId) -> Answer<Vec<LogEntry>> {
        self.lock().entries.get(&(s, g)).cloned().ok_or(StoreError::NotFound(g))
    }
    fn list_sessions(&self) -> Answer<Vec<SessionId>> {
        let mut sessions: Vec<_> = self.lock().entries.keys().rev().map(|key| key.0).collect();
        sessions.dedup();
        Ok(sessions)
    }
    fn list_segments(&self, s: SessionId) -> Answer<Vec<SegmentId>> {
        let logs = self.lock();
        let own = logs.entries.keys().rev().filter(|key| key.0 == s);
        Ok(own.map(|key| key.1).collect())
    }
    fn lookup_session_of(&self, g: SegmentId) -> Answer<Option<SessionId>> {
        Ok(self.lock().first_holder.get(&g).copied())
    }
    fn create_segment(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Answer<()> {
        *self.lock().log((s, g)) = entries.to_vec();
        Ok(())
    }
    fn exists(&self, s: SessionId, g: SegmentId) -> Answer<bool> {
        Ok(self.lock().entries.contains_key(&(s, g)))
    }
    fn read_entry_count(&self, s: SessionId, g: SegmentId) -> Answer<usize> {
        self.lock().entries.get(&(s, g)).map(Vec::len).ok_or(StoreError::NotFound(g))
    }
    fn append_trace(&self, _: SessionId, _: SegmentId, _: &TraceEntry) -> Answer<()> {
        Ok(())
    }
}

#[test]
fn a_base_level_store() {
    let harness = || {
        let store = Arc::new(NineMethods::default());
        move || Arc::clone(&store)
    };
    let report = run_all(&harness, "");
    assert!(report.is_success(), "{report}");
    let refused = ["h2_one_writer_wins", "d1_a_deleted_session_is_gone", "x3_traces_by_page"];
    let not_run: Vec<_> = report.not_run().collect();
    assert!(refused.iter().all(|id| !not_run.contains(id)), "they demand Unsupported: {not_run:?}");
}

/// Its head covers the last append too, as a server's may that can lose acknowledged entries.
#[derive(Default)]
struct HeadsOfTheLastEntry;

impl HeadsOfTheLastEntry {
    fn widened(head: Head) -> Head {
        // Told apart from the store's own token, whatever that is.
        Head::new(head.entries(), head.entries() as u128)
    }
}

impl Variant for HeadsOfTheLastEntry {
    fn capabilities(&self, _: &Inner) -> Capabilities {
        Capabilities::NONE.with(Capability::ReadTraces).with(Capability::Persistent)
    }
    fn head(&self, inner: &Inner, (s, g): Key) -> Answer<Option<Head>> {
        Ok(inner.head(s, g)?.map(Self::widened))
    }
    fn page(&self, inner: &Inner, (s, g): Key, start: usize, bytes: usize) -> Answer<Page> {
        let page = inner.read_page(s, g, start, bytes)?;
        Ok(Page::new(page.entries, Self::widened(page.head)))
    }
    fn append_if(&self, _: &Inner, _: Key, _: Option<Head>, _: &[LogEntry]) -> Answer<Head> {
        let (operation, capability) = ("append_if", Capability::ConditionalAppend);
        Err(StoreError::Unsupported { operation, capability })
    }
    fn truncate_if(&self, _: &Inner, _: Key, _: Head, _: usize) -> Answer<Head> {
        let (operation, capability) = ("truncate_if", Capability::ConditionalAppend);
        Err(StoreError::Unsupported { operation, capability })
    }
    fn delete_segment(&self, _: &Inner, _: Key) -> Answer<bool> {
        let (operation, capability) = ("delete_segment", Capability::Delete);
        Err(StoreError::Unsupported { operation, capability })
    }
    fn delete_session(&self, _: &Inner, _: SessionId) -> Answer<bool> {
        let (operation, capability) = ("delete_session", Capability::Delete);
        Err(StoreError::Unsupported { operation, capability })
    }
}

#[test]
fn a_store_without_epochs_or_conditions() {
    let report = run_all(&shared::<HeadsOfTheLastEntry>, "");
    assert!(report.is_success(), "{report}");
}

/// Takes no entry over a megabyte, and keeps no pods.
#[derive(Default)]
struct Small;

impl Small {
    fn check(entries: &[LogEntry]) -> Answer<()> {
        let (limit, largest) = (1 << 20, entries.iter().map(|entry| entry.as_json().len()).max());
        match largest.map(|size| size as u64) {
            Some(size) if size > limit => Err(StoreError::TooLarge { size, limit }),
            _ => Ok(()),
        }
    }
}

impl Variant for Small {
    fn append(&self, inner: &Inner, (s, g): Key, entry: &LogEntry) -> Answer<()> {
        Self::check(std::slice::from_ref(entry))?;
        inner.append(s, g, entry)
    }
    fn append_all(&self, inner: &Inner, (s, g): Key, entries: &[LogEntry]) -> Answer<()> {
        Self::check(entries)?;
        inner.append_all(s, g, entries)
    }
    fn keeps_pods(&self) -> bool {
        false
    }
}

#[test]
fn a_store_with_a_limit_and_without_pods() {
    let report = run_all(&shared::<Small>, "");
    assert!(report.is_success(), "{report}");
    assert!(report.not_run().any(|id| id == "p3_names_never_alias"), "{report}");
}

/// Every call leaves room for others in its middle.
#[derive(Default)]
struct Slow;

impl Variant for Slow {
    fn append(&self, inner: &Inner, (s, g): Key, entry: &LogEntry) -> Answer<()> {
        inner.let_others_in();
        inner.append(s, g, entry)
    }
    fn create(&self, inner: &Inner, (s, g): Key, entries: &[LogEntry]) -> Answer<()> {
        inner.let_others_in();
        inner.create_segment(s, g, entries)
    }
    fn page(&self, inner: &Inner, (s, g): Key, start: usize, bytes: usize) -> Answer<Page> {
        let page = inner.read_page(s, g, start, bytes);
        inner.let_others_in();
        page
    }
}

#[test]
fn a_slow_store() {
    let report = run_all(&shared::<Slow>, "");
    assert!(report.is_success(), "{report}");
}

/// Keeps all durable at once, so that a sync has nothing to do.
#[derive(Default)]
struct AlwaysDurable;

impl Variant for AlwaysDurable {
    fn capabilities(&self, inner: &Inner) -> Capabilities {
        inner.capabilities().with(Capability::DurableSync)
    }
    fn sync(&self, _: &Inner) -> Answer<()> {
        Ok(())
    }
}

#[test]
fn a_store_that_is_always_durable() {
    let report = run_all(&shared::<AlwaysDurable>, "");
    assert!(report.is_success(), "{report}");
}

/// Each handle keeps the last log that it read, and asks for its head before it trusts it.
#[derive(Default)]
struct ValidatedCache(Mutex<Option<(Key, Head, Vec<LogEntry>)>>);

impl Variant for ValidatedCache {
    fn read_all(&self, inner: &Inner, (s, g): Key) -> Answer<Vec<LogEntry>> {
        let mut cached = self.0.lock().unwrap();
        let head = inner.head(s, g)?.ok_or(StoreError::NotFound(g))?;
        if let Some((key, known, entries)) = &*cached
            && *key == (s, g)
            && *known == head
        {
            return Ok(entries.clone());
        }
        let page = inner.read_page(s, g, 0, usize::MAX)?;
        *cached = Some(((s, g), page.head, page.entries.clone()));
        Ok(page.entries)
    }
}

#[test]
fn a_store_with_a_cache_that_asks() {
    let report = run_all(&for_each_handle::<ValidatedCache>, "");
    assert!(report.is_success(), "{report}");
}

/// Appends a batch entry by entry, with other writers kept out until the last one is there.
#[derive(Default)]
struct OneByOne(Mutex<()>);

impl Variant for OneByOne {
    fn capabilities(&self, _: &Inner) -> Capabilities {
        Capabilities::NONE
            .with(Capability::ConditionalAppend)
            .with(Capability::ReadTraces)
            .with(Capability::Delete)
            .with(Capability::Epoch)
    }
    fn append(&self, inner: &Inner, (s, g): Key, entry: &LogEntry) -> Answer<()> {
        let _one_at_a_time = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.append(s, g, entry)
    }
    fn append_all(&self, inner: &Inner, (s, g): Key, entries: &[LogEntry]) -> Answer<()> {
        let _one_at_a_time = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.iter().try_for_each(|entry| inner.append(s, g, entry))
    }
}

#[test]
fn a_store_whose_batches_show_by_and_by() {
    let report = run_all(&shared::<OneByOne>, "");
    assert!(report.is_success(), "{report}");
}

/// Keeps what is appended to itself until somebody asks for anything that could tell.
#[derive(Default)]
struct Deferred(Mutex<Vec<(Key, LogEntry)>>);

impl Deferred {
    /// Does something with everything stored, and nobody appending meanwhile.
    fn settled<T>(&self, inner: &Inner, then: impl FnOnce() -> Answer<T>) -> Answer<T> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for ((s, g), entry) in waiting.drain(..) {
            inner.append(s, g, &entry)?;
        }
        then()
    }
}

impl Variant for Deferred {
    fn append(&self, inner: &Inner, (s, g): Key, entry: &LogEntry) -> Answer<()> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The first entry makes the segment, which listings and lookups tell of.
        if !inner.exists(s, g)? {
            return inner.append(s, g, entry);
        }
        waiting.push(((s, g), entry.clone()));
        Ok(())
    }
    fn read_all(&self, inner: &Inner, (s, g): Key) -> Answer<Vec<LogEntry>> {
        self.settled(inner, || inner.read_all(s, g))
    }
    fn create(&self, inner: &Inner, (s, g): Key, entries: &[LogEntry]) -> Answer<()> {
        self.settled(inner, || inner.create_segment(s, g, entries))
    }
    fn count(&self, inner: &Inner, (s, g): Key) -> Answer<usize> {
        self.settled(inner, || inner.read_entry_count(s, g))
    }
    fn truncate(&self, inner: &Inner, (s, g): Key, entries_len: usize) -> Answer<()> {
        self.settled(inner, || inner.truncate(s, g, entries_len))
    }
    fn append_all(&self, inner: &Inner, (s, g): Key, entries: &[LogEntry]) -> Answer<()> {
        self.settled(inner, || inner.append_all(s, g, entries))
    }
    fn page(&self, inner: &Inner, (s, g): Key, start: usize, bytes: usize) -> Answer<Page> {
        self.settled(inner, || inner.read_page(s, g, start, bytes))
    }
    fn head(&self, inner: &Inner, (s, g): Key) -> Answer<Option<Head>> {
        self.settled(inner, || inner.head(s, g))
    }
    fn append_if(
        &self,
        inner: &Inner,
        (s, g): Key,
        expected: Option<Head>,
        entries: &[LogEntry],
    ) -> Answer<Head> {
        self.settled(inner, || inner.append_if(s, g, expected, entries))
    }
    fn truncate_if(&self, inner: &Inner, (s, g): Key, expected: Head, len: usize) -> Answer<Head> {
        self.settled(inner, || inner.truncate_if(s, g, expected, len))
    }
    fn delete_segment(&self, inner: &Inner, (s, g): Key) -> Answer<bool> {
        self.settled(inner, || inner.delete_segment(s, g))
    }
    fn delete_session(&self, inner: &Inner, s: SessionId) -> Answer<bool> {
        self.settled(inner, || inner.delete_session(s))
    }
    fn close(&self, inner: &Inner) {
        self.settled(inner, || Ok(())).expect("memory takes an entry");
    }
}

#[test]
fn a_store_that_defers_what_nobody_has_asked_for() {
    let report = run_all(&shared::<Deferred>, "");
    assert!(report.is_success(), "{report}");
}

/// Its tokens are drawn for each state of a log, and say nothing.
#[derive(Default)]
struct DrawnTokens(Mutex<HashMap<Head, Head>>);

impl DrawnTokens {
    fn told(&self, head: Head) -> Head {
        let mut drawn = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let draw = || Head::new(head.entries(), Uuid::from(SessionId::new()).as_u128());
        *drawn.entry(head).or_insert_with(draw)
    }

    /// The head that was told so; one that nobody was told stands for itself.
    fn meant(&self, told: Head) -> Head {
        let drawn = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        drawn.iter().find(|(_, other)| **other == told).map_or(told, |(head, _)| *head)
    }

    fn answer(&self, answer: Answer<Head>) -> Answer<Head> {
        let told = |head: Option<Head>| head.map(|head| self.told(head));
        match answer {
            Err(StoreError::Conflict { expected, actual }) => {
                Err(StoreError::Conflict { expected: told(expected), actual: told(actual) })
            }
            answer => answer.map(|head| self.told(head)),
        }
    }
}

impl Variant for DrawnTokens {
    fn head(&self, inner: &Inner, (s, g): Key) -> Answer<Option<Head>> {
        Ok(inner.head(s, g)?.map(|head| self.told(head)))
    }
    fn page(&self, inner: &Inner, (s, g): Key, start: usize, bytes: usize) -> Answer<Page> {
        let page = inner.read_page(s, g, start, bytes)?;
        Ok(Page::new(page.entries, self.told(page.head)))
    }
    fn append_if(
        &self,
        inner: &Inner,
        (s, g): Key,
        expected: Option<Head>,
        entries: &[LogEntry],
    ) -> Answer<Head> {
        let meant = expected.map(|told| self.meant(told));
        self.answer(inner.append_if(s, g, meant, entries))
    }
    fn truncate_if(&self, inner: &Inner, (s, g): Key, expected: Head, len: usize) -> Answer<Head> {
        self.answer(inner.truncate_if(s, g, self.meant(expected), len))
    }
}

#[test]
fn a_store_whose_tokens_are_drawn() {
    let report = run_all(&shared::<DrawnTokens>, "");
    assert!(report.is_success(), "{report}");
}
