//! Writes a store into a backup.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::mem;
use std::time::SystemTime;

use session_store_core::{
    Capability, Entry, Finding, Head, PodFolder, PodName, SegmentKey, SessionId, Store, StoreError,
    StoreExt, error_chain,
};

use super::error::BackupError;
use super::file::File;
use super::manifest::{self, Manifest, Member, Missing, Part};
use super::spool::Spool;
use super::total::Total;
use super::write::Archive;
use crate::digest::LineHasher;
use crate::error::Failure;
use crate::inventory;
use crate::leftovers;
use crate::meter::Meter;
use crate::progress::{Phase, Progress};
use crate::read::Segment;
use crate::select::{Selection, points_to};
use crate::side::{Gap, Side};

/// The maximum number of reads of one log. A log that is truncated or replaced during a read is
/// read again.
const ROUNDS: usize = 5;

/// The report of an export.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub struct ExportReport {
    /// The list of the parts in the backup, and of the parts that are missing.
    pub manifest: Manifest,
    /// The selected kinds of data that the backup lacks, because the source does not support them.
    pub gaps: Vec<Gap>,
    /// The findings of the source's own check, if the whole source is selected.
    ///
    /// If [`Finding::is_left_behind`] is true for a finding, the backup lacks data. An example is
    /// data that the source does not list.
    pub findings: Vec<Finding>,
    /// The size of the backup in bytes.
    pub bytes: u64,
}

impl ExportReport {
    /// Returns whether the backup contains everything selected.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.gaps.is_empty()
            && self.manifest.missing.is_empty()
            && !self.findings.iter().any(Finding::is_left_behind)
    }
}

/// Writes a backup of the selected part of a store, in the format that the [module](super)
/// describes.
///
/// The source is only read, and other processes may write to it. The backup has the state of each
/// log at one moment, but the moments of different logs differ. A log that is truncated or replaced
/// during the read is read again, up to five times in total.
///
/// A part (a log, a trace or a pod) that cannot be read is left out and named in the manifest. If a
/// log is damaged and the store has one file for it ([`open_raw`]), the backup contains this file
/// in the folder `damaged`. A segment or pod that is deleted before the export reaches it does not
/// count as missing.
///
/// [`open_raw`]: session_store_core::Maintenance::open_raw
///
/// # Errors
/// - [`BackupError::Store`] if a selected session does not exist, or if sessions, segments or pods
///   cannot be listed. Nothing is written.
/// - [`BackupError::Write`] and [`BackupError::Spool`]. The written bytes are not a backup.
pub fn export<W: Write>(
    source: &dyn Store,
    selection: &Selection,
    writer: W,
    mut progress: &mut dyn FnMut(Progress<'_>),
) -> Result<ExportReport, BackupError> {
    let mut keys = inventory::list(&[(Side::Source, source)], selection)?;
    inventory::require(selection, &keys)?;
    selection.retain_since(&mut keys);
    let of_sessions = selection.pods_of(&keys);
    let pods = if selection.pods { list_pods(source)? } else { Vec::new() };
    let readable = source.capabilities().has(Capability::ReadTraces);
    let gap = (selection.traces && !readable).then_some(Gap::Traces(Side::Source));

    let findings = leftovers::check(Side::Source, source, selection)?;

    let created = SystemTime::now();
    let manifest = Manifest {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        created,
        with_traces: selection.traces && readable,
        with_pods: selection.pods,
        members: Vec::new(),
        missing: Vec::new(),
    };
    let mut meter = Meter::new(&mut progress);
    meter.report(Progress::Begin { phase: Phase::Export, parts: keys.len() + pods.len() });
    let archive = Archive::new(writer, created)?;
    let mut export = Export { source, archive, manifest, meter, damaged: Vec::new() };
    let readme = export.text(File::Readme, &manifest::readme())?;
    for key in keys.into_keys() {
        export.segment(key)?;
    }
    for (_, name) in pods {
        export.pod(name, of_sessions.as_ref())?;
    }
    export.damaged_logs()?;
    let (manifest, bytes) = export.finish(readme)?;
    Ok(ExportReport { manifest, gaps: gap.into_iter().collect(), findings, bytes })
}

/// Returns the names of all pods, in the order of their folders in the backup.
fn list_pods(source: &dyn Store) -> Result<Vec<(PodFolder, PodName)>, Failure> {
    let Some(pods) = source.pods() else { return Ok(Vec::new()) };
    let names = pods.list_pods().map_err(Failure::of(Side::Source, "list the pods"))?;
    let mut pods: Vec<_> = names.into_iter().map(|name| (name.folder(), name)).collect();
    pods.sort();
    Ok(pods)
}

/// The reason why a part was not read to its end.
enum ReadError {
    Source(StoreError),
    /// The log was truncated or replaced in every round.
    Unstable,
    Spool(io::Error),
}

impl From<StoreError> for ReadError {
    fn from(error: StoreError) -> Self {
        Self::Source(error)
    }
}

struct Export<'a, W: Write> {
    source: &'a dyn Store,
    archive: Archive<W>,
    manifest: Manifest,
    meter: Meter<'a>,
    /// The damaged logs. The number is the index of the log in `manifest.missing`.
    damaged: Vec<(usize, SegmentKey)>,
}

impl<W: Write> Export<'_, W> {
    /// Adds a segment. If its log cannot be read or was deleted, the trace is left out too.
    fn segment(&mut self, key: SegmentKey) -> Result<(), BackupError> {
        let segment = self.source.at(key);
        let log = read_log(segment, &mut self.meter);
        if self.add(Part::Log(key), log)? && self.manifest.with_traces {
            let trace = spool(segment.trace_entries(0), &mut self.meter);
            let trace = trace.map(|trace| Some(trace).filter(|trace| trace.total().entries > 0));
            self.add(Part::Trace(key), trace)?;
        }
        self.meter.report(Progress::Done);
        Ok(())
    }

    fn pod(
        &mut self,
        name: PodName,
        of_sessions: Option<&BTreeSet<SessionId>>,
    ) -> Result<(), BackupError> {
        let pod = self.source.pods().map_or(Ok(None), |pods| pods.read_pod(&name));
        let content = match pod {
            Ok(Some(pod)) if of_sessions.is_none_or(|sessions| points_to(&pod, sessions)) => {
                self.meter.count(pod.as_json().len());
                spool_lines([pod.as_json()]).map(Some).map_err(ReadError::Spool)
            }
            Ok(_) => Ok(None),
            Err(error) => Err(error.into()),
        };
        let part = Part::Pod { name };
        if let (Ok(Some(_)), Some((file, name))) = (&content, part.name_file()) {
            self.text(file, name)?;
        }
        self.add(part, content)?;
        self.meter.report(Progress::Done);
        Ok(())
    }

    /// Adds the content of a part, or lists the part as missing. Returns whether content was added.
    fn add(
        &mut self,
        part: Part,
        content: Result<Option<Spool>, ReadError>,
    ) -> Result<bool, BackupError> {
        let reason = match content {
            Ok(Some(content)) => {
                let total = self.archive.add(part.file(), content)?;
                self.manifest.members.push(Member { part, total });
                return Ok(true);
            }
            Ok(None) => return Ok(false),
            Err(ReadError::Spool(error)) => return Err(BackupError::Spool(error)),
            Err(ReadError::Source(error)) => {
                if let (Part::Log(key), StoreError::Corrupt { .. }) = (&part, &error) {
                    self.damaged.push((self.manifest.missing.len(), *key));
                }
                error_chain(&error)
            }
            Err(ReadError::Unstable) => {
                format!("it was truncated or replaced during each of {ROUNDS} reads")
            }
        };
        self.manifest.missing.push(Missing { part, reason, raw: None });
        Ok(false)
    }

    /// Adds the files of damaged logs. The bytes are the same as in the store.
    fn damaged_logs(&mut self) -> Result<(), BackupError> {
        let Some(maintenance) = self.source.maintenance() else { return Ok(()) };
        for (number, key) in mem::take(&mut self.damaged) {
            let missing = &mut self.manifest.missing[number];
            match maintenance.open_raw(key).map_err(ReadError::from).and_then(spool_raw) {
                Ok(Some(content)) => {
                    missing.raw = Some(self.archive.add(File::Damaged(key), content)?);
                }
                Ok(None) => {}
                Err(ReadError::Spool(error)) => return Err(BackupError::Spool(error)),
                Err(ReadError::Source(error)) => {
                    missing.reason +=
                        &format!("; its file is not in the backup: {}", error_chain(&error));
                }
                Err(ReadError::Unstable) => {}
            }
        }
        Ok(())
    }

    /// Adds the manifest and `SHA256SUMS`, which list the other files. Returns the size of the
    /// backup.
    fn finish(self, readme: Total) -> Result<(Manifest, u64), BackupError> {
        let Self { mut archive, manifest, .. } = self;
        let lines = spool_lines(manifest::lines(&manifest)).map_err(BackupError::Spool)?;
        let listed = archive.add(File::Manifest, lines)?;
        let sums = manifest::sums(readme.sha256, &manifest, listed.sha256);
        archive.add(File::Sums, spool_lines(sums).map_err(BackupError::Spool)?)?;
        Ok((manifest, archive.finish()?))
    }

    fn text(&mut self, file: File, text: &str) -> Result<Total, BackupError> {
        let mut content = Spool::new();
        content.write(text.as_bytes()).map_err(BackupError::Spool)?;
        self.archive.add(file, content)
    }
}

/// Reads the whole log as it was at one moment. Returns `None` if the segment does not exist.
fn read_log(segment: Segment<'_>, meter: &mut Meter<'_>) -> Result<Option<Spool>, ReadError> {
    for round in 0..ROUNDS {
        let Some(head) = segment.head()? else { return Ok(None) };
        if round == 0 {
            meter.report(Progress::Started { entries: head.entries() });
        }
        let read = spool(segment.entries(0).take(head.entries()), meter).and_then(|spool| {
            require_unchanged(segment, head, spool.total())?;
            Ok(Some(spool))
        });
        match read {
            Err(ReadError::Source(StoreError::Conflict { .. } | StoreError::NotFound(_))) => {}
            read => return read,
        }
    }
    Err(ReadError::Unstable)
}

/// Returns an error if the entries that were read may differ from the log at the head `before`.
///
/// To notice a replaced log, a read by pages compares only the last entry before each page. If the
/// log was replaced between two pages, the new log can have an equal entry at this position. The
/// entries that were read would then be a mix of two logs. So this function compares the head of
/// the log with `before`. A different head does not prove a replacement, because an append changes
/// the head too. So the function then reads the beginning of the log again, and compares the
/// beginning with the entries that were read.
fn require_unchanged(segment: Segment<'_>, before: Head, read: Total) -> Result<(), StoreError> {
    let now = segment.head()?;
    if now == Some(before) {
        return Ok(());
    }
    let mut again = LineHasher::default();
    for entry in segment.entries(0).take(before.entries()) {
        again.add_line(entry?.as_json());
    }
    if Total::of(&again) == read {
        Ok(())
    } else {
        Err(StoreError::Conflict { expected: Some(before), actual: now })
    }
}

fn spool<E: Entry>(
    entries: impl Iterator<Item = Result<E, StoreError>>,
    meter: &mut Meter<'_>,
) -> Result<Spool, ReadError> {
    let mut spool = Spool::new();
    for entry in entries {
        let entry = entry?;
        meter.count(entry.as_json().len());
        spool.line(entry.as_json()).map_err(ReadError::Spool)?;
    }
    Ok(spool)
}

fn spool_raw(raw: Option<Box<dyn Read>>) -> Result<Option<Spool>, ReadError> {
    let Some(mut raw) = raw else { return Ok(None) };
    let (mut spool, mut buffer) = (Spool::new(), vec![0; 64 * 1024]);
    loop {
        match raw.read(&mut buffer) {
            Ok(0) => return Ok(Some(spool)),
            Ok(read) => spool.write(&buffer[..read]).map_err(ReadError::Spool)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(StoreError::io("read the file of the log", error).into()),
        }
    }
}

fn spool_lines(lines: impl IntoIterator<Item: AsRef<str>>) -> io::Result<Spool> {
    let mut spool = Spool::new();
    for line in lines {
        spool.line(line.as_ref())?;
    }
    Ok(spool)
}
