//! `import`: takes existing agent logs into a store, a segment for each file.
//!
//! Each file is read twice. The first reading checks every line and finds the file's time; only when all
//! files have their ids does the second one store. So nothing of a bad file is stored, and a file that
//! grows meanwhile is taken as far as it was checked.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, BufReader, Read, Take};
use std::path::Path;
use std::time::UNIX_EPOCH;

use session_store::{LogEntry, OpenStore, TraceEntry};
use session_store_migrate::{Extension, Stop, extend, extend_trace};

use crate::args::ImportArgs;
use crate::exit::Exit;
use crate::failure::{Failure, chain, warn};
use crate::import::files::{self, LogFile};
use crate::import::ids::{self, Ids};
use crate::import::records::{Finding, ReadError, Records};
use crate::import::report::{FileReport, State, Summary};
use crate::import::stored_ids::StoredIds;
use crate::import::time;
use crate::output::Output;
use crate::progress::Bar;
use crate::store::open_or_create;

pub(crate) fn run(args: &ImportArgs, out: &mut Output) -> Result<Exit, Failure> {
    let import = Import { salvage: args.salvage, bar: Bar::new(), summary: Summary::default() };
    import.run(args, out)
}

struct Import {
    salvage: bool,
    bar: Bar,
    summary: Summary,
}

/// A file after its first reading.
struct Plan {
    file: LogFile,
    checked: Result<Checked, ReadError>,
}

/// What the first reading found in a sound file.
struct Checked {
    ids: Ids,
    /// How far the file was checked.
    bytes: u64,
    entries: usize,
    findings: Vec<Finding>,
    /// The time of the first entry that has one; where none has, the ids hold the file's own.
    millis: Option<u64>,
}

impl Plan {
    /// Whether the file is refused for what is in it, which salvaging could take apart.
    const fn has_bad_line(&self) -> bool {
        matches!(self.checked, Err(ReadError::Line { .. }))
    }
}

type CheckedRecords = Records<BufReader<Take<File>>>;

impl Import {
    fn run(mut self, args: &ImportArgs, out: &mut Output) -> Result<Exit, Failure> {
        let mut plans = self.check_all(files::find(&args.paths)?);
        require_distinct(&plans)?;
        let bad_lines = plans.iter().any(Plan::has_bad_line);
        // Where no file is sound, no store is made.
        if plans.iter().any(|plan| plan.checked.is_ok()) {
            let store = open_or_create(&args.store)?;
            self.settle_all(&mut plans, &store)?;
            self.store_all(plans, &store, out)?;
        } else {
            for Plan { file, checked } in plans {
                checked.err().map_or(Ok(()), |error| self.print(&refused(&file, &error), out))?;
            }
        }
        drop(self.bar);
        out.answer(&self.summary)?;
        if bad_lines && !args.salvage {
            warn("nothing of a refused file was stored; --salvage takes what is whole in it");
        }
        Ok(Exit::done_if(self.summary.is_clean()))
    }

    fn check_all(&mut self, files: Vec<LogFile>) -> Vec<Plan> {
        self.bar.begin("checking", files.len());
        let check = |file: LogFile| {
            let checked = self.check(&file);
            self.bar.part_done();
            Plan { file, checked }
        };
        files.into_iter().map(check).collect()
    }

    /// The first reading.
    fn check(&mut self, file: &LogFile) -> Result<Checked, ReadError> {
        let opened = file.open()?;
        let metadata = opened.metadata()?;
        let mut records = Records::new(BufReader::new(opened.take(metadata.len())), self.salvage);
        let (mut entries, mut millis) = (0, None);
        for entry in records.by_ref() {
            let entry = entry?;
            entries += 1;
            millis = millis.or_else(|| time::millis_of(&entry));
            self.bar.read(1, entry.as_json().len() as u64);
        }
        let ids = ids::ids_of(&file.relative, millis.map_or_else(|| modified(&metadata), Ok)?);
        let findings = records.into_findings();
        Ok(Checked { ids, bytes: metadata.len(), entries, findings, millis })
    }

    /// Gives each file the ids under which an earlier import stored it.
    fn settle_all(&self, plans: &mut [Plan], store: &OpenStore) -> Result<(), Failure> {
        let taken = plans.iter().filter_map(|plan| Some(plan.checked.as_ref().ok()?.ids)).collect();
        let mut settler = StoredIds::new(store, taken);
        for Plan { file, checked } in plans {
            if let Ok(checked) = checked {
                let records = || self.read_again(file, checked);
                checked.ids =
                    settler.settle(&file.relative, checked.ids, checked.millis, records)?;
            }
        }
        Ok(())
    }

    fn store_all(
        &mut self,
        plans: Vec<Plan>,
        store: &OpenStore,
        out: &mut Output,
    ) -> Result<(), Failure> {
        self.bar.begin("storing", plans.len());
        for Plan { file, checked } in plans {
            let report = match checked {
                Ok(checked) => self.store(&file, checked, store),
                Err(error) => refused(&file, &error),
            };
            self.print(&report, out)?;
            self.bar.part_done();
        }
        Ok(())
    }

    /// The second reading.
    fn store(&mut self, file: &LogFile, checked: Checked, store: &OpenStore) -> FileReport {
        let records = match self.read_again(file, &checked) {
            Ok(records) => records,
            Err(error) => return FileReport::without_ids(&file.path, State::Failed, chain(&error)),
        };
        let records = records.inspect(|entry| {
            if let Ok(entry) = entry {
                self.bar.read(1, entry.as_json().len() as u64);
            }
        });
        let Ids { session_id, segment_id } = checked.ids;
        let extension = match file.is_trace {
            true => extend_trace(store, session_id, segment_id, records.map(traced)),
            false => extend(store, session_id, segment_id, records),
        };
        report(file, checked, extension)
    }

    /// The records of a file as far as it was checked.
    fn read_again(&self, file: &LogFile, checked: &Checked) -> Result<CheckedRecords, ReadError> {
        let opened = file.open()?.take(checked.bytes);
        Ok(Records::new(BufReader::new(opened), self.salvage))
    }

    fn print(&mut self, report: &FileReport, out: &mut Output) -> Result<(), Failure> {
        self.summary.count(report);
        self.bar.aside(|| out.answer(report))
    }
}

fn traced(entry: Result<LogEntry, ReadError>) -> Result<TraceEntry, ReadError> {
    const WHY: &str = "what is an entry of a log is one of a trace";
    entry.map(|entry| TraceEntry::from_json(entry.as_json()).expect(WHY))
}

fn modified(metadata: &Metadata) -> io::Result<u64> {
    let since = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Two files that would become one segment are an error before anything is stored.
fn require_distinct(plans: &[Plan]) -> Result<(), Failure> {
    let mut taken: HashMap<(Ids, bool), &Path> = HashMap::new();
    for Plan { file, checked } in plans {
        let Ok(Checked { ids, .. }) = checked else { continue };
        if let Some(other) = taken.insert((*ids, file.is_trace), &file.path) {
            return Err(Failure::cannot(
                format!("import both {} and {}", other.display(), file.path.display()),
                format!("both are segment {} of session {}", ids.segment_id, ids.session_id),
            ));
        }
    }
    Ok(())
}

fn refused(file: &LogFile, error: &ReadError) -> FileReport {
    let state = match error {
        ReadError::Line { .. } | ReadError::Dangling | ReadError::NotRegular => State::Refused,
        ReadError::Io(_) => State::Failed,
    };
    FileReport::without_ids(&file.path, state, chain(error))
}

/// What became of a file that was sound.
fn report(file: &LogFile, checked: Checked, extension: Extension<ReadError>) -> FileReport {
    const CHANGED: &str = "it was changed while it was read";
    let stored = extension.already + extension.appended;
    let (state, reason) = match extension.stopped.map(|stop| *stop) {
        None if stored != checked.entries => (State::Failed, Some(CHANGED.to_owned())),
        None if extension.already == 0 => (State::Imported, None),
        None if extension.appended == 0 => (State::Unchanged, None),
        None => (State::Extended, None),
        Some(Stop::Conflict(difference)) => (
            State::Conflict,
            Some(format!("the file does not extend what is stored: {difference}")),
        ),
        Some(stop @ Stop::Moved { .. }) => (State::Conflict, Some(chain(&stop))),
        Some(Stop::Source(error)) => (State::Failed, Some(format!("{CHANGED}: {}", chain(&error)))),
        Some(stop @ (Stop::Destination(_) | Stop::GivenUp)) => (State::Failed, Some(chain(&stop))),
    };
    FileReport {
        path: file.path.display().to_string(),
        ids: Some(checked.ids),
        trace: file.is_trace,
        entries: stored,
        new: extension.appended,
        state,
        reason,
        salvaged: checked.findings,
    }
}
