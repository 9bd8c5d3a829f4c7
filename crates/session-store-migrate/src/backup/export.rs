//! Making a backup of a store.

use std::collections::BTreeSet;
use std::error::Error;
use std::io::{self, Write};
use std::time::SystemTime;

use session_store_core::{Capability, Head, PodName, SessionId, Store, StoreError, StoreExt};

use super::digest::Total;
use super::error::BackupError;
use super::file::{File, PodFolder};
use super::manifest::{self, Manifest, Member, Missing, Part, named_beside};
use super::spool::Spool;
use super::write::Archive;
use crate::digest::LineHasher;
use crate::error::Failure;
use crate::inventory::{self, Key};
use crate::meter::Meter;
use crate::progress::{Phase, Progress};
use crate::select::{Selection, points_to};
use crate::side::{Gap, Side};
use crate::text::Text;

/// How often a log is begun again that is cut or replaced while it is read.
const TRIES: usize = 5;

/// What a backup has become.
#[derive(Debug)]
#[non_exhaustive]
pub struct ExportReport {
    /// What is in it and what is missing, as it says itself.
    pub manifest: Manifest,
    /// What could not be read at all.
    pub gaps: Vec<Gap>,
    /// Its size.
    pub bytes: u64,
}

impl ExportReport {
    /// Whether all that was asked for is in the backup.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.gaps.is_empty() && self.manifest.missing.is_empty()
    }
}

/// Writes a backup of what is selected of a store: a file of the format that the [module](super) describes.
/// The source is only read, and may be written to meanwhile: each log is as it was at one moment, which is
/// another one for each. A log that is cut or replaced while it is read is begun again, five times at most.
///
/// What cannot be read is left out and named in the manifest. A segment or pod that is deleted before it is
/// its turn is not missing; it is not part of the store any more.
///
/// # Errors
/// [`BackupError::Store`] for a selected session that is not there, and where sessions, segments or pods
/// cannot be listed; nothing was written then. [`BackupError::Write`] and [`BackupError::Spool`]: what was
/// written is no backup.
pub fn export<W: Write>(
    source: &dyn Store,
    selection: &Selection,
    writer: W,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<ExportReport, BackupError> {
    let mut keys = inventory::of_source(source, selection)?;
    inventory::require(selection, &keys)?;
    selection.retain_since(&mut keys);
    let of_sessions = selection.pods_of(&keys);
    let pods = if selection.pods { pods(source)? } else { Vec::new() };
    let readable = source.capabilities().has(Capability::ReadTraces);
    let gap = selection.traces && !readable;

    let created = SystemTime::now();
    let manifest = Manifest {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        created,
        with_traces: selection.traces && readable,
        with_pods: selection.pods,
        members: Vec::new(),
        missing: Vec::new(),
    };
    let mut report = |event: Progress<'static>| progress(event);
    let mut meter = Meter::new(&mut report);
    meter.report(Progress::Begin { phase: Phase::Export, parts: keys.len() + pods.len() });
    let archive = Archive::new(writer, created)?;
    let mut export = Export { source, archive, manifest, meter };
    let readme = export.text(File::Readme, &manifest::readme())?;
    for key in keys.into_keys() {
        export.segment(key)?;
    }
    for (_, name) in pods {
        export.pod(name, of_sessions.as_ref())?;
    }
    let gaps = if gap { vec![Gap::Traces(Side::Source)] } else { Vec::new() };
    let (manifest, bytes) = export.finish(readme)?;
    Ok(ExportReport { manifest, gaps, bytes })
}

/// The names of all pods, in the order of their folders in the backup.
fn pods(source: &dyn Store) -> Result<Vec<(PodFolder, PodName)>, Failure> {
    let Some(pods) = source.pods() else { return Ok(Vec::new()) };
    let names = pods.list_pods().map_err(Failure::of(Side::Source, "list the pods"))?;
    let mut pods: Vec<_> = names.into_iter().map(|name| (PodFolder::of(&name), name)).collect();
    pods.sort();
    Ok(pods)
}

/// Why a log or trace was not read to its end.
enum Stop {
    Source(StoreError),
    Restless,
    Spool(io::Error),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Source(error)
    }
}

struct Export<'a, W: Write> {
    source: &'a dyn Store,
    archive: Archive<W>,
    manifest: Manifest,
    meter: Meter<'a>,
}

impl<W: Write> Export<'_, W> {
    fn segment(&mut self, key: Key) -> Result<(), BackupError> {
        let (session_id, segment_id) = key;
        let log = self.log(key);
        if self.add(Part::Log { session_id, segment_id }, log)? && self.manifest.with_traces {
            let trace = self.trace(key);
            self.add(Part::Trace { session_id, segment_id }, trace)?;
        }
        self.meter.report(Progress::Done);
        Ok(())
    }

    /// The log as it is at one moment; `None` if it is gone.
    fn log(&mut self, key: Key) -> Result<Option<Spool>, Stop> {
        let (session_id, segment_id) = key;
        for n in 0..TRIES {
            let Some(head) = self.source.head(session_id, segment_id)? else { return Ok(None) };
            if n == 0 {
                self.meter.report(Progress::Started { entries: head.entries() });
            }
            let entries = self.source.entries(session_id, segment_id, 0).take(head.entries());
            let read = spool(entries, &mut self.meter).and_then(|spool| {
                self.require_same(key, head, spool.total())?;
                Ok(Some(spool))
            });
            match read {
                Err(Stop::Source(StoreError::Conflict { .. } | StoreError::NotFound(_))) => {}
                read => return read,
            }
        }
        Err(Stop::Restless)
    }

    /// That the log was not replaced, half-read, by one with the same entry at the seam: its head is the
    /// same, or else, since entries may only have come, its beginning.
    fn require_same(&self, key: Key, before: Head, read: Total) -> Result<(), StoreError> {
        let (session_id, segment_id) = key;
        let now = self.source.head(session_id, segment_id)?;
        if now == Some(before) {
            return Ok(());
        }
        let mut again = LineHasher::default();
        for entry in self.source.entries(session_id, segment_id, 0).take(before.entries()) {
            again.add_line(entry?.as_json());
        }
        match Total::of(&again) == read {
            true => Ok(()),
            false => Err(StoreError::Conflict { expected: Some(before), actual: now }),
        }
    }

    /// The trace; `None` if there is none.
    fn trace(&mut self, (session_id, segment_id): Key) -> Result<Option<Spool>, Stop> {
        let entries = self.source.trace_entries(session_id, segment_id, 0);
        let spool = spool(entries, &mut self.meter)?;
        Ok(Some(spool).filter(|spool| spool.lines() > 0))
    }

    fn pod(
        &mut self,
        name: PodName,
        of_sessions: Option<&BTreeSet<SessionId>>,
    ) -> Result<(), BackupError> {
        let pod = self.source.pods().map_or(Ok(None), |pods| pods.read_pod(&name));
        let content = match pod {
            Ok(Some(pod)) if of_sessions.is_none_or(|sessions| points_to(&pod, sessions)) => {
                spool([Ok(pod)], &mut self.meter).map(Some)
            }
            Ok(_) => Ok(None),
            Err(error) => Err(error.into()),
        };
        let part = Part::Pod { name };
        if let (Ok(Some(_)), Some((file, name))) = (&content, named_beside(&part)) {
            self.text(file, name)?;
        }
        self.add(part, content)?;
        self.meter.report(Progress::Done);
        Ok(())
    }

    /// Adds a part that was read, and says whether there was one.
    fn add(
        &mut self,
        part: Part,
        content: Result<Option<Spool>, Stop>,
    ) -> Result<bool, BackupError> {
        let reason = match content {
            Ok(Some(content)) => {
                let total = self.archive.add(part.file(), content)?;
                self.manifest.members.push(Member { part, total });
                return Ok(true);
            }
            Ok(None) => return Ok(false),
            Err(Stop::Spool(error)) => return Err(BackupError::Spool(error)),
            Err(Stop::Source(error)) => chain(&error),
            Err(Stop::Restless) => {
                format!("it was cut or replaced each of {TRIES} times it was read")
            }
        };
        self.manifest.missing.push(Missing { part, reason });
        Ok(false)
    }

    /// Adds the two files that list the others, and says how large the backup is.
    fn finish(self, readme: Total) -> Result<(Manifest, u64), BackupError> {
        let Self { mut archive, manifest, .. } = self;
        let listed = archive.add(File::Manifest, spool_lines(manifest::lines(&manifest))?)?;
        let sums = manifest::sums(readme.sha256, &manifest.members, listed.sha256);
        archive.add(File::Sums, spool_lines(sums)?)?;
        Ok((manifest, archive.finish()?))
    }

    fn text(&mut self, file: File, text: &str) -> Result<Total, BackupError> {
        let mut content = Spool::new();
        content.write(text.as_bytes()).map_err(BackupError::Spool)?;
        self.archive.add(file, content)
    }
}

fn spool<T: Text>(
    entries: impl IntoIterator<Item = Result<T, StoreError>>,
    meter: &mut Meter<'_>,
) -> Result<Spool, Stop> {
    let mut spool = Spool::new();
    for entry in entries {
        let entry = entry?;
        meter.count(entry.text().len());
        spool.line(entry.text()).map_err(Stop::Spool)?;
    }
    Ok(spool)
}

fn spool_lines(lines: impl Iterator<Item = String>) -> Result<Spool, BackupError> {
    let mut spool = Spool::new();
    for line in lines {
        spool.line(&line).map_err(BackupError::Spool)?;
    }
    Ok(spool)
}

/// The error and all its causes, on one line.
fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
