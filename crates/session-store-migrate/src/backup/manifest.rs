//! What a backup holds and what it lacks, and the text of its last two files, which say so.

use std::time::SystemTime;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use session_store_core::{PodName, SegmentId, SessionId};

use super::digest::Total;
use super::file::{File, PodFile, PodFolder, SegmentFile};
use crate::digest::Digest;

/// The newest version of the format that this program reads, and the one that it writes.
pub(super) const FORMAT: u64 = 1;

/// How the first line of the first file begins; the version follows.
const README_BEGINS: &str = "A backup of session-store, format ";

const README: &str = "\
Made with `session-store export`, and readable without it: a tar archive compressed with zstd.

    tar --zstd -xf FILE && sha256sum -c SHA256SUMS

Each folder named by an id is a session. In it, SEGMENT.jsonl is the log of a segment, one JSON object on each
line, and SEGMENT.trace.jsonl its debug trace. pods/NAME/metadata.json is a named agent; where the name is no
good name for a folder, a hash stands for it, and the file `name` beside has it. manifest.jsonl lists it all,
and what could not be read when the backup was made.

    session-store restore FILE STORE      writes it into any store, and proves that it is there
    session-store ls fs:FOLDER            looks into the folder that it was unpacked into
";

/// The text of the first file.
pub(super) fn readme() -> String {
    format!("{README_BEGINS}{FORMAT}\n\n{README}")
}

/// The format version in the first line of the first file; `None` if it is no such line.
pub(super) fn format_of(first_line: &[u8]) -> Option<u64> {
    str::from_utf8(first_line).ok()?.strip_prefix(README_BEGINS)?.parse().ok()
}

/// What a backup holds, and what it lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Manifest {
    /// The version of this library that made it.
    pub version: String,
    /// When it was begun.
    pub created: SystemTime,
    /// Whether traces were asked for, and could be read.
    pub with_traces: bool,
    /// Whether pods were asked for.
    pub with_pods: bool,
    /// Everything in it: segments in ascending order of their ids, then pods.
    pub members: Vec<Member>,
    /// What should be in it, and could not be read when it was made.
    pub missing: Vec<Missing>,
}

impl Manifest {
    /// How many segments are in it.
    #[must_use]
    pub fn segments(&self) -> usize {
        self.logs().count()
    }

    /// How many pods are in it.
    #[must_use]
    pub fn pods(&self) -> usize {
        self.members.iter().filter(|member| matches!(member.part, Part::Pod { .. })).count()
    }

    /// How many log entries are in it.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.logs().map(|log| log.total.entries).sum()
    }

    /// How many trace entries are in it.
    #[must_use]
    pub fn trace_entries(&self) -> usize {
        let traces = self.members.iter().filter(|member| matches!(member.part, Part::Trace { .. }));
        traces.map(|trace| trace.total.entries).sum()
    }

    fn logs(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| matches!(member.part, Part::Log { .. }))
    }
}

/// One log, trace or pod in a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Member {
    /// Which one.
    pub part: Part,
    /// Its size and hash.
    pub total: Total,
}

/// One log, trace or pod that a backup lacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Missing {
    /// Which one. A segment whose log is missing has no trace in the backup either.
    #[serde(flatten)]
    pub part: Part,
    /// Why it could not be read.
    #[serde(rename = "missing")]
    pub reason: String,
}

/// A log, a trace or a pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Part {
    /// The log of a segment.
    Log {
        /// Its session.
        session_id: SessionId,
        /// The segment.
        segment_id: SegmentId,
    },
    /// The trace of a segment.
    Trace {
        /// Its session.
        session_id: SessionId,
        /// The segment.
        segment_id: SegmentId,
    },
    /// A pod.
    Pod {
        /// Its name.
        #[serde(serialize_with = "as_text", deserialize_with = "pod_name")]
        name: PodName,
    },
}

fn as_text<S: Serializer>(name: &PodName, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(name.as_str())
}

fn pod_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PodName, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

impl Part {
    pub(super) fn file(&self) -> File {
        match self {
            Self::Log { session_id, segment_id } => {
                File::Segment(*session_id, *segment_id, SegmentFile::Log)
            }
            Self::Trace { session_id, segment_id } => {
                File::Segment(*session_id, *segment_id, SegmentFile::Trace)
            }
            Self::Pod { name } => File::Pod(PodFolder::of(name), PodFile::Metadata),
        }
    }
}

/// The first line of the manifest.
#[derive(Serialize, Deserialize)]
pub(super) struct Heading {
    format: u64,
    pub(super) version: String,
    /// As RFC 3339 has it.
    created: String,
    pub(super) traces: bool,
    pub(super) pods: bool,
    members: usize,
    pub(super) missing: usize,
}

/// The line of a member.
#[derive(Serialize)]
struct MemberLine<'a> {
    #[serde(flatten)]
    part: &'a Part,
    path: String,
    #[serde(flatten)]
    total: &'a Total,
}

impl Heading {
    pub(super) fn of(manifest: &Manifest) -> Self {
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

    pub(super) fn created(&self) -> Option<SystemTime> {
        self.created.parse().ok().map(Timestamp::into)
    }

    /// Whether it introduces so many members, in the format that the first file said.
    pub(super) const fn fits(&self, members: usize) -> bool {
        self.format == FORMAT && self.members == members
    }
}

impl Member {
    /// Its line in the manifest.
    pub(super) fn line(&self) -> String {
        let Self { part, total } = self;
        as_json(&MemberLine { part, path: part.file().path(), total })
    }
}

/// The lines of the manifest.
pub(super) fn lines(manifest: &Manifest) -> impl Iterator<Item = String> {
    let members = manifest.members.iter().map(Member::line);
    let missing = manifest.missing.iter().map(as_json);
    std::iter::once(as_json(&Heading::of(manifest))).chain(members).chain(missing)
}

fn as_json<T: Serialize>(line: &T) -> String {
    serde_json::to_string(line).expect("texts and numbers serialise")
}

/// The lines of the file that `sha256sum -c` reads: every other file.
pub(super) fn sums(
    readme: Digest,
    members: &[Member],
    manifest: Digest,
) -> impl Iterator<Item = String> {
    let members = members.iter().flat_map(|Member { part, total }| {
        let name = named_beside(part).map(|(file, name)| (Digest::of(name.as_bytes()), file));
        name.into_iter().chain([(total.sha256, part.file())])
    });
    [(readme, File::Readme)]
        .into_iter()
        .chain(members)
        .chain([(manifest, File::Manifest)])
        .map(|(digest, file)| format!("{digest}  {}", file.path()))
}

/// The file that holds a pod's name, and the name, where the pod's folder is named by a hash.
pub(super) fn named_beside(part: &Part) -> Option<(File, &str)> {
    let Part::Pod { name } = part else { return None };
    let folder = PodFolder::of(name);
    folder.is_hashed().then(|| (File::Pod(folder, PodFile::Name), name.as_str()))
}
