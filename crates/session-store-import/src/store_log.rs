//! Stores one log. If the log conflicts with the stored log, the options determine the outcome.

use session_store_core::{LogEntry, SegmentKey, Store, TraceEntry, error_chain};
use session_store_migrate::{
    Difference, Extension, OnConflict as Writes, Side, Stop, WritePolicy, extend_trace_with,
    extend_with,
};

use crate::fork::{Common, Fork};
use crate::format::FileKind;
use crate::identity::Identity;
use crate::options::{OnConflict, Options};
use crate::provenance;
use crate::records::ReadError;
use crate::report::{State, UnitReport};
use crate::unit::{Content, Unit};

/// The maximum length of a chain in which each segment is a fork of the previous fork.
const MAX_FORKS: usize = 64;

/// A log with valid entries, and its destination.
pub(crate) struct StoreLog<'a> {
    pub(crate) unit: &'a Unit,
    pub(crate) identity: &'a Identity,
    pub(crate) content: &'a Content,
    pub(crate) options: &'a Options,
    pub(crate) to: &'a dyn Store,
}

/// The segment to which the entries are appended.
struct Destination {
    key: SegmentKey,
    /// The entry that names the origin, if the segment is a fork.
    fork: Option<Fork>,
}

impl Destination {
    /// Returns the position in the file at which the entries of the segment begin.
    fn start(&self) -> usize {
        self.fork.as_ref().map_or(0, |fork| fork.at)
    }

    /// Returns the number of entries of the segment that do not come from the file. A fork has one
    /// such entry, which names its origin.
    fn added(&self) -> usize {
        usize::from(self.fork.is_some())
    }
}

impl StoreLog<'_> {
    /// Stores the log. `earlier` is another file of this import that was stored in the same segment
    /// before.
    pub(crate) fn run(&self, earlier: Option<&Unit>) -> UnitReport {
        if let (true, Some(earlier)) = (self.options.dry_run, earlier) {
            // A dry run has not stored the entries of the earlier file, so this file cannot be
            // compared with them.
            let other = earlier.file.path.display();
            let reason = format!("{other} is the same segment; a dry run does not compare them");
            let key = Some(self.identity.key);
            return UnitReport { key, ..self.unit.report(State::Skipped, reason) };
        }
        let mut report = self.attempt(earlier.is_some());
        report.oddities = self.content.oddities.clone();
        if let Some(earlier) = earlier {
            add_earlier(&mut report, &earlier.file.path.to_string_lossy());
        }
        report
    }

    /// Stores the log in its segment, or in a fork of the segment. `is_second` says whether this
    /// import has already stored another file in the segment.
    fn attempt(&self, is_second: bool) -> UnitReport {
        let mut destination = Destination { key: self.identity.key, fork: None };
        for _ in 0..MAX_FORKS {
            let extension = self.extend(&destination, Writes::Report);
            let Some(Stop::Conflict(difference)) = extension.stopped.as_deref() else {
                return self.finish(&destination, &extension);
            };
            if matches!(difference, Difference::Ends { side: Side::Source, .. }) {
                return self.finish(&destination, &extension);
            }
            // An import must not replace the same log twice: a second file of the segment would
            // delete the entries of the first file.
            let is_replaceable = !is_second && self.unit.kind != FileKind::Trace;
            match self.on_conflict() {
                OnConflict::Replace if is_replaceable => {
                    return self.finish(&destination, &self.extend(&destination, Writes::Replace));
                }
                // The first entry of the segment must be the entry that names the origin. Otherwise
                // another segment has the id of the fork, and the conflict is reported.
                OnConflict::Fork if extension.already >= destination.added() => {
                    match self.fork(&destination, extension.already) {
                        Ok(fork) => destination = fork,
                        Err(error) => return self.failure(&error),
                    }
                }
                _ => return self.finish(&destination, &extension),
            }
        }
        self.unit.report(State::Conflict, "the log differs from each of its forks".to_owned())
    }

    /// Returns the treatment of a conflict. A trace is not forked, because a fork is a new log. A
    /// fork is the default for a log whose program rewrites records
    /// ([`Format::rewrites`](crate::Format::rewrites)).
    fn on_conflict(&self) -> OnConflict {
        match self.options.on_conflict {
            OnConflict::Fork if self.unit.kind == FileKind::Trace => OnConflict::Report,
            OnConflict::Report if self.unit.format.rewrites() => OnConflict::Fork,
            chosen => chosen,
        }
    }

    /// Appends the missing entries to a segment.
    fn extend(&self, destination: &Destination, on_conflict: Writes) -> Extension<ReadError> {
        let policy = WritePolicy { on_conflict, dry_run: self.options.dry_run };
        let entries = self.unit.entries_from(self.content, destination.start(), self.options);
        let entries: Box<dyn Iterator<Item = _> + '_> = match entries {
            Ok(entries) => entries,
            Err(error) => Box::new(std::iter::once(Err(error))),
        };
        if self.unit.kind == FileKind::Trace {
            return extend_trace_with(self.to, destination.key, entries.map(trace_entry), policy);
        }
        let origin = destination.fork.as_ref().map(|fork| Ok(fork.entry.clone()));
        extend_with(self.to, destination.key, origin.into_iter().chain(entries), policy)
    }

    /// Returns the fork of a segment after its first `equal` entries. These entries are equal to
    /// the entries of the file.
    fn fork(&self, destination: &Destination, equal: usize) -> Result<Destination, ReadError> {
        let at = destination.start() + equal - destination.added();
        let mut entries = self.unit.entries_from(self.content, 0, self.options)?;
        let common = entries.by_ref().take(at).try_fold(Common::default(), |common, entry| {
            entry.map(|entry| common.add(self.unit.format, &entry))
        })?;
        let first = entries.next().transpose()?;
        let fork = Fork::new(destination.key, common, first.as_ref());
        Ok(Destination { key: fork.key, fork: Some(fork) })
    }

    fn failure(&self, error: &ReadError) -> UnitReport {
        self.unit.report(State::Failed, error_chain(error))
    }

    /// Creates the report, and stores the origin of the log in the trace.
    fn finish(&self, destination: &Destination, extension: &Extension<ReadError>) -> UnitReport {
        let expected = self.content.entries.count - destination.start() + destination.added();
        let stored = extension.already + extension.appended;
        let (state, reason) = outcome(extension, stored == expected, self.options);
        // The first entry of a fork names the origin. Do not count this entry, because it is not in
        // the file.
        let appended_origin = if extension.already == 0 { destination.added() } else { 0 };
        let report = UnitReport {
            key: Some(destination.key),
            fork_of: destination.fork.as_ref().map(|fork| fork.of),
            entries: destination.start() + stored.saturating_sub(destination.added()),
            new: extension.appended.saturating_sub(appended_origin),
            ..self.unit.report(state, reason)
        };
        let is_log = matches!(self.unit.kind, FileKind::Log(_));
        if !state.is_stored() || !is_log || self.options.dry_run {
            return report;
        }
        let is_new = state == State::Imported;
        match provenance::add(self.to, destination.key, self.unit, self.identity, is_new) {
            Ok(()) => report,
            Err(error) => UnitReport {
                state: State::Failed,
                reason: Some(format!("cannot store where the log came from: {error}")),
                ..report
            },
        }
    }
}

/// Returns the state of a log after its extension, and the reason for this state.
fn outcome(
    extension: &Extension<ReadError>,
    is_whole: bool,
    options: &Options,
) -> (State, Option<String>) {
    const CHANGED: &str = "the file changed during the import";
    match extension.stopped.as_deref() {
        None if !is_whole => (State::Failed, Some(CHANGED.to_owned())),
        None if extension.cut > 0 => {
            let cut = format!("{} stored entries were replaced", extension.cut);
            (State::Extended, Some(cut))
        }
        None if extension.already == 0 => (State::Imported, None),
        None if extension.appended == 0 => (State::Unchanged, None),
        None => (State::Extended, None),
        Some(Stop::Conflict(Difference::Ends { side: Side::Source, .. })) => {
            (State::Behind, Some("the store has more entries than the file".to_owned()))
        }
        Some(Stop::Conflict(difference)) if options.on_conflict == OnConflict::Skip => {
            (State::Skipped, Some(format!("it differs from the stored log: {difference}")))
        }
        Some(Stop::Conflict(difference)) => {
            let advice = "keep both with --on-conflict fork, or only the file with replace";
            let reason = format!("the file does not extend the stored log: {difference}; {advice}");
            (State::Conflict, Some(reason))
        }
        Some(stop @ Stop::Moved { .. }) => (State::Conflict, Some(error_chain(stop))),
        Some(Stop::Source(error)) => {
            (State::Failed, Some(format!("{CHANGED}: {}", error_chain(error))))
        }
        Some(stop @ (Stop::Destination(_) | Stop::Aborted)) => {
            (State::Failed, Some(error_chain(stop)))
        }
    }
}

/// Adds to a report that another file of this import was stored in the same segment.
fn add_earlier(report: &mut UnitReport, other: &str) {
    match report.state {
        State::Behind | State::Unchanged if report.fork_of.is_none() => {
            report.state = State::Unchanged;
            report.reason = Some(format!("{other} has the same entries"));
        }
        State::Conflict => {
            let reason = report.reason.take().unwrap_or_default();
            report.reason = Some(format!("{other} is the same segment; {reason}"));
        }
        _ => {}
    }
}

fn trace_entry(entry: Result<LogEntry, ReadError>) -> Result<TraceEntry, ReadError> {
    const REASON: &str = "log entries and trace entries have the same format";
    entry.map(|entry| TraceEntry::from_json(entry.as_json()).expect(REASON))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use session_store_memory::MemoryStore;

    use super::*;
    use crate::search::FoundFile;
    use crate::unit::{Inspected, inspect};

    /// Imports a log and changes the file between the two reads. The log is read twice, because it
    /// is too large to be kept in memory.
    fn stored_after(change: impl FnOnce(&std::path::Path)) -> (UnitReport, usize) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("0ccf1a04-1b4c-43b6-8aa5-79e41db43a68.jsonl");
        fs::write(&path, format!("{{\"a\":\"{}\"}}\n", "x".repeat(100_000)).repeat(100)).unwrap();
        let bytes = fs::metadata(&path).unwrap().len();
        let file = FoundFile {
            path: path.clone(),
            absolute: path.clone(),
            bytes,
            is_named: true,
            root: 0,
        };
        let options = Options::default();
        let Inspected::Unit(unit) = inspect(&file, &options) else { panic!("it is a log") };
        let content = unit.read(&options, &mut |_| ()).unwrap();
        change(&path);
        let to = MemoryStore::new();
        let identity = unit.identity.as_ref().unwrap();
        let log = StoreLog { unit: &unit, identity, content: &content, options: &options, to: &to };
        let report = log.run(None);
        let SegmentKey { session_id, segment_id } = identity.key;
        (report, to.read_entry_count(session_id, segment_id).unwrap())
    }

    #[test]
    fn a_file_that_shrinks_is_stored_in_part_and_reported() {
        let (report, stored) = stored_after(|path| {
            fs::File::options().write(true).open(path).unwrap().set_len(250_000).unwrap();
        });
        assert_eq!((report.state, stored), (State::Failed, 2));
        assert!(report.reason.unwrap().starts_with("the file changed"));
    }

    /// The import still has the replaced file open, so it reads the old content.
    #[test]
    fn a_file_that_is_replaced_is_stored_as_it_was() {
        let (report, stored) = stored_after(|path| {
            fs::rename(path, path.with_extension("old")).unwrap();
            fs::write(path, "{\"n\":1}\n").unwrap();
        });
        assert_eq!((report.state, stored), (State::Imported, 100));
    }

    #[test]
    fn a_file_that_grows_is_stored_up_to_its_old_end() {
        let (report, stored) = stored_after(|path| {
            let mut content = fs::read(path).unwrap();
            content.extend(b"{\"n\":1}\n[broken");
            fs::write(path, content).unwrap();
        });
        assert_eq!((report.state, stored), (State::Imported, 100));
    }
}
