//! Reads a whole backup and checks it. A backup can be used only after this check.

use std::io::{Read, Seek};

use serde::de::DeserializeOwned;
use session_store_core::{LogEntry, Pod, PodName, StoreError, TraceEntry};

use super::error::BackupError;
use super::file::{File, PodFile, SegmentFile};
use super::manifest::{FORMAT, FirstLine, Manifest, Member, Missing, Part, format_of, sums};
use super::read::{Archive, Content};
use super::seal::ZSTD_MAGIC;
use crate::digest::Digest;
use crate::meter::Meter;
use crate::progress::{Phase, Progress};

/// A backup that was read completely and is not damaged.
///
/// All checksums and hashes are right, every line is an entry, and the manifest lists all parts.
#[derive(Debug)]
pub struct Backup<R> {
    pub(super) reader: R,
    pub(super) manifest: Manifest,
    pub(super) max_line: u64,
}

/// The default limit for the length of a line, in bytes.
pub const DEFAULT_MAX_LINE: u64 = 256 * 1024 * 1024;

impl<R: Read + Seek> Backup<R> {
    /// Reads a whole backup and checks it, with lines of up to [`DEFAULT_MAX_LINE`].
    ///
    /// # Errors
    /// As [`open_with_max_line`](Self::open_with_max_line).
    pub fn open(reader: R, progress: &mut dyn FnMut(Progress<'_>)) -> Result<Self, BackupError> {
        Self::open_with_max_line(reader, DEFAULT_MAX_LINE, progress)
    }

    /// Reads a whole backup and checks it. Refuses lines of more than `max_line` bytes.
    ///
    /// The limit protects the memory, because a small compressed file can contain a line of
    /// gigabytes. A file that is truncated, changed or of another format is refused too. Memory
    /// holds one line at a time and a few hundred bytes for each part.
    ///
    /// # Errors
    /// - [`BackupError::NotABackup`], [`BackupError::NewerFormat`] and
    ///   [`BackupError::LineTooLong`].
    /// - [`BackupError::Damaged`] with the place of the damage.
    /// - [`BackupError::Read`] if the reader fails.
    pub fn open_with_max_line(
        mut reader: R,
        max_line: u64,
        mut progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Self, BackupError> {
        require_zstd(&mut reader)?;
        let mut meter = Meter::new(&mut progress);
        meter.report(Progress::Begin { phase: Phase::Check, parts: 0 });
        let archive = Archive::new(&mut reader, max_line)?;
        let manifest = check(archive, &mut meter)?;
        Ok(Self { reader, manifest, max_line })
    }
}

impl<R> Backup<R> {
    /// Returns the list of all parts, and of the parts that are missing.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }
}

fn require_zstd(reader: &mut (impl Read + Seek)) -> Result<(), BackupError> {
    let mut magic = Vec::new();
    reader.rewind().map_err(BackupError::Read)?;
    reader.take(4).read_to_end(&mut magic).map_err(BackupError::Read)?;
    match &*magic {
        [] => Err(BackupError::NotABackup { found: "it is empty" }),
        magic if *magic == ZSTD_MAGIC => Ok(()),
        _ => Err(BackupError::NotABackup { found: "it is not compressed with zstd" }),
    }
}

fn check<R: Read + Seek>(
    mut archive: Archive<R>,
    meter: &mut Meter<'_>,
) -> Result<Manifest, BackupError> {
    let readme = open_readme(&mut archive)?;
    let mut check = Check { meter, members: Vec::new(), name: None };
    let mut manifest = None;
    while let Some(content) = archive.next()? {
        match (&content.file, &manifest) {
            (File::Manifest, None) => manifest = Some(check.manifest(content)?),
            (File::Sums, Some((manifest, digest))) => {
                compare_sums(content, sums(readme, &manifest.members, *digest))?;
            }
            (_, None) => check.part(content)?,
            (_, Some(_)) => return Err(content.misplaced()),
        }
    }
    archive.finish()?;
    match manifest {
        Some((manifest, _)) => Ok(manifest),
        None => Err(BackupError::damaged("manifest.jsonl", "it is missing")),
    }
}

/// Reads the first file, which contains the version of the format. Returns its hash.
pub(super) fn open_readme<R: Read>(archive: &mut Archive<R>) -> Result<Digest, BackupError> {
    let foreign = BackupError::NotABackup { found: "something else is compressed in it" };
    let Some(mut content) = archive.first()? else { return Err(foreign) };
    match content.line()?.as_deref().and_then(format_of) {
        None => return Err(foreign),
        Some(FORMAT) => {}
        Some(found) => return Err(BackupError::NewerFormat { found, supported: FORMAT }),
    }
    Ok(content.finish()?.sha256)
}

fn compare_sums<R: Read>(
    mut content: Content<'_, R>,
    sums: impl Iterator<Item = String>,
) -> Result<(), BackupError> {
    for sum in sums {
        if content.line()?.as_deref() != Some(sum.as_bytes()) {
            return Err(content.damaged(format!("the backup has {sum}")));
        }
    }
    if content.line()?.is_some() {
        return Err(content.damaged("there is no such file"));
    }
    content.finish().map(drop)
}

/// The state of a check.
struct Check<'a, 'b> {
    meter: &'a mut Meter<'b>,
    members: Vec<Member>,
    /// The name of the pod whose metadata file comes next.
    name: Option<PodName>,
}

impl Check<'_, '_> {
    fn part<R: Read>(&mut self, mut content: Content<'_, R>) -> Result<(), BackupError> {
        let name = self.name.take();
        let part = match content.file.clone() {
            File::Segment(key, SegmentFile::Log) => {
                self.lines(&mut content, |line| Ok(LogEntry::from_utf8(line)?.as_json().len()))?;
                Part::Log(key)
            }
            File::Segment(key, SegmentFile::Trace) => {
                self.lines(&mut content, |line| Ok(TraceEntry::from_utf8(line)?.as_json().len()))?;
                Part::Trace(key)
            }
            File::Pod(_, PodFile::Name) => {
                self.name = Some(name_in(&mut content)?);
                return content.finish().map(drop);
            }
            File::Pod(folder, PodFile::Metadata) => {
                let pods = self.lines(&mut content, |line| Ok(pod(line)?.as_json().len()))?;
                if pods != 1 {
                    return Err(content.damaged("a pod has one line"));
                }
                let name = folder.plain_name().or(name).filter(|name| name.folder() == folder);
                Part::Pod {
                    name: name.ok_or_else(|| {
                        content.damaged("the name of the pod is missing or wrong")
                    })?,
                }
            }
            File::Readme | File::Manifest | File::Sums => return Err(content.misplaced()),
        };
        let total = content.finish()?;
        self.members.push(Member { part, total });
        self.meter.report(Progress::Done);
        Ok(())
    }

    /// Parses every line, and returns the number of lines. `parse` returns the length of the text
    /// that it has parsed, which must be the whole line.
    fn lines<R: Read>(
        &mut self,
        content: &mut Content<'_, R>,
        parse: fn(Vec<u8>) -> Result<usize, StoreError>,
    ) -> Result<usize, BackupError> {
        let mut lines = 0;
        while let Some(line) = content.line()? {
            let bytes = line.len();
            self.meter.count(bytes);
            match parse(line) {
                Ok(parsed) if parsed == bytes => {}
                Ok(_) => return Err(content.damaged("there is white space around the entry")),
                Err(error) => return Err(content.damaged(error.to_string())),
            }
            lines += 1;
        }
        Ok(lines)
    }

    /// Reads the manifest, which must list the parts that were read before it. Returns the manifest
    /// and its hash.
    fn manifest<R: Read>(
        &mut self,
        mut content: Content<'_, R>,
    ) -> Result<(Manifest, Digest), BackupError> {
        let members = std::mem::take(&mut self.members);
        let first: FirstLine = parse_json(&mut content)?;
        let created = first.created().filter(|_| first.fits(members.len()));
        let Some(created) = created else {
            return Err(content.damaged(format!("the backup has {} members", members.len())));
        };
        for member in &members {
            if content.line()?.as_deref() != Some(member.line().as_bytes()) {
                return Err(content.damaged(format!("the backup has {}", member.line())));
            }
        }
        let mut missing = Vec::new();
        for _ in 0..first.missing {
            missing.push(parse_json::<_, Missing>(&mut content)?);
        }
        if content.line()?.is_some() {
            return Err(content.damaged("there is a line too many"));
        }
        let FirstLine { version, traces: with_traces, pods: with_pods, .. } = first;
        let manifest = Manifest { version, created, with_traces, with_pods, members, missing };
        Ok((manifest, content.finish()?.sha256))
    }
}

fn name_in<R: Read>(content: &mut Content<'_, R>) -> Result<PodName, BackupError> {
    let name = content.text(PodName::MAX_BYTES)?;
    name.parse().map_err(|error: StoreError| content.damaged(error.to_string()))
}

/// Parses the line of a pod.
pub(super) fn pod(line: Vec<u8>) -> Result<Pod, StoreError> {
    // A pod is a JSON object, as an entry is. Parsing it as an entry first checks that it is UTF-8.
    Pod::from_json(LogEntry::from_utf8(line)?.as_json())
}

fn parse_json<R: Read, T: DeserializeOwned>(
    content: &mut Content<'_, R>,
) -> Result<T, BackupError> {
    let line = content.line()?.ok_or_else(|| content.damaged("a line is missing"))?;
    serde_json::from_slice(&line).map_err(|error| content.damaged(error.to_string()))
}
