//! Writes a backup into a store.

use std::io::{Read, Seek};
use std::iter;

use session_store_core::{
    Capability, LogEntry, Pod, PodName, PodStore, Store, StoreError, TraceEntry,
};

use super::error::BackupError;
use super::manifest::{Member, Part};
use super::open::Backup;
use super::read::Content;
use super::store::pod;
use crate::breaker::CircuitBreaker;
use crate::comparison::Difference;
use crate::error::{Failure, MigrateError};
use crate::extend::{Extension, Stop, extend, extend_trace};
use crate::meter::Meter;
use crate::options::ABORT_AFTER;
use crate::pair::sync;
use crate::pods::put_if_unchanged;
use crate::progress::{Phase, Progress};
use crate::side::{Gap, Side};

/// The report of a restore.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub struct RestoreReport {
    /// The parts of the backup, in its order.
    ///
    /// The list does not contain parts that the destination cannot store ([`gaps`](Self::gaps)),
    /// and traces of logs in conflict. Such a trace is not restored, because it describes another
    /// log.
    pub parts: Vec<PartRestore>,
    /// The kinds of data in the backup that the destination cannot store.
    pub gaps: Vec<Gap>,
    /// The failure to sync the destination. A power cut could then lose restored entries.
    ///
    /// `None` if the sync succeeded or if the destination does not support syncs.
    pub sync_failure: Option<Failure>,
}

/// The restore of one part.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub struct PartRestore {
    /// The part.
    pub part: Part,
    /// The entries that were stored or appended. A pod counts as one entry.
    pub extension: Extension<BackupError>,
}

impl RestoreReport {
    /// Returns whether the destination contains the whole backup.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.gaps.is_empty()
            && self.sync_failure.is_none()
            && self.parts.iter().all(|part| part.extension.stopped.is_none())
    }

    /// Returns whether `part` was restored last and is in conflict.
    fn is_in_conflict(&self, part: &Part) -> bool {
        let last = self.parts.last().filter(|last| last.part == *part);
        last.and_then(|last| last.extension.stopped.as_deref()).is_some_and(Stop::is_conflict)
    }
}

impl<R: Read + Seek> Backup<R> {
    /// Writes the backup into a store, by the [rules](crate#rules) of a migration.
    ///
    /// Parts that are already equal are not changed, so an interrupted restore is resumed by
    /// starting it again. Parts that differ are conflicts and are not changed either. If the
    /// destination fails on every part for half a minute, the restore aborts.
    /// [`verify`](Self::verify) checks the result.
    ///
    /// # Errors
    /// - [`BackupError::Store`] if the destination lacks [`Capability::ConditionalAppend`]. Nothing
    ///   is written.
    /// - [`BackupError::Read`] and [`BackupError::Damaged`] if the backup was changed after it was
    ///   opened. Parts that were already restored remain.
    ///
    /// Errors of the destination are in the report.
    pub fn restore(
        &self,
        destination: &dyn Store,
        mut progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<RestoreReport, BackupError> {
        if !destination.capabilities().has(Capability::ConditionalAppend) {
            return Err(MigrateError::Unconditional.into());
        }
        let report =
            RestoreReport { parts: Vec::new(), gaps: self.gaps(destination), sync_failure: None };
        let mut meter = Meter::new(&mut progress);
        let members = &self.manifest.members;
        meter.report(Progress::Begin { phase: Phase::Restore, parts: members.len() });
        let breaker = CircuitBreaker::new(ABORT_AFTER);
        let mut restore = Restore { destination, meter, breaker, report };
        for (number, member) in members.iter().enumerate() {
            restore.member(member, self.content(number))?;
        }
        let sync_failure = sync(destination).err();
        Ok(RestoreReport { sync_failure, ..restore.report })
    }

    fn gaps(&self, destination: &dyn Store) -> Vec<Gap> {
        let members = &self.manifest.members;
        let traces = members.iter().any(|member| matches!(member.part, Part::Trace(_)))
            && !destination.capabilities().has(Capability::ReadTraces);
        let pods = self.manifest.pods() > 0 && destination.pods().is_none();
        let gaps = [
            traces.then_some(Gap::Traces(Side::Destination)),
            pods.then_some(Gap::Pods(Side::Destination)),
        ];
        gaps.into_iter().flatten().collect()
    }
}

struct Restore<'a> {
    destination: &'a dyn Store,
    meter: Meter<'a>,
    breaker: CircuitBreaker,
    report: RestoreReport,
}

impl Restore<'_> {
    fn member<R: Read + Seek>(
        &mut self,
        member: &Member,
        mut content: Content<'_, R>,
    ) -> Result<(), BackupError> {
        let part = &member.part;
        self.meter.report(Progress::Started { entries: member.total.entries });
        let extension = if self.breaker.is_open() {
            Some(Extension::stopped(Stop::Aborted))
        } else {
            self.part(part, &mut content)
        };
        if let Some(extension) = extension {
            // End the restore at an error of the backup itself, because the backup was changed
            // after it was opened.
            self.record(part, extension.require_source()?);
        }
        if content.finish()? != member.total {
            return Err(BackupError::damaged(part.file().path(), "it was changed just now"));
        }
        self.meter.report(Progress::Done);
        Ok(())
    }

    /// Adds a part to the report.
    fn record(&mut self, part: &Part, extension: Extension<BackupError>) {
        match extension.stopped.as_deref() {
            Some(Stop::Destination(error)) => self.breaker.record([error]),
            Some(Stop::Aborted) => {}
            _ => self.breaker.record([]),
        }
        self.report.parts.push(PartRestore { part: part.clone(), extension });
    }

    /// Restores one part. Returns `None` for a part that the report does not contain
    /// ([`RestoreReport::parts`]).
    fn part<R: Read + Seek>(
        &mut self,
        part: &Part,
        content: &mut Content<'_, R>,
    ) -> Option<Extension<BackupError>> {
        let Self { destination, meter, report, .. } = self;
        match part {
            Part::Log(key) => {
                let entries = entries(content, meter, LogEntry::from_utf8);
                Some(extend(*destination, *key, entries))
            }
            Part::Trace(key) => {
                let entries = entries(content, meter, TraceEntry::from_utf8);
                let has_gap = report.gaps.contains(&Gap::Traces(Side::Destination));
                let is_skipped = has_gap || report.is_in_conflict(&Part::Log(*key));
                (!is_skipped).then(|| extend_trace(*destination, *key, entries))
            }
            Part::Pod { name } => {
                let pods = destination.pods()?;
                Some(match entries(content, meter, pod).next()? {
                    Ok(pod) => put(pods, name, &pod),
                    Err(error) => Extension::stopped(Stop::Source(error)),
                })
            }
        }
    }
}

/// Iterates over the parsed lines of a file.
fn entries<R: Read + Seek, T>(
    content: &mut Content<'_, R>,
    meter: &mut Meter<'_>,
    parse: fn(Vec<u8>) -> Result<T, StoreError>,
) -> impl Iterator<Item = Result<T, BackupError>> {
    iter::from_fn(move || {
        let line = content.line().transpose()?;
        Some(line.and_then(|line| {
            meter.count(line.len());
            parse(line).map_err(|error| content.damaged(error.to_string()))
        }))
    })
}

fn put(pods: &dyn PodStore, name: &PodName, pod: &Pod) -> Extension<BackupError> {
    let stop = match pods.read_pod(name) {
        Ok(None) => match put_if_unchanged(pods, name, None, pod) {
            Ok(()) => {
                let bytes = pod.as_json().len() as u64;
                return Extension { appended: 1, bytes, ..Extension::new() };
            }
            Err(StoreError::PodConflict { .. }) => Stop::Moved { expected: None, actual: None },
            Err(error) => Stop::Destination(error),
        },
        Ok(Some(stored)) => match Difference::between(1, pod.as_json(), stored.as_json()) {
            None => return Extension { already: 1, ..Extension::new() },
            Some(difference) => Stop::Conflict(difference),
        },
        Err(error) => Stop::Destination(error),
    };
    Extension::stopped(stop)
}
