//! `import`: stores existing agent logs. Each file becomes one segment.
//!
//! Each file is read twice. The first pass checks every line, and finds the first time in the file,
//! which can be a part of the segment's id. The second pass begins when all files have their ids,
//! and stores the entries.
//!
//! No part of an invalid file is therefore stored. The second pass reads only as many bytes as the
//! first pass has checked, even if the file has grown since.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, BufReader, Read, Take};
use std::path::Path;
use std::time::UNIX_EPOCH;

use session_store::{LogEntry, OpenStore, SegmentKey, TraceEntry, error_chain};
use session_store_migrate::{Extension, Stop, extend, extend_trace};

use crate::args::ImportArgs;
use crate::exit::Exit;
use crate::failure::{Failure, warn};
use crate::import::files::{self, LogFile};
use crate::import::ids;
use crate::import::millis_of;
use crate::import::report::{FileReport, State, Summary};
use crate::import::stored_segments::StoredSegments;
use crate::output::Output;
use crate::progress::Bar;
use crate::store::{change, open_or_create};
use session_store_import::{ReadError, Records, SalvagedLine};

pub(crate) fn run(args: &ImportArgs, out: &mut Output) -> Result<Exit, Failure> {
    let import = Import {
        salvage: args.salvage,
        max_line: args.lines.max,
        bar: Bar::new(),
        summary: Summary::default(),
    };
    import.run(args, out)
}

struct Import {
    salvage: bool,
    max_line: usize,
    bar: Bar,
    summary: Summary,
}

/// A file after the first pass.
struct CheckedFile {
    file: LogFile,
    result: Result<Checked, ReadError>,
}

/// The results of the first pass for a valid file.
struct Checked {
    key: SegmentKey,
    /// The number of bytes that were checked.
    bytes: u64,
    entries: usize,
    salvaged: Vec<SalvagedLine>,
    /// The time of the first entry that has one.
    millis: Option<u64>,
}

impl CheckedFile {
    /// Returns whether the file has an invalid line, so that `--salvage` would help.
    const fn has_invalid_line(&self) -> bool {
        matches!(self.result, Err(ReadError::Line { .. }))
    }
}

/// The records of the checked part of a file.
type CheckedRecords = Records<BufReader<Take<File>>>;

impl Import {
    fn run(mut self, args: &ImportArgs, out: &mut Output) -> Result<Exit, Failure> {
        let mut files = self.check_all(files::find(&args.paths)?);
        require_distinct_keys(&files)?;
        let has_invalid_line = files.iter().any(CheckedFile::has_invalid_line);
        // The store is only created if there is a valid file.
        if files.iter().any(|file| file.result.is_ok()) {
            let store = open_or_create(&args.store)?;
            self.resolve_keys(&mut files, &store)?;
            change(&store, || self.store_all(files, &store, out))?;
        } else {
            for CheckedFile { file, result } in files {
                result.err().map_or(Ok(()), |error| self.print(&refusal(&file, &error), out))?;
            }
        }
        drop(self.bar);
        out.answer(&self.summary)?;
        if has_invalid_line && !args.salvage {
            warn("nothing of a refused file was stored; use --salvage to import its valid records");
        }
        Ok(Exit::done_if(self.summary.is_clean()))
    }

    fn check_all(&mut self, files: Vec<LogFile>) -> Vec<CheckedFile> {
        self.bar.begin("checking", files.len());
        let check = |file: LogFile| {
            let result = self.check(&file);
            self.bar.part_done();
            CheckedFile { file, result }
        };
        files.into_iter().map(check).collect()
    }

    /// Reads a file in the first pass.
    fn check(&mut self, file: &LogFile) -> Result<Checked, ReadError> {
        let opened = file.open()?;
        let metadata = opened.metadata()?;
        let mut records = self.records(opened.take(metadata.len()));
        let (mut entries, mut millis) = (0, None);
        for entry in records.by_ref() {
            let entry = entry?;
            entries += 1;
            millis = millis.or_else(|| millis_of(&entry));
            self.bar.read(1, entry.as_json().len() as u64);
        }
        let key = ids::key_of(&file.relative, millis.map_or_else(|| modified(&metadata), Ok)?);
        let salvaged = records.into_salvaged();
        Ok(Checked { key, bytes: metadata.len(), entries, salvaged, millis })
    }

    /// Replaces the key of each file that an earlier import has stored under another key.
    fn resolve_keys(&self, files: &mut [CheckedFile], store: &OpenStore) -> Result<(), Failure> {
        let taken = files.iter().filter_map(|file| Some(file.result.as_ref().ok()?.key)).collect();
        let mut stored = StoredSegments::new(store, taken);
        for CheckedFile { file, result } in files {
            if let Ok(checked) = result {
                let records = || self.read_checked(file, checked);
                checked.key =
                    stored.resolve(&file.relative, checked.key, checked.millis, records)?;
            }
        }
        Ok(())
    }

    fn store_all(
        &mut self,
        files: Vec<CheckedFile>,
        store: &OpenStore,
        out: &mut Output,
    ) -> Result<(), Failure> {
        self.bar.begin("storing", files.len());
        for CheckedFile { file, result } in files {
            let report = match result {
                Ok(checked) => self.store(&file, checked, store),
                Err(error) => refusal(&file, &error),
            };
            self.print(&report, out)?;
            self.bar.part_done();
        }
        Ok(())
    }

    /// Stores a file in the second pass.
    fn store(&mut self, file: &LogFile, checked: Checked, store: &OpenStore) -> FileReport {
        let records = match self.read_checked(file, &checked) {
            Ok(records) => records,
            Err(error) => {
                return FileReport::not_stored(&file.path, State::Failed, error_chain(&error));
            }
        };
        let records = records.inspect(|entry| {
            if let Ok(entry) = entry {
                self.bar.read(1, entry.as_json().len() as u64);
            }
        });
        let extension = match file.is_trace {
            true => extend_trace(store, checked.key, records.map(trace_entry)),
            false => extend(store, checked.key, records),
        };
        report(file, checked, extension)
    }

    /// Reads the checked part of a file again.
    fn read_checked(&self, file: &LogFile, checked: &Checked) -> Result<CheckedRecords, ReadError> {
        let opened = file.open()?.take(checked.bytes);
        Ok(self.records(opened))
    }

    fn records(&self, file: Take<File>) -> CheckedRecords {
        Records::new(BufReader::new(file), self.salvage, self.max_line)
    }

    fn print(&mut self, report: &FileReport, out: &mut Output) -> Result<(), Failure> {
        self.summary.count(report);
        self.bar.suspend(|| out.answer(report))
    }
}

fn trace_entry(entry: Result<LogEntry, ReadError>) -> Result<TraceEntry, ReadError> {
    const REASON: &str = "log entries and trace entries have the same format";
    entry.map(|entry| TraceEntry::from_json(entry.as_json()).expect(REASON))
}

fn modified(metadata: &Metadata) -> io::Result<u64> {
    let since = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Returns an error if two files would be the same segment. Nothing is stored then.
fn require_distinct_keys(files: &[CheckedFile]) -> Result<(), Failure> {
    let mut taken: HashMap<(SegmentKey, bool), &Path> = HashMap::new();
    for CheckedFile { file, result } in files {
        let Ok(Checked { key, .. }) = result else { continue };
        if let Some(other) = taken.insert((*key, file.is_trace), &file.path) {
            return Err(Failure::cannot(
                format!("import both {} and {}", other.display(), file.path.display()),
                format!("both would be {key}; import one of them, or each into a store of its own"),
            ));
        }
    }
    Ok(())
}

fn refusal(file: &LogFile, error: &ReadError) -> FileReport {
    let state = match error {
        ReadError::Line { .. }
        | ReadError::TooLong { .. }
        | ReadError::Dangling
        | ReadError::NotRegular => State::Refused,
        ReadError::Io(_) => State::Failed,
    };
    FileReport::not_stored(&file.path, state, error_chain(error))
}

/// Creates the report of a valid file.
fn report(file: &LogFile, checked: Checked, extension: Extension<ReadError>) -> FileReport {
    const CHANGED: &str = "the file changed during the import";
    let stored = extension.already + extension.appended;
    let (state, reason) = match extension.stopped.map(|stop| *stop) {
        None if stored != checked.entries => (State::Failed, Some(CHANGED.to_owned())),
        None if extension.already == 0 => (State::Imported, None),
        None if extension.appended == 0 => (State::Unchanged, None),
        None => (State::Extended, None),
        Some(Stop::Conflict(difference)) => (
            State::Conflict,
            Some(format!("the file does not extend the stored segment: {difference}")),
        ),
        Some(stop @ Stop::Moved { .. }) => (State::Conflict, Some(error_chain(&stop))),
        Some(Stop::Source(error)) => {
            (State::Failed, Some(format!("{CHANGED}: {}", error_chain(&error))))
        }
        Some(stop @ (Stop::Destination(_) | Stop::Aborted)) => {
            (State::Failed, Some(error_chain(&stop)))
        }
    };
    FileReport {
        path: file.path.display().to_string(),
        key: Some(checked.key),
        trace: file.is_trace,
        entries: stored,
        new: extension.appended,
        state,
        reason,
        salvaged: checked.salvaged,
    }
}
