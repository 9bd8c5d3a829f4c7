//! Writing a backup into a store.

use std::io::{Read, Seek};

use session_store_core::{
    Capability, LogEntry, Pod, PodName, PodStore, Store, StoreError, TraceEntry,
};

use super::check::{Backup, open_readme, pod};
use super::error::BackupError;
use super::file::{File, PodFile};
use super::manifest::{Member, Part};
use super::read::{Archive, Content};
use crate::breaker::CircuitBreaker;
use crate::comparison::Difference;
use crate::error::{Failure, MigrateError};
use crate::extend::{Extension, Stop, extend, extend_trace};
use crate::meter::Meter;
use crate::options::ABORT_AFTER;
use crate::pair::sync;
use crate::progress::{Phase, Progress};
use crate::side::{Gap, Side};

/// What became of each log, trace and pod of a backup.
#[derive(Debug)]
#[non_exhaustive]
pub struct RestoreReport {
    /// All that the backup has, in its order, without what the gaps tell and the traces of logs that are in
    /// conflict: beside another log they would tell lies.
    pub parts: Vec<PartRestore>,
    /// What the destination cannot keep.
    pub gaps: Vec<Gap>,
    /// Why the destination could not sync what was written to it, if it can sync and failed: a power cut may
    /// take of it.
    pub sync_failure: Option<Failure>,
}

/// What became of one log, trace or pod.
#[derive(Debug)]
#[non_exhaustive]
pub struct PartRestore {
    /// Which one.
    pub part: Part,
    /// The entries that were there already, equal to the backup's first ones; a pod counts as one.
    pub already: usize,
    /// The entries that were written after them.
    pub written: usize,
    /// Why it is not the backup's, if it is not.
    pub stopped: Option<Stop<BackupError>>,
}

impl RestoreReport {
    /// Whether all that the backup has is in the destination.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.gaps.is_empty()
            && self.sync_failure.is_none()
            && self.parts.iter().all(|part| part.stopped.is_none())
    }

    /// Whether that is what was restored last, and the destination has something else.
    fn is_in_conflict(&self, part: &Part) -> bool {
        let last = self.parts.last().filter(|last| last.part == *part);
        last.and_then(|last| last.stopped.as_ref()).is_some_and(Stop::is_conflict)
    }
}

impl<R: Read + Seek> Backup<R> {
    /// Writes the backup into a store, as a migration would: what is there already and equal stays and is not
    /// written again, so a restore that was interrupted is resumed by starting it again; what differs is a
    /// conflict and stays too. Where the destination fails on everything for half a minute, the rest is given
    /// up. [`prove`](Self::prove) tells whether all is there in the end.
    ///
    /// # Errors
    /// [`BackupError::Store`] if the destination cannot append on condition; nothing was written then.
    /// [`BackupError::Read`] and [`BackupError::Damaged`] where the backup was changed since it was opened:
    /// what was written by then stays. What the destination refuses stands in the report.
    pub fn restore(
        &mut self,
        destination: &dyn Store,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<RestoreReport, BackupError> {
        if !destination.capabilities().has(Capability::ConditionalAppend) {
            return Err(MigrateError::Unconditional.into());
        }
        let report =
            RestoreReport { parts: Vec::new(), gaps: self.gaps(destination), sync_failure: None };
        let mut forward = |event: Progress<'static>| progress(event);
        let mut meter = Meter::new(&mut forward);
        let parts = self.manifest.members.len();
        meter.report(Progress::Begin { phase: Phase::Restore, parts });
        let mut archive = Archive::new(&mut self.reader)?;
        open_readme(&mut archive)?;
        let mut members = self.manifest.members.iter();
        let breaker = circuit_breaker();
        let mut restore = Restore { destination, meter, breaker, report };
        while let Some(content) = archive.next()? {
            match content.file {
                File::Segment(..) | File::Pod(_, PodFile::Metadata) => {
                    let member = members.next().filter(|member| member.part.file() == content.file);
                    let member = member.ok_or_else(|| content.misplaced())?;
                    restore.member(member, content)?;
                }
                _ => drop(content.finish()?),
            }
        }
        let sync_failure = sync(destination).err();
        Ok(RestoreReport { sync_failure, ..restore.report })
    }

    fn gaps(&self, destination: &dyn Store) -> Vec<Gap> {
        let members = &self.manifest.members;
        let traces = members.iter().any(|member| matches!(member.part, Part::Trace { .. }))
            && !destination.capabilities().has(Capability::ReadTraces);
        let pods = members.iter().any(|member| matches!(member.part, Part::Pod { .. }))
            && destination.pods().is_none();
        let gaps = [
            traces.then_some(Gap::Traces(Side::Destination)),
            pods.then_some(Gap::Pods(Side::Destination)),
        ];
        gaps.into_iter().flatten().collect()
    }
}

/// Returns a circuit breaker with the default limit of a migration.
pub(super) fn circuit_breaker() -> CircuitBreaker {
    CircuitBreaker::new(ABORT_AFTER)
}

struct Restore<'a> {
    destination: &'a dyn Store,
    meter: Meter<'a>,
    breaker: CircuitBreaker,
    report: RestoreReport,
}

impl Restore<'_> {
    fn member<R: Read>(
        &mut self,
        member: &Member,
        mut content: Content<'_, R>,
    ) -> Result<(), BackupError> {
        let part = &member.part;
        self.meter.report(Progress::Started { entries: member.total.entries });
        let done = if self.breaker.is_open() {
            Some(Done::stopped(Stop::Aborted))
        } else {
            self.part(part, &mut content)
        };
        if let Some(done) = done {
            self.take_note(part, done)?;
        }
        if content.finish()? != member.total {
            return Err(BackupError::damaged(part.file().path(), "it was changed just now"));
        }
        self.meter.report(Progress::Done);
        Ok(())
    }

    /// A backup that fails here has been changed since it was opened.
    fn take_note(&mut self, part: &Part, done: Done) -> Result<(), BackupError> {
        let Done { already, written, stopped } = done;
        match &stopped {
            Some(Stop::Destination(error)) => self.breaker.record([error]),
            Some(Stop::Aborted) => {}
            _ => self.breaker.record([]),
        }
        if let Some(Stop::Source(error)) = stopped {
            return Err(error);
        }
        self.report.parts.push(PartRestore { part: part.clone(), already, written, stopped });
        Ok(())
    }

    /// `None` for what the destination cannot keep, and for the trace of a log that it has otherwise.
    fn part<R: Read>(&mut self, part: &Part, content: &mut Content<'_, R>) -> Option<Done> {
        let Self { destination, meter, report, .. } = self;
        match part {
            Part::Log { session_id, segment_id } => {
                let entries = Entries { content, meter, parse: LogEntry::from_utf8 };
                Some(extend(*destination, *session_id, *segment_id, entries).into())
            }
            Part::Trace { session_id, segment_id } => {
                let entries = Entries { content, meter, parse: TraceEntry::from_utf8 };
                let gap = report.gaps.contains(&Gap::Traces(Side::Destination));
                let log = Part::Log { session_id: *session_id, segment_id: *segment_id };
                let kept = !gap && !report.is_in_conflict(&log);
                kept.then(|| extend_trace(*destination, *session_id, *segment_id, entries).into())
            }
            Part::Pod { name } => {
                let pods = destination.pods()?;
                let pod = Entries { content, meter, parse: pod }.next()?;
                Some(match pod {
                    Ok(pod) => put(pods, name, &pod),
                    Err(error) => Done::stopped(Stop::Source(error)),
                })
            }
        }
    }
}

/// The lines of a file, as what they are.
struct Entries<'a, 'b, 'c, R: Read, T> {
    content: &'a mut Content<'b, R>,
    meter: &'a mut Meter<'c>,
    parse: fn(Vec<u8>) -> Result<T, StoreError>,
}

impl<R: Read, T> Iterator for Entries<'_, '_, '_, R, T> {
    type Item = Result<T, BackupError>;

    fn next(&mut self) -> Option<Self::Item> {
        let line = self.content.line().transpose()?;
        Some(line.and_then(|line| {
            self.meter.count(line.len());
            (self.parse)(line).map_err(|error| self.content.damaged(error.to_string()))
        }))
    }
}

/// How far a part was restored.
struct Done {
    already: usize,
    written: usize,
    stopped: Option<Stop<BackupError>>,
}

impl Done {
    fn stopped(stop: Stop<BackupError>) -> Self {
        Self { already: 0, written: 0, stopped: Some(stop) }
    }
}

impl From<Extension<BackupError>> for Done {
    fn from(extension: Extension<BackupError>) -> Self {
        let Extension { already, appended: written, stopped, .. } = extension;
        Self { already, written, stopped: stopped.map(|stop| *stop) }
    }
}

fn put(pods: &dyn PodStore, name: &PodName, pod: &Pod) -> Done {
    match pods.read_pod(name) {
        Ok(None) => match pods.put_pod(name, pod) {
            Ok(()) => Done { already: 0, written: 1, stopped: None },
            Err(error) => Done::stopped(Stop::Destination(error)),
        },
        Ok(Some(there)) => match Difference::between(1, pod.as_json(), there.as_json()) {
            None => Done { already: 1, written: 0, stopped: None },
            Some(difference) => Done::stopped(Stop::Conflict(difference)),
        },
        Err(error) => Done::stopped(Stop::Destination(error)),
    }
}
