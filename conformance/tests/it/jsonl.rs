//! A small store of JSONL files, right unless it is given a flaw: what the gallery of broken file stores is
//! made of. It reads a whole log for every call and locks the whole storage, which is slow and allowed.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use session_store_core::{
    Capabilities, Capability, Head, LogEntry, Page, PageBudget, SegmentId, SessionId, Store,
    StoreError, TraceEntry,
};

use crate::lines::{Lines, Tail};
use crate::twist::{Answer, Key};

/// What can be wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    GluesTornTails,
    HidesWholeTails,
    TornTailsAreFatal,
    DeletesTornTails,
    RepairsOnRead,
    SkipsBadLines,
    CountsLinesFromZero,
    NumbersEntriesNotLines,
    CountsBlankLines,
    ValidatesOnAppend,
    ValidatesOnCount,
    PagesReadTheWholeLog,
    SplitsOnLineSeparators,
    ListsAnyFile,
    SweepsUnknownFiles,
    IgnoresTheFormat,
    OpensWhatIsNotThere,
    OpensOneAtATime,
    LocksNothing,
    LocksItsProcessOnly,
    CountsInItsProcess,
    FindsInItsProcess,
    SwallowsWriteErrors,
    RepeatsAfterAnError,
    TearsAndGlues,
    ReplacesInPlace,
    ComparesBeforeItLocks,
    BatchesForgetTheNewline,
}

pub(crate) const FLAWS: [Flaw; 29] = [
    Flaw::None,
    Flaw::GluesTornTails,
    Flaw::HidesWholeTails,
    Flaw::TornTailsAreFatal,
    Flaw::DeletesTornTails,
    Flaw::RepairsOnRead,
    Flaw::SkipsBadLines,
    Flaw::CountsLinesFromZero,
    Flaw::NumbersEntriesNotLines,
    Flaw::CountsBlankLines,
    Flaw::ValidatesOnAppend,
    Flaw::ValidatesOnCount,
    Flaw::PagesReadTheWholeLog,
    Flaw::SplitsOnLineSeparators,
    Flaw::ListsAnyFile,
    Flaw::SweepsUnknownFiles,
    Flaw::IgnoresTheFormat,
    Flaw::OpensWhatIsNotThere,
    Flaw::OpensOneAtATime,
    Flaw::LocksNothing,
    Flaw::LocksItsProcessOnly,
    Flaw::CountsInItsProcess,
    Flaw::FindsInItsProcess,
    Flaw::SwallowsWriteErrors,
    Flaw::RepeatsAfterAnError,
    Flaw::TearsAndGlues,
    Flaw::ReplacesInPlace,
    Flaw::ComparesBeforeItLocks,
    Flaw::BatchesForgetTheNewline,
];

/// How long a flaw keeps its weak moment open.
const MOMENT: Duration = Duration::from_millis(1);

/// Guards against the other handles of this process, where a flaw leaves out the others.
static PROCESS: Mutex<()> = Mutex::new(());

/// What this process has seen, for the flaws that look nowhere else.
static COUNTS: Mutex<Vec<(PathBuf, usize)>> = Mutex::new(Vec::new());
static FOUND: Mutex<Vec<(PathBuf, SessionId)>> = Mutex::new(Vec::new());

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A handle on the folder `root`, whose name is the flaw's.
pub(crate) struct JsonlStore {
    root: PathBuf,
    flaw: Flaw,
}

impl JsonlStore {
    pub(crate) fn open_or_create(root: &Path) -> Answer<Self> {
        let name = root.file_name().and_then(OsStr::to_str).unwrap_or_default();
        let flaw = FLAWS.into_iter().find(|flaw| format!("{flaw:?}") == name);
        Self::create_with(root, flaw.unwrap_or(Flaw::None))
    }

    pub(crate) fn open(root: &Path, flaw: Flaw) -> Answer<Self> {
        if !root.exists() && flaw != Flaw::OpensWhatIsNotThere {
            return Err(StoreError::io("open a store", ErrorKind::NotFound.into()));
        }
        Self::create_with(root, flaw)
    }

    fn create_with(root: &Path, flaw: Flaw) -> Answer<Self> {
        fs::create_dir_all(root)?;
        if flaw == Flaw::OpensOneAtATime && !root.join(".format").exists() {
            let opening = File::create(root.join(".opening"))?;
            opening.try_lock().map_err(|_| io::Error::from(ErrorKind::ResourceBusy))?;
            thread::sleep(40 * MOMENT);
            fs::write(root.join(".format"), "1")?;
        }
        let version = fs::read_to_string(root.join(".format")).unwrap_or_else(|_| "1".into());
        if version != "1" && flaw != Flaw::IgnoresTheFormat {
            let found = version.parse().unwrap_or(u64::MAX);
            let place = root.display().to_string();
            return Err(StoreError::NewerFormat { place, found, supported: 1 });
        }
        if flaw == Flaw::SweepsUnknownFiles {
            sweep(root)?;
        }
        Ok(Self { root: root.into(), flaw })
    }

    pub(crate) fn log(root: &Path, (s, g): Key) -> PathBuf {
        root.join(s.to_string()).join(format!("{g}.jsonl"))
    }

    fn path(&self, key: Key) -> PathBuf {
        Self::log(&self.root, key)
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    fn lock(&self) -> Answer<(Option<MutexGuard<'static, ()>>, Option<File>)> {
        match self.flaw {
            Flaw::LocksNothing => Ok((None, None)),
            Flaw::LocksItsProcessOnly => Ok((Some(lock(&PROCESS)), None)),
            _ => {
                let file = File::create(self.root.join(".lock"))?;
                file.lock()?;
                Ok((None, Some(file)))
            }
        }
    }

    fn lines(&self, (s, g): Key) -> Answer<Lines> {
        match fs::read(self.path((s, g))) {
            Ok(bytes) => Ok(Lines::new(bytes, g, self.flaw)),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(StoreError::NotFound(g)),
            Err(error) => Err(error.into()),
        }
    }

    /// Appends to the file in one write, after what its tail needs.
    fn write(&self, key: Key, entries: &[LogEntry]) -> Answer<()> {
        let (path, is_new) = (self.path(key), !self.path(key).exists());
        fs::create_dir_all(path.parent().unwrap_or(&self.root))?;
        let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
        let lines = self.lines(key)?;
        let mut bytes = Vec::new();
        match lines.tail() {
            Tail::None => {}
            Tail::Whole if entries.len() > 1 && self.has(Flaw::BatchesForgetTheNewline) => {}
            Tail::Whole => bytes.push(b'\n'),
            Tail::Torn(_) if matches!(self.flaw, Flaw::GluesTornTails | Flaw::TearsAndGlues) => {}
            Tail::Torn(start) => {
                if !self.has(Flaw::DeletesTornTails) {
                    let aside = path.with_extension(format!("torn-{start}"));
                    fs::write(aside, &lines.bytes[start..])?;
                }
                file.set_len(start as u64)?;
            }
        }
        for entry in entries {
            bytes.extend_from_slice(entry.as_json().as_bytes());
            bytes.push(b'\n');
        }
        self.put(&mut file, &bytes)?;
        if is_new { self.hold(key) } else { Ok(()) }
    }

    fn put(&self, file: &mut File, bytes: &[u8]) -> Answer<()> {
        let before = file.metadata()?.len();
        let written = match self.flaw {
            Flaw::LocksNothing | Flaw::LocksItsProcessOnly | Flaw::TearsAndGlues => {
                let (half, rest) = bytes.split_at(bytes.len() / 2);
                file.write_all(half).and_then(|()| {
                    thread::sleep(MOMENT);
                    file.write_all(rest)
                })
            }
            _ => file.write_all(bytes),
        };
        match written {
            Ok(()) => Ok(()),
            Err(_) if self.has(Flaw::SwallowsWriteErrors) => Ok(file.set_len(before)?),
            Err(error) => {
                if !self.has(Flaw::TearsAndGlues) {
                    file.set_len(before)?;
                }
                if self.has(Flaw::RepeatsAfterAnError) {
                    file.write_all(b"{}\n")?;
                }
                Err(error.into())
            }
        }
    }

    /// Puts a whole new log in the place of the old one.
    fn replace(&self, key: Key, bytes: &[u8]) -> Answer<()> {
        let path = self.path(key);
        fs::create_dir_all(path.parent().unwrap_or(&self.root))?;
        if self.has(Flaw::ReplacesInPlace) {
            let mut file = File::create(&path)?;
            thread::sleep(5 * MOMENT);
            file.write_all(bytes)?;
        } else {
            let new = path.with_extension("new");
            fs::write(&new, bytes)?;
            fs::rename(new, path)?;
        }
        self.hold(key)
    }

    fn holder(&self, g: SegmentId) -> PathBuf {
        self.root.join(".holders").join(g.to_string())
    }

    /// Notes the session as the segment's holder, unless another is that already.
    fn hold(&self, (s, g): Key) -> Answer<()> {
        lock(&FOUND).push((self.path((s, g)), s));
        if self.held(g).is_none() {
            fs::create_dir_all(self.root.join(".holders"))?;
            fs::write(self.holder(g), s.to_string())?;
        }
        Ok(())
    }

    fn held(&self, g: SegmentId) -> Option<SessionId> {
        let session = fs::read_to_string(self.holder(g)).ok()?.parse().ok()?;
        self.path((session, g)).exists().then_some(session)
    }

    /// The ids that name files or folders of `folder`, newest first.
    fn ids<T: std::str::FromStr + Ord>(&self, folder: &Path, extension: &str) -> Answer<Vec<T>> {
        let items = match fs::read_dir(folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            items => items?,
        };
        let mut ids = Vec::new();
        for item in items {
            let name = item?.file_name().into_string().unwrap_or_default();
            let stem = match name.split_once('.') {
                Some((stem, _)) if self.has(Flaw::ListsAnyFile) && !extension.is_empty() => stem,
                _ => name.strip_suffix(extension).unwrap_or_default(),
            };
            ids.extend(stem.parse::<T>().ok());
        }
        ids.sort_by(|a, b| b.cmp(a));
        ids.dedup();
        Ok(ids)
    }

    fn head_of(&self, lines: &Lines) -> Head {
        let mut token = DefaultHasher::new();
        lines.bytes.hash(&mut token);
        Head::new(lines.count(), u128::from(token.finish()))
    }

    fn expect(&self, key: Key, expected: Option<Head>) -> Answer<()> {
        let actual = match self.lines(key) {
            Err(StoreError::NotFound(_)) => None,
            lines => Some(self.head_of(&lines?)),
        };
        if actual == expected { Ok(()) } else { Err(StoreError::Conflict { expected, actual }) }
    }

    fn cut(&self, key: Key, entries_len: usize) -> Answer<()> {
        let lines = self.lines(key)?;
        let count = lines.count();
        match entries_len {
            len if len > count => Err(StoreError::past_the_end(key.1, len, count)),
            len if len == count => Ok(()),
            len => self.replace(key, lines.first(len)),
        }
    }
}

/// Removes whatever this store has not made.
fn sweep(root: &Path) -> io::Result<()> {
    for item in fs::read_dir(root)? {
        let path = item?.path();
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        if path.is_file() && !name.starts_with(".lock") && !name.starts_with(".format") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

impl Store for JsonlStore {
    fn append(&self, s: SessionId, g: SegmentId, entry: &LogEntry) -> Answer<()> {
        self.append_all(s, g, std::slice::from_ref(entry))
    }

    fn read_all(&self, s: SessionId, g: SegmentId) -> Answer<Vec<LogEntry>> {
        let _lock = self.lock()?;
        let lines = self.lines((s, g))?;
        if let (Tail::Torn(start), Flaw::RepairsOnRead) = (lines.tail(), self.flaw) {
            fs::write(self.path((s, g)), &lines.bytes[..start])?;
        }
        lines.entries()
    }

    fn list_sessions(&self) -> Answer<Vec<SessionId>> {
        let _lock = self.lock()?;
        let mut sessions: Vec<SessionId> = self.ids(&self.root, "")?;
        let holds = |s: &SessionId| {
            let segments: Answer<Vec<SegmentId>> =
                self.ids(&self.root.join(s.to_string()), ".jsonl");
            segments.is_ok_and(|segments| !segments.is_empty())
        };
        sessions.retain(holds);
        Ok(sessions)
    }

    fn list_segments(&self, s: SessionId) -> Answer<Vec<SegmentId>> {
        let _lock = self.lock()?;
        self.ids(&self.root.join(s.to_string()), ".jsonl")
    }

    fn lookup_session_of(&self, g: SegmentId) -> Answer<Option<SessionId>> {
        if self.has(Flaw::FindsInItsProcess) {
            let found = lock(&FOUND);
            let held = |(path, _): &&(PathBuf, SessionId)| {
                path.starts_with(&self.root)
                    && path.ends_with(format!("{g}.jsonl"))
                    && path.exists()
            };
            return Ok(found.iter().find(held).map(|(_, session)| *session));
        }
        let _lock = self.lock()?;
        if let Some(session) = self.held(g) {
            return Ok(Some(session));
        }
        let sessions: Vec<SessionId> = self.ids(&self.root, "")?;
        let session = sessions.into_iter().find(|&s| self.path((s, g)).exists());
        session.map_or(Ok(()), |s| self.hold((s, g)))?;
        Ok(session)
    }

    fn create_segment(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Answer<()> {
        let _lock = self.lock()?;
        let texts = entries.iter().map(|entry| format!("{}\n", entry.as_json()));
        self.replace((s, g), texts.collect::<String>().as_bytes())
    }

    fn exists(&self, s: SessionId, g: SegmentId) -> Answer<bool> {
        Ok(self.path((s, g)).exists())
    }

    fn read_entry_count(&self, s: SessionId, g: SegmentId) -> Answer<usize> {
        if self.has(Flaw::CountsInItsProcess) {
            let (path, counts) = (self.path((s, g)), lock(&COUNTS));
            if let Some((_, count)) = counts.iter().rev().find(|(counted, _)| *counted == path) {
                return Ok(*count);
            }
        }
        let _lock = self.lock()?;
        let lines = self.lines((s, g))?;
        if self.has(Flaw::ValidatesOnCount) {
            lines.entries()?;
        }
        Ok(lines.count())
    }

    fn append_trace(&self, s: SessionId, g: SegmentId, entry: &TraceEntry) -> Answer<()> {
        let _lock = self.lock()?;
        let path = self.path((s, g)).with_extension("trace.jsonl");
        fs::create_dir_all(path.parent().unwrap_or(&self.root))?;
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(file.write_all(format!("{}\n", entry.as_json()).as_bytes())?)
    }

    fn truncate(&self, s: SessionId, g: SegmentId, entries_len: usize) -> Answer<()> {
        let _lock = self.lock()?;
        self.cut((s, g), entries_len)?;
        lock(&COUNTS).push((self.path((s, g)), entries_len));
        Ok(())
    }

    fn capabilities(&self) -> Capabilities {
        let guarantees = Capabilities::NONE.with(Capability::Persistent);
        guarantees.with(Capability::MultiProcess).with(Capability::ConditionalAppend)
    }

    fn append_all(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Answer<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let _lock = self.lock()?;
        if self.has(Flaw::ValidatesOnAppend) && self.path((s, g)).exists() {
            self.lines((s, g))?.entries()?;
        }
        self.write((s, g), entries)?;
        if self.has(Flaw::CountsInItsProcess) {
            let path = self.path((s, g));
            let mut counts = lock(&COUNTS);
            let before = counts.iter().rev().find(|(counted, _)| *counted == path);
            let before = before.map_or(0, |(_, count)| *count);
            counts.push((path, before + entries.len()));
        }
        Ok(())
    }

    fn read_page(&self, s: SessionId, g: SegmentId, start: usize, bytes: usize) -> Answer<Page> {
        let _lock = self.lock()?;
        let lines = self.lines((s, g))?;
        if self.has(Flaw::PagesReadTheWholeLog) {
            lines.entries()?;
        }
        let entries = lines.page(start, PageBudget::new(bytes))?;
        Ok(Page::new(entries, self.head_of(&lines)))
    }

    fn head(&self, s: SessionId, g: SegmentId) -> Answer<Option<Head>> {
        let _lock = self.lock()?;
        match self.lines((s, g)) {
            Err(StoreError::NotFound(_)) => Ok(None),
            lines => Ok(Some(self.head_of(&lines?))),
        }
    }

    fn append_if(
        &self,
        s: SessionId,
        g: SegmentId,
        expected: Option<Head>,
        entries: &[LogEntry],
    ) -> Answer<Head> {
        if self.has(Flaw::ComparesBeforeItLocks) {
            self.expect((s, g), expected)?;
            thread::sleep(MOMENT);
        }
        let _lock = self.lock()?;
        if !self.has(Flaw::ComparesBeforeItLocks) {
            self.expect((s, g), expected)?;
        }
        match (expected, entries) {
            (None, []) => self.replace((s, g), b"")?,
            (Some(_), []) => {}
            _ => self.write((s, g), entries)?,
        }
        Ok(self.head_of(&self.lines((s, g))?))
    }

    fn truncate_if(&self, s: SessionId, g: SegmentId, expected: Head, len: usize) -> Answer<Head> {
        let _lock = self.lock()?;
        self.expect((s, g), Some(expected))?;
        self.cut((s, g), len)?;
        Ok(self.head_of(&self.lines((s, g))?))
    }
}
