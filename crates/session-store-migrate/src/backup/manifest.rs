//! The manifest of a backup, and the text of its README, `manifest.jsonl` and `SHA256SUMS`.

use std::fmt;
use std::io::{Read, Seek};
use std::time::SystemTime;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use session_store_core::{PodName, SegmentKey};

use super::error::BackupError;
use super::file::{File, PodFile, SegmentFile};
use super::read::Content;
use super::total::Total;
use crate::digest::Digest;

/// The version of the format that an export writes. A reader accepts backups of this version and
/// earlier versions, and refuses later versions. Version 1 has no files of damaged logs.
pub(super) const FORMAT: u64 = 2;

/// The start of the first line of the first file. The version follows, so that a reader of any
/// version can identify the file.
const README_BEGINS: &str = "A backup of session-store, format ";

const README: &str = "\
Made with `session-store export`, and readable without it: a tar archive compressed with zstd.

    tar --zstd -xf FILE && sha256sum -c SHA256SUMS

Each folder named by an id is a session. In it, SEGMENT.jsonl is the log of a segment, one JSON
object on each line, and SEGMENT.trace.jsonl is its debug trace. pods/NAME/metadata.json is a named
agent. If a file system could not hold the name, the folder is named by a hash and the file `name`
in it contains the name. manifest.jsonl lists all parts, and those that could not be read. If there
is a folder damaged, it has the files of logs that could not be read.

    session-store restore FILE STORE      writes the backup into any store and verifies it
    session-store ls fs:FOLDER            lists the sessions of the unpacked backup
";

/// Returns the text of the first file.
pub(super) fn readme() -> String {
    format!("{README_BEGINS}{FORMAT}\n\n{README}")
}

/// Returns the version of the format in the first line of the first file, if the line has one.
pub(super) fn format_of(first_line: &[u8]) -> Option<u64> {
    str::from_utf8(first_line).ok()?.strip_prefix(README_BEGINS)?.parse().ok()
}

/// The list of all parts of a backup, and of the parts that are missing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Manifest {
    /// The version of this library that wrote the backup.
    pub version: String,
    /// The time when the export began.
    pub created: SystemTime,
    /// Whether traces were selected, and the source supports reading traces.
    pub with_traces: bool,
    /// Whether pods were selected.
    pub with_pods: bool,
    /// The parts of the backup: segments in ascending order of their ids, then pods.
    pub members: Vec<Member>,
    /// The selected parts that could not be read during the export.
    pub missing: Vec<Missing>,
}

impl Manifest {
    /// Returns the number of segments.
    #[must_use]
    pub fn segments(&self) -> usize {
        self.logs().count()
    }

    /// Returns the number of pods.
    #[must_use]
    pub fn pods(&self) -> usize {
        self.members.iter().filter(|member| matches!(member.part, Part::Pod { .. })).count()
    }

    /// Returns the number of log entries.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.logs().map(|log| log.total.entries).sum()
    }

    /// Returns the number of trace entries.
    #[must_use]
    pub fn trace_entries(&self) -> usize {
        let traces = self.members.iter().filter(|member| matches!(member.part, Part::Trace(_)));
        traces.map(|trace| trace.total.entries).sum()
    }

    /// Reads the file of the manifest.
    pub(super) fn read<R: Read + Seek>(content: &mut Content<'_, R>) -> Result<Self, BackupError> {
        let first: FirstLine = parse_line(content)?;
        let created = first.created().filter(|_| (1..=FORMAT).contains(&first.format));
        let created = created.ok_or_else(|| content.damaged("the format or the time is wrong"))?;
        let mut members: Vec<Member> = Vec::new();
        for _ in 0..first.members {
            let line = next_line(content)?;
            let member = parse::<_, Member>(content, &line)?;
            let last = members.last().map(|last| last.part.file());
            if line != member.line().as_bytes() || last >= Some(member.part.file()) {
                return Err(content.damaged("the line is not one that an export writes"));
            }
            members.push(member);
        }
        let mut missing = Vec::new();
        for _ in 0..first.missing {
            missing.push(parse_line(content)?);
        }
        if content.line()?.is_some() {
            return Err(content.damaged("there is a line too many"));
        }
        let FirstLine { version, traces: with_traces, pods: with_pods, .. } = first;
        Ok(Self { version, created, with_traces, with_pods, members, missing })
    }

    fn logs(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| matches!(member.part, Part::Log(_)))
    }
}

/// A part of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Member {
    /// The part.
    #[serde(flatten)]
    pub part: Part,
    /// Its size and hash.
    #[serde(flatten)]
    pub total: Total,
}

/// A part that a backup lacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Missing {
    /// The part. If the log of a segment is missing, the backup does not contain its trace either.
    #[serde(flatten)]
    pub part: Part,
    /// The reason why the part could not be read.
    #[serde(rename = "missing")]
    pub reason: String,
    /// The size and hash of the damaged log's file, if the backup contains a copy of this file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Total>,
}

impl Missing {
    /// Returns the path of the log's file in the backup, if the backup contains this file.
    #[must_use]
    pub fn raw_path(&self) -> Option<String> {
        self.raw_file().map(|(file, _)| file.path())
    }

    pub(super) fn raw_file(&self) -> Option<(File, Total)> {
        match (&self.part, self.raw) {
            (Part::Log(key), Some(total)) => Some((File::Damaged(*key), total)),
            _ => None,
        }
    }
}

/// A log, a trace or a pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Part {
    /// The log of a segment.
    Log(SegmentKey),
    /// The trace of a segment.
    Trace(SegmentKey),
    /// A pod.
    Pod {
        /// The name of the pod.
        name: PodName,
    },
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log(key) => write!(f, "{key}"),
            Self::Trace(key) => write!(f, "the trace of {key}"),
            Self::Pod { name } => write!(f, "pod {name}"),
        }
    }
}

impl Part {
    pub(super) fn file(&self) -> File {
        match self {
            Self::Log(key) => File::Segment(*key, SegmentFile::Log),
            Self::Trace(key) => File::Segment(*key, SegmentFile::Trace),
            Self::Pod { name } => File::Pod(name.folder(), PodFile::Metadata),
        }
    }

    /// Returns the file that contains the pod's name, and the name. Returns `None` if the folder
    /// has the name of the pod, because the file does not exist then.
    pub(super) fn name_file(&self) -> Option<(File, &str)> {
        let Self::Pod { name } = self else { return None };
        let folder = name.folder();
        folder.is_hashed().then(|| (File::Pod(folder, PodFile::Name), name.as_str()))
    }
}

/// The first line of the manifest.
#[derive(Serialize, Deserialize)]
pub(super) struct FirstLine {
    format: u64,
    version: String,
    /// An RFC 3339 time.
    created: String,
    traces: bool,
    pods: bool,
    members: usize,
    missing: usize,
}

/// The line of a member in the manifest. The line contains the path of the member's file, so that
/// other programs need not construct the path.
#[derive(Serialize)]
struct MemberLine<'a> {
    #[serde(flatten)]
    part: &'a Part,
    path: String,
    #[serde(flatten)]
    total: &'a Total,
}

impl FirstLine {
    fn of(manifest: &Manifest) -> Self {
        Self {
            format: FORMAT,
            version: manifest.version.clone(),
            created: Timestamp::try_from(manifest.created).unwrap_or_default().to_string(),
            traces: manifest.with_traces,
            pods: manifest.with_pods,
            members: manifest.members.len(),
            missing: manifest.missing.len(),
        }
    }

    fn created(&self) -> Option<SystemTime> {
        self.created.parse().ok().map(Timestamp::into)
    }
}

impl Member {
    /// Returns the line of the member in the manifest.
    pub(super) fn line(&self) -> String {
        let Self { part, total } = self;
        as_json(&MemberLine { part, path: part.file().path(), total })
    }
}

/// Returns the lines of the manifest.
pub(super) fn lines(manifest: &Manifest) -> impl Iterator<Item = String> {
    let members = manifest.members.iter().map(Member::line);
    let missing = manifest.missing.iter().map(as_json);
    std::iter::once(as_json(&FirstLine::of(manifest))).chain(members).chain(missing)
}

fn parse_line<R: Read + Seek, T: DeserializeOwned>(
    content: &mut Content<'_, R>,
) -> Result<T, BackupError> {
    let line = next_line(content)?;
    parse(content, &line)
}

fn next_line<R: Read + Seek>(content: &mut Content<'_, R>) -> Result<Vec<u8>, BackupError> {
    content.line()?.ok_or_else(|| content.damaged("a line is missing"))
}

fn parse<R: Read + Seek, T: DeserializeOwned>(
    content: &Content<'_, R>,
    line: &[u8],
) -> Result<T, BackupError> {
    serde_json::from_slice(line).map_err(|error| content.damaged(error.to_string()))
}

fn as_json<T: Serialize>(line: &T) -> String {
    serde_json::to_string(line).expect("texts and numbers serialize")
}

/// Returns the lines of the file for `sha256sum -c`, which lists every other file.
pub(super) fn sums(
    readme: Digest,
    manifest: &Manifest,
    manifest_sha256: Digest,
) -> impl Iterator<Item = String> {
    let raw = manifest.missing.iter().filter_map(Missing::raw_file);
    let members = manifest.members.iter().flat_map(|Member { part, total }| {
        let name = part.name_file().map(|(file, name)| (Digest::of(name.as_bytes()), file));
        name.into_iter().chain([(total.sha256, part.file())])
    });
    [(readme, File::Readme)]
        .into_iter()
        .chain(members)
        .chain(raw.map(|(file, total)| (total.sha256, file)))
        .chain([(manifest_sha256, File::Manifest)])
        .map(|(digest, file)| format!("{digest}  {}", file.path()))
}
