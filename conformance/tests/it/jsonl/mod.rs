//! A small store of JSONL files, the basis of the broken file stores. Without a flaw the store is
//! correct. Every call reads a whole log and locks the whole storage. This is slow, but allowed.

mod files;
mod flaw;
mod lines;
mod pause;
mod pods;
mod process_cache;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard, PoisonError};

use session_store_core::{
    Capabilities, Capability, Finding, Head, ListOptions, LogEntry, Maintenance, Page, PageBudget,
    PodStore, SegmentId, SegmentInfo, SegmentKey, SessionId, Store, StoreError, TraceEntry,
    TracePage,
};

use self::files::TRACE;
pub(crate) use self::flaw::Flaw;
use self::lines::{Lines, Tail};
use self::pause::{Pauses, in_another_process};
use crate::variant::{Result, unsupported};

/// The lock of the flaw `LocksItsProcessOnly`. It excludes only handles of the same process.
static PROCESS: Mutex<()> = Mutex::new(());

/// A handle on the folder `root`. The name of the folder is the name of the flaw.
pub(crate) struct JsonlStore {
    root: PathBuf,
    flaw: Flaw,
    pauses: Pauses,
    /// Whether a write of this handle has failed.
    has_failed: AtomicBool,
}

impl JsonlStore {
    pub(crate) fn open_or_create(root: &Path) -> Result<Self> {
        let name = root.file_name().and_then(OsStr::to_str).unwrap_or_default();
        Self::create_with(root, Flaw::named(name).unwrap_or(Flaw::None))
    }

    pub(crate) fn open(root: &Path, flaw: Flaw) -> Result<Self> {
        if !root.exists() && flaw != Flaw::OpensWhatIsNotThere {
            let found = "the directory does not exist".into();
            return Err(StoreError::NoStore { place: root.display().to_string(), found });
        }
        Self::create_with(root, flaw)
    }

    fn create_with(root: &Path, flaw: Flaw) -> Result<Self> {
        fs::create_dir_all(root.join(".holders"))?;
        let store = Self {
            root: root.into(),
            flaw,
            pauses: Pauses::of(root),
            has_failed: AtomicBool::new(false),
        };
        if flaw == Flaw::OpensOneAtATime && !root.join(".format").exists() {
            store.set_up()?;
        }
        let version = fs::read_to_string(root.join(".format")).unwrap_or_else(|_| "1".into());
        if version != "1" && flaw != Flaw::IgnoresTheFormat {
            let found = version.parse().unwrap_or(u64::MAX);
            let place = root.display().to_string();
            return Err(StoreError::NewerFormat { place, found, supported: 1 });
        }
        if flaw == Flaw::SweepsUnknownFiles {
            files::sweep(root)?;
        }
        Ok(store)
    }

    /// Initializes the storage, and fails while another handle does the same.
    fn set_up(&self) -> Result<()> {
        let tried = self.root.join(".tried");
        self.open_for_append(&tried)?.write_all(b".")?;
        let opening = File::create(self.root.join(".opening"))?;
        opening.try_lock().map_err(|_| io::Error::from(ErrorKind::ResourceBusy))?;
        self.wait_for_others(&tried)?;
        Ok(fs::write(self.root.join(".format"), "1")?)
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    /// Pauses a call until another thread or process has changed `file`. With a lock for this
    /// process, no other thread of the process can change the file, so the call does not pause.
    fn wait_for_others(&self, file: &Path) -> io::Result<()> {
        if self.has(Flaw::LocksItsProcessOnly) && !in_another_process() {
            return Ok(());
        }
        self.pauses.wait_for_others(file)
    }

    /// Pauses between a comparison and its write, if no lock excludes other writers.
    fn wait_for_others_if_unlocked(&self, key: SegmentKey) -> Result<()> {
        let unlocked = matches!(self.flaw, Flaw::LocksNothing | Flaw::LocksItsProcessOnly);
        if unlocked { Ok(self.wait_for_others(&self.path(key))?) } else { Ok(()) }
    }

    fn lock(&self) -> Result<(Option<MutexGuard<'static, ()>>, Option<File>)> {
        match self.flaw {
            Flaw::LocksNothing => Ok((None, None)),
            Flaw::LocksItsProcessOnly => {
                Ok((Some(PROCESS.lock().unwrap_or_else(PoisonError::into_inner)), None))
            }
            _ => {
                let file = File::create(self.root.join(".lock"))?;
                file.lock()?;
                Ok((None, Some(file)))
            }
        }
    }

    fn head_of(&self, lines: &Lines) -> Head {
        let mut token = DefaultHasher::new();
        lines.bytes.hash(&mut token);
        Head::new(lines.count(), u128::from(token.finish()))
    }

    fn expect(&self, key: SegmentKey, expected: Option<Head>) -> Result<()> {
        let actual = match self.lines(key) {
            Err(StoreError::NotFound(_)) => None,
            lines => Some(self.head_of(&lines?)),
        };
        if actual == expected { Ok(()) } else { Err(StoreError::Conflict { expected, actual }) }
    }

    /// Returns a session with the segment: the recorded holder, or else the newest session with the
    /// segment.
    fn find_session_of(&self, g: SegmentId) -> Result<Option<SessionId>> {
        let held = self.held(g);
        if held.is_some() || self.has(Flaw::FindsInItsProcess) {
            return Ok(held);
        }
        let sessions: Vec<SessionId> = self.ids(&self.root, "")?;
        let session = sessions.into_iter().find(|&s| self.path(SegmentKey::new(s, g)).exists());
        session.map_or(Ok(()), |s| self.hold(SegmentKey::new(s, g)))?;
        Ok(session)
    }

    fn cut(&self, key: SegmentKey, entries_len: usize) -> Result<()> {
        let lines = self.lines(key)?;
        let count = lines.count();
        match entries_len {
            len if len > count => Err(StoreError::past_the_end(key.segment_id, len, count)),
            len if len == count => Ok(()),
            len => self.replace(key, lines.first(len)),
        }
    }
}

impl Store for JsonlStore {
    fn append(&self, s: SessionId, g: SegmentId, entry: &LogEntry) -> Result<()> {
        self.append_all(s, g, std::slice::from_ref(entry))
    }

    fn read_all(&self, s: SessionId, g: SegmentId) -> Result<Vec<LogEntry>> {
        let _lock = self.lock()?;
        let lines = self.lines(SegmentKey::new(s, g))?;
        if let (Tail::Torn(start), Flaw::RepairsOnRead) = (lines.tail(), self.flaw) {
            fs::write(self.path(SegmentKey::new(s, g)), &lines.bytes[..start])?;
        }
        lines.entries()
    }

    fn list_sessions(&self) -> Result<Vec<SessionId>> {
        let _lock = self.lock()?;
        let mut sessions: Vec<SessionId> = self.ids(&self.root, "")?;
        let holds = |s: &SessionId| {
            let segments: Result<Vec<SegmentId>> =
                self.ids(&self.root.join(s.to_string()), ".jsonl");
            segments.is_ok_and(|segments| !segments.is_empty())
        };
        sessions.retain(holds);
        Ok(sessions)
    }

    fn list_segments(&self, s: SessionId) -> Result<Vec<SegmentId>> {
        let _lock = self.lock()?;
        self.ids(&self.root.join(s.to_string()), ".jsonl")
    }

    fn lookup_session_of(&self, g: SegmentId) -> Result<Option<SessionId>> {
        let _lock = self.lock()?;
        if self.has(Flaw::CachesLookups) {
            let find = || {
                let session = self.find_session_of(g).map_err(io::Error::other)?;
                Ok(session.map(|session| session.to_string().into_bytes()))
            };
            let found = process_cache::read(&self.holder(g), find)?;
            let text = found.map(String::from_utf8);
            return Ok(text.and_then(|text| text.ok()?.parse().ok()));
        }
        self.find_session_of(g)
    }

    fn create_segment(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
        let _lock = self.lock()?;
        let texts = entries.iter().map(|entry| format!("{}\n", entry.as_json()));
        self.replace(SegmentKey::new(s, g), texts.collect::<String>().as_bytes())
    }

    fn exists(&self, s: SessionId, g: SegmentId) -> Result<bool> {
        Ok(self.path(SegmentKey::new(s, g)).exists())
    }

    fn read_entry_count(&self, s: SessionId, g: SegmentId) -> Result<usize> {
        if self.has(Flaw::CountsInItsProcess)
            && let Some(count) = process_cache::count(&self.root, SegmentKey::new(s, g))
        {
            return Ok(count);
        }
        let _lock = self.lock()?;
        let lines = self.lines(SegmentKey::new(s, g))?;
        if self.has(Flaw::ValidatesOnCount) {
            lines.entries()?;
        }
        Ok(lines.count())
    }

    fn append_trace(&self, s: SessionId, g: SegmentId, entry: &TraceEntry) -> Result<()> {
        let _lock = self.lock()?;
        let path = self.trace(SegmentKey::new(s, g));
        process_cache::forget(&path);
        self.append_to(&path, g, std::slice::from_ref(entry))
    }

    fn truncate(&self, s: SessionId, g: SegmentId, entries_len: usize) -> Result<()> {
        let _lock = self.lock()?;
        self.cut(SegmentKey::new(s, g), entries_len)?;
        if self.has(Flaw::CountsInItsProcess) {
            process_cache::set_count(&self.root, SegmentKey::new(s, g), entries_len);
        }
        Ok(())
    }

    fn maintenance(&self) -> Option<&dyn Maintenance> {
        Some(self)
    }

    fn pods(&self) -> Option<&dyn PodStore> {
        self.flaw.has_more_than_logs().then_some(self)
    }

    fn capabilities(&self) -> Capabilities {
        use Capability::{
            AtomicBatch, ConditionalAppend, Delete, MultiProcess, Persistent, ReadTraces,
        };
        let mut all = vec![Persistent, MultiProcess, ConditionalAppend];
        if self.flaw.has_more_than_logs() {
            all.extend([Delete, ReadTraces]);
        }
        all.extend(self.has(Flaw::DeclaresAtomicBatches).then_some(AtomicBatch));
        all.into_iter().collect()
    }

    fn append_all(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let _lock = self.lock()?;
        if self.has(Flaw::ValidatesOnAppend) && self.path(SegmentKey::new(s, g)).exists() {
            // Reading the first entries is enough for this flaw, and faster.
            self.lines(SegmentKey::new(s, g))?.page(0, PageBudget::new(1_000))?;
        }
        self.write(SegmentKey::new(s, g), entries)?;
        if self.has(Flaw::CountsInItsProcess) {
            let before = process_cache::count(&self.root, SegmentKey::new(s, g)).unwrap_or(0);
            process_cache::set_count(&self.root, SegmentKey::new(s, g), before + entries.len());
        }
        Ok(())
    }

    fn read_page(&self, s: SessionId, g: SegmentId, start: usize, bytes: usize) -> Result<Page> {
        let _lock = self.lock()?;
        let lines = self.lines(SegmentKey::new(s, g))?;
        if self.has(Flaw::PagesReadTheWholeLog) {
            lines.entries()?;
        }
        let entries = lines.page(start, PageBudget::new(bytes))?;
        Ok(Page::new(entries, self.head_of(&lines)))
    }

    fn head(&self, s: SessionId, g: SegmentId) -> Result<Option<Head>> {
        let _lock = self.lock()?;
        match self.lines(SegmentKey::new(s, g)) {
            Err(StoreError::NotFound(_)) => Ok(None),
            lines => Ok(Some(self.head_of(&lines?))),
        }
    }

    fn list_infos(&self, options: &ListOptions) -> Result<Vec<(SegmentKey, SegmentInfo)>> {
        let mut infos = Vec::new();
        for s in options.select(self.list_sessions()?) {
            for g in self.list_segments(s)? {
                let is_left_out =
                    self.has(Flaw::ListsFactsOfSoundLogs) && self.read_all(s, g).is_err();
                let info = if is_left_out { None } else { self.segment_info(s, g)? };
                infos.extend(info.map(|info| (SegmentKey::new(s, g), info)));
            }
        }
        Ok(infos)
    }

    fn append_if(
        &self,
        s: SessionId,
        g: SegmentId,
        expected: Option<Head>,
        entries: &[LogEntry],
    ) -> Result<Head> {
        if self.has(Flaw::ComparesBeforeItLocks) {
            self.expect(SegmentKey::new(s, g), expected)?;
            self.wait_for_others(&self.path(SegmentKey::new(s, g)))?;
        }
        let _lock = self.lock()?;
        if !self.has(Flaw::ComparesBeforeItLocks) {
            self.expect(SegmentKey::new(s, g), expected)?;
            self.wait_for_others_if_unlocked(SegmentKey::new(s, g))?;
        }
        match (expected, entries) {
            (None, []) => self.replace(SegmentKey::new(s, g), b"")?,
            (Some(_), []) => {}
            _ => match self.write(SegmentKey::new(s, g), entries) {
                Err(_) if self.has(Flaw::ConditionsSwallowErrors) => {}
                written => written?,
            },
        }
        Ok(self.head_of(&self.lines(SegmentKey::new(s, g))?))
    }

    fn truncate_if(&self, s: SessionId, g: SegmentId, expected: Head, len: usize) -> Result<Head> {
        let _lock = self.lock()?;
        self.expect(SegmentKey::new(s, g), Some(expected))?;
        self.wait_for_others_if_unlocked(SegmentKey::new(s, g))?;
        self.cut(SegmentKey::new(s, g), len)?;
        Ok(self.head_of(&self.lines(SegmentKey::new(s, g))?))
    }

    fn read_trace_page(
        &self,
        s: SessionId,
        g: SegmentId,
        start: usize,
        max_bytes: usize,
    ) -> Result<TracePage> {
        if !self.flaw.has_more_than_logs() {
            return unsupported("read_trace_page", Capability::ReadTraces);
        }
        let _lock = self.lock()?;
        let entries =
            self.trace_lines(SegmentKey::new(s, g))?.page(start, PageBudget::new(max_bytes))?;
        let traces = entries.iter().map(|entry| TraceEntry::from_json(entry.as_json()));
        Ok(TracePage::new(traces.collect::<Result<_>>()?))
    }

    fn delete_segment(&self, s: SessionId, g: SegmentId) -> Result<bool> {
        if !self.flaw.has_more_than_logs() {
            return unsupported("delete_segment", Capability::Delete);
        }
        let _lock = self.lock()?;
        self.delete(SegmentKey::new(s, g))
    }

    fn delete_session(&self, s: SessionId) -> Result<bool> {
        if !self.flaw.has_more_than_logs() {
            return unsupported("delete_session", Capability::Delete);
        }
        let _lock = self.lock()?;
        let folder = self.root.join(s.to_string());
        let mut segments: Vec<SegmentId> = self.ids(&folder, ".jsonl")?;
        segments.extend(self.ids::<SegmentId>(&folder, TRACE)?);
        let mut is_there = false;
        for g in segments {
            is_there |= self.delete(SegmentKey::new(s, g))?;
        }
        if self.has(Flaw::DeletesWholeFolders) && folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        Ok(is_there)
    }
}

impl Maintenance for JsonlStore {
    fn check(&self, _: &mut dyn FnMut(Finding)) -> Result<()> {
        if !self.has(Flaw::ChecksCutTails) {
            return Ok(());
        }
        self.rewrite_logs(|_, lines| match lines.tail() {
            Tail::Torn(start) => Some(lines.bytes[..start].to_vec()),
            _ => None,
        })
    }

    fn repair_segments(
        &self,
        _: &dyn Fn(SegmentKey) -> bool,
        report: &mut dyn FnMut(Finding),
    ) -> Result<()> {
        if self.has(Flaw::SelectedRepairsDoNothing) { Ok(()) } else { self.repair(report) }
    }

    fn repair(&self, _: &mut dyn FnMut(Finding)) -> Result<()> {
        if self.has(Flaw::RepairsSweep) {
            files::sweep(&self.root)?;
        }
        match self.flaw {
            Flaw::RepairsLeaveBadLines => Ok(()),
            Flaw::RepairsCutAtBadLines => self.rewrite_logs(|_, lines| {
                let is_good = |&entry: &usize| lines.page(entry, PageBudget::new(0)).is_ok();
                let good = (0..lines.count()).take_while(is_good).count();
                (good < lines.count()).then(|| lines.first(good).to_vec())
            }),
            _ => self.rewrite_logs(|key, lines| {
                let (good, bad) = lines.split_bad();
                if bad.is_empty() {
                    return None;
                }
                fs::write(self.path(key).with_extension("bad"), &bad).expect("a file is written");
                Some(good)
            }),
        }
    }
}

impl JsonlStore {
    /// Replaces each log for which `rewritten` returns other bytes.
    fn rewrite_logs(
        &self,
        rewritten: impl Fn(SegmentKey, &Lines) -> Option<Vec<u8>>,
    ) -> Result<()> {
        // The oldest segment comes first.
        for session_id in self.list_sessions()?.into_iter().rev() {
            for segment_id in self.list_segments(session_id)?.into_iter().rev() {
                let key = SegmentKey { session_id, segment_id };
                if let Some(bytes) = rewritten(key, &self.lines(key)?) {
                    self.replace(key, &bytes)?;
                    if self.has(Flaw::RepairsOneLog) {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }
}
