//! `Unit`: a log, trace or pod in a file, with its format and its ids.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::SystemTime;

use serde_json::Value;
use session_store_core::{LogEntry, error_chain};

use crate::candidate::{Candidate, uncompressed};
use crate::format::{Encoding, FileKind, Format};
use crate::formats::{AnyJsonl, FORMATS, format_of, session_in};
use crate::identity::Identity;
use crate::options::Options;
use crate::records::{Oddities, ReadError, Records};
use crate::report::{State, UnitReport, WITHOUT_EXTENSION};
use crate::search::FoundFile;
use crate::source::{LogFile, foreign};

/// A log, trace or pod in a file.
#[derive(Debug)]
pub(crate) struct Unit {
    pub(crate) file: FoundFile,
    pub(crate) format: &'static dyn Format,
    pub(crate) kind: FileKind,
    /// The ids. `None` for a pod, and for a file without entries.
    pub(crate) identity: Option<Identity>,
    pub(crate) is_compressed: bool,
}

/// The result of reading the beginning of a file.
#[derive(Debug)]
pub(crate) enum Inspected {
    Unit(Unit),
    /// The file is a log that cannot be read.
    Report(UnitReport),
    /// The file is not a log. The text is the kind of the file.
    PassedOver(String),
}

/// The maximum number of records that are read to find the format of standard input.
const RECOGNIZED_BY: usize = 8;
/// The maximum number of bytes that a format can read of another file near a log.
const NEARBY_BYTES: u64 = 64 * 1024;

/// Finds the format of a file and the ids of its log.
pub(crate) fn inspect(file: &FoundFile, options: &Options) -> Inspected {
    let opened = LogFile::open(&file.absolute).and_then(|file| Ok((file.head()?, file)));
    let nearby = |path: &str| read_nearby(&file.absolute, path);
    let head = opened.as_ref().map_or(&[][..], |(head, _)| head);
    let candidate = Candidate::new(&file.absolute, head).with_nearby(&nearby);
    let classified =
        FORMATS.into_iter().find_map(|format| Some((format, format.classify(&candidate)?)));
    let (format, kind) = match classified {
        Some((_, FileKind::Companion(kind))) if !file.is_named => {
            return Inspected::PassedOver(kind.to_owned());
        }
        Some((format, kind)) if !matches!(kind, FileKind::Companion(_)) => (format, kind),
        _ if file.is_named => (&AnyJsonl as &dyn Format, FileKind::Log(encoding_of(&candidate))),
        _ => return Inspected::PassedOver(kind_of_other(&file.path, opened.as_ref())),
    };
    let mut unit = Unit { file: file.clone(), format, kind, identity: None, is_compressed: false };
    let first = match &opened {
        Err(error) => return Inspected::Report(unit_error(&unit, error)),
        Ok((head, opened)) => {
            unit.is_compressed = opened.is_compressed();
            match foreign(head) {
                Some(foreign) => Err(ReadError::Foreign(foreign.one)),
                None => unit.first(opened, options),
            }
        }
    };
    match first {
        Err(error) => Inspected::Report(unit_error(&unit, &error)),
        Ok(first) => {
            unit.identity = first.map(|first| format.identify(&candidate, &first));
            Inspected::Unit(unit)
        }
    }
}

/// Finds the format and the ids of a log from standard input, which was copied to a file.
pub(crate) fn inspect_input(file: FoundFile, options: &Options) -> Inspected {
    let read = LogFile::open(&file.absolute).and_then(|opened| {
        let records = Records::new(opened.reader()?, options.salvage, options.max_line);
        let first = records.take(RECOGNIZED_BY).collect::<Result<Vec<_>, _>>()?;
        Ok((first, opened.is_compressed()))
    });
    let mut unit = Unit {
        file,
        format: &AnyJsonl,
        kind: FileKind::Log(Encoding::Lines),
        identity: None,
        is_compressed: false,
    };
    match read {
        Err(error) => Inspected::Report(unit_error(&unit, &error)),
        Ok((first, is_compressed)) => {
            // The ids of the log depend on the format. Ids are read only from entries that
            // `serde_json` decodes, so the format is found from the same entries.
            let is_decoded = |entry: &&LogEntry| entry.decode::<Value>().is_ok();
            unit.format = format_of(&first.iter().filter(is_decoded).cloned().collect::<Vec<_>>());
            unit.is_compressed = is_compressed;
            let candidate = Candidate::new(&unit.file.path, b"");
            // Use the first entry that names the session. Some programs write a few other entries
            // before that entry.
            let is_known = unit.format.name() != AnyJsonl.name();
            let naming = first.iter().find(|entry| is_known && session_in(entry).is_some());
            let naming = naming.or(first.first());
            unit.identity = naming.map(|entry| unit.format.identify(&candidate, entry));
            Inspected::Unit(unit)
        }
    }
}

/// Returns the encoding of a file that the user named. The file is one document if its content
/// begins with an array, unless its name ends with `.jsonl` or `.ndjson`.
fn encoding_of(file: &Candidate<'_>) -> Encoding {
    let is_lines = file.stem("jsonl").or_else(|| file.stem("ndjson")).is_some();
    match file.head().trim_ascii_start().first() {
        Some(b'[') if !is_lines => Encoding::Document,
        _ => Encoding::Lines,
    }
}

/// Returns the name of the kind for a file that no format accepts. The name is a plural.
fn kind_of_other(path: &Path, opened: Result<&(Vec<u8>, LogFile), &ReadError>) -> String {
    match opened {
        Err(ReadError::NotRegular) => return "special files".to_owned(),
        Err(_) => return "other files that cannot be read".to_owned(),
        Ok((head, _)) => {
            if let Some(foreign) = foreign(head) {
                return foreign.many.to_owned();
            }
        }
    }
    let name = path.file_name().and_then(OsStr::to_str).map(uncompressed).unwrap_or_default();
    match Path::new(name).extension().and_then(OsStr::to_str) {
        Some(extension) => format!("*.{extension}"),
        None => WITHOUT_EXTENSION.to_owned(),
    }
}

/// Reads the beginning of a regular file at a path relative to the folder of `file`.
fn read_nearby(file: &Path, path: &str) -> Option<Vec<u8>> {
    let path = file.parent()?.join(path);
    let mut content = Vec::new();
    let file = path.is_file().then(|| File::open(path).ok()).flatten()?;
    file.take(NEARBY_BYTES).read_to_end(&mut content).ok()?;
    Some(content)
}

/// Creates the report of a unit that cannot be read.
pub(crate) fn unit_error(unit: &Unit, error: &ReadError) -> UnitReport {
    let state = match error {
        ReadError::Io(_) => State::Failed,
        _ => State::Refused,
    };
    let salvage_helps = match error {
        // All lines before the bad line are valid, so `salvage` stores them. If the first line is
        // bad, look for a whole record in the file.
        ReadError::Line { line, .. } => *line > 1 || has_whole_record(&unit.file.absolute),
        _ => false,
    };
    UnitReport { salvage_helps, ..unit.report(state, error_chain(error)) }
}

/// Returns whether the file has a whole record that `salvage` would store. The search ends at the
/// first line that is longer than `MAX_LINE`, to limit the memory.
fn has_whole_record(path: &Path) -> bool {
    const MAX_LINE: usize = 1 << 20;
    let find = || {
        let file = LogFile::open(path).ok()?;
        Records::new(file.reader().ok()?, true, MAX_LINE).next()?.ok()
    };
    find().is_some()
}

/// A log of which all entries were read and checked.
#[derive(Debug)]
pub(crate) struct Content {
    file: LogFile,
    pub(crate) entries: Collected,
    pub(crate) oddities: Oddities,
}

/// The entries of a log.
#[derive(Debug)]
pub(crate) struct Collected {
    /// The entries, unless they are too large to be kept in memory.
    kept: Option<Vec<LogEntry>>,
    pub(crate) count: usize,
    bytes: u64,
    /// The latest time of all entries. `None` if the options do not need this time.
    pub(crate) latest: Option<SystemTime>,
}

/// The size of the logs that are kept in memory between the check and the storing, in bytes. A
/// larger log is read twice.
const KEPT_BYTES: u64 = 8 << 20;

/// An iterator over the entries of a log.
pub(crate) type Entries<'a> = Box<dyn Iterator<Item = Result<LogEntry, ReadError>> + 'a>;

impl Unit {
    /// Returns a report of this unit that counts no entries.
    pub(crate) fn report(&self, state: State, reason: impl Into<Option<String>>) -> UnitReport {
        UnitReport {
            format: Some(self.format.name()),
            trace: self.kind == FileKind::Trace,
            ..UnitReport::new(&self.file.path, state, reason)
        }
    }

    /// Reads the first entry of the log. Returns `None` for a pod.
    fn first(&self, file: &LogFile, options: &Options) -> Result<Option<LogEntry>, ReadError> {
        match self.kind {
            FileKind::Pod => Ok(None),
            _ => self.entries(file, options)?.next().transpose(),
        }
    }

    /// Iterates over the entries of the log.
    fn entries<'a>(&self, file: &'a LogFile, options: &Options) -> Result<Entries<'a>, ReadError> {
        match self.kind {
            FileKind::Log(Encoding::Document) => {
                let entries = self.document(file, options)?;
                Ok(Box::new(entries.into_iter().map(Ok)))
            }
            _ => {
                let records = Records::new(file.reader()?, options.salvage, options.max_line);
                Ok(Box::new(records.map(|entry| entry.map_err(|error| file.explain(error)))))
            }
        }
    }

    /// Reads a file that is one document.
    fn document(&self, file: &LogFile, options: &Options) -> Result<Vec<LogEntry>, ReadError> {
        let mut text = Vec::new();
        let limit = (options.max_line as u64).saturating_add(1);
        let read = file.reader()?.take(limit).read_to_end(&mut text);
        read.map_err(|error| file.error(error))?;
        if text.len() > options.max_line {
            return Err(ReadError::TooLong { line: 1, max: options.max_line });
        }
        let text =
            String::from_utf8(text).map_err(|_| ReadError::Document("invalid UTF-8".to_owned()))?;
        let text = text.trim_start_matches('\u{feff}');
        if text.trim_ascii().is_empty() {
            return Ok(Vec::new());
        }
        self.format.split(text).map_err(|error| {
            let form = self.format.name();
            ReadError::Document(format!("it is not a document of {form}: {error}"))
        })
    }

    /// Reads and checks the whole log. `observe` is called with the size of each entry.
    pub(crate) fn read(
        &self,
        options: &Options,
        observe: &mut dyn FnMut(u64),
    ) -> Result<Content, ReadError> {
        let file = LogFile::open(&self.file.absolute)?;
        let mut entries = Collected { kept: Some(Vec::new()), count: 0, bytes: 0, latest: None };
        let mut add = |entry: LogEntry| {
            observe(entry.as_json().len() as u64);
            if options.since.is_some() {
                entries.latest = entries.latest.max(self.format.describe(&entry).time);
            }
            entries.add(entry);
        };
        let mut oddities = Oddities::default();
        if let FileKind::Log(Encoding::Document) = self.kind {
            self.document(&file, options)?.into_iter().for_each(add);
        } else {
            let mut records = Records::new(file.reader()?, options.salvage, options.max_line);
            for entry in records.by_ref() {
                add(entry.map_err(|error| file.explain(error))?);
            }
            oddities = records.into_oddities();
        }
        if entries.count == 0 && !oddities.salvaged.is_empty() {
            return Err(ReadError::Nothing);
        }
        Ok(Content { file, entries, oddities })
    }

    /// Iterates over the entries from the index `start` on. The first entry has the index 0.
    pub(crate) fn entries_from<'a>(
        &self,
        content: &'a Content,
        start: usize,
        options: &Options,
    ) -> Result<Entries<'a>, ReadError> {
        match &content.entries.kept {
            Some(entries) => Ok(Box::new(entries[start..].iter().cloned().map(Ok))),
            None => {
                let entries = self.entries(&content.file, options)?;
                Ok(Box::new(entries.take(content.entries.count).skip(start)))
            }
        }
    }
}

impl Collected {
    fn add(&mut self, entry: LogEntry) {
        self.count += 1;
        self.bytes += entry.as_json().len() as u64;
        match &mut self.kept {
            Some(_) if self.bytes > KEPT_BYTES => self.kept = None,
            Some(entries) => entries.push(entry),
            None => {}
        }
    }
}

impl LogFile {
    /// Names the compression in an error of the input, because damaged compressed data is a
    /// possible cause. Returns every other error unchanged.
    fn explain(&self, error: ReadError) -> ReadError {
        match error {
            ReadError::Io(error) => self.error(error),
            other => other,
        }
    }
}
