//! Which files a backup is made of, under which paths, and in which order. Pure functions of ids and names.

use session_store_core::{PodName, SegmentId, SessionId};
use uuid::Uuid;

/// Sets the hashes that stand for pods' names apart from all others made the same way (RFC 9562, version 5).
/// The file backend makes its folders with the same one, which is how it finds the pods of an unpacked backup.
const NAMESPACE: Uuid = Uuid::from_u128(0x2f1c_93a0_5d7e_4c6b_9e84_6a0d_71b3_c258);

/// Begins the name of a folder that is named by a hash.
const HASHED: char = '~';

/// The longest name of a pod that is also its folder's: with it a path fits the header of a tar archive.
const MAX_PLAIN_BYTES: usize = 64;

/// A file of a backup. Files stand in a backup in ascending order, each once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum File {
    Readme,
    Segment(SessionId, SegmentId, SegmentFile),
    Pod(PodFolder, PodFile),
    Manifest,
    Sums,
}

/// The two files that a segment may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SegmentFile {
    Log,
    Trace,
}

/// The files of a pod: what a folder that is named by a hash stands for, and the pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PodFile {
    Name,
    Metadata,
}

/// The name of a pod's folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PodFolder(String);

impl File {
    pub(super) fn path(&self) -> String {
        match self {
            Self::Readme => "README".to_owned(),
            Self::Segment(session_id, segment_id, file) => {
                format!("{session_id}/{segment_id}{}", file.suffix())
            }
            Self::Pod(PodFolder(folder), file) => format!("pods/{folder}/{}", file.name()),
            Self::Manifest => "manifest.jsonl".to_owned(),
            Self::Sums => "SHA256SUMS".to_owned(),
        }
    }

    /// The file of this path, if it is spelled as [`path`](Self::path) spells it. No other path is ever
    /// followed, so none leads out of anywhere.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let file = match path.split_once('/') {
            None => Self::at_the_top(path)?,
            Some(("pods", pod)) => {
                let (folder, file) = pod.split_once('/')?;
                Self::Pod(PodFolder::parse(folder)?, PodFile::parse(file)?)
            }
            Some((session_id, segment)) => {
                let (segment_id, file) = SegmentFile::parse(segment)?;
                Self::Segment(session_id.parse().ok()?, segment_id, file)
            }
        };
        (file.path() == path).then_some(file)
    }

    fn at_the_top(path: &str) -> Option<Self> {
        [Self::Readme, Self::Manifest, Self::Sums].into_iter().find(|file| file.path() == path)
    }
}

impl SegmentFile {
    const fn suffix(self) -> &'static str {
        match self {
            Self::Log => ".jsonl",
            Self::Trace => ".trace.jsonl",
        }
    }

    fn parse(name: &str) -> Option<(SegmentId, Self)> {
        [Self::Trace, Self::Log].into_iter().find_map(|file| {
            let segment_id = name.strip_suffix(file.suffix())?.parse().ok()?;
            Some((segment_id, file))
        })
    }
}

impl PodFile {
    const fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Metadata => "metadata.json",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        [Self::Name, Self::Metadata].into_iter().find(|file| file.name() == name)
    }
}

impl PodFolder {
    pub(super) fn of(name: &PodName) -> Self {
        let name = name.as_str();
        if is_plain(name) {
            return Self(name.to_owned());
        }
        Self(format!("{HASHED}{}", Uuid::new_v5(&NAMESPACE, name.as_bytes())))
    }

    /// Whether the pod's name is not the folder's, and has a file in it.
    pub(super) fn is_hashed(&self) -> bool {
        self.0.starts_with(HASHED)
    }

    /// The pod that a folder without a file for its name is of.
    pub(super) fn plain_name(&self) -> Option<PodName> {
        self.0.parse().ok().filter(|_| !self.is_hashed())
    }

    fn parse(folder: &str) -> Option<Self> {
        let hashed = folder
            .strip_prefix(HASHED)
            .and_then(|hash| Uuid::try_parse(hash).ok())
            .is_some_and(|hash| folder[HASHED.len_utf8()..] == hash.to_string());
        (hashed || is_plain(folder)).then(|| Self(folder.to_owned()))
    }
}

/// Whether a folder of this name is this pod's on every file system: none folds its case, normalises it,
/// reserves it or finds it too long.
fn is_plain(name: &str) -> bool {
    const RESERVED: [&str; 4] = ["con", "prn", "aux", "nul"];
    let stem = name.split('.').next().unwrap_or(name);
    let numbered = stem.len() == 4 && (stem.starts_with("com") || stem.starts_with("lpt"));
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
    (1..=MAX_PLAIN_BYTES).contains(&name.len())
        && name.bytes().all(plain)
        && !name.starts_with('.')
        && !name.ends_with('.')
        && !numbered
        && !RESERVED.contains(&stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0190a7c2-0000-7000-8000-0000000000ff";

    #[test]
    fn a_path_and_its_file_say_the_same() {
        for path in [
            "README".to_owned(),
            format!("{ID}/{ID}.jsonl"),
            format!("{ID}/{ID}.trace.jsonl"),
            "pods/coder/metadata.json".to_owned(),
            format!("pods/~{ID}/name"),
            format!("pods/~{ID}/metadata.json"),
            "manifest.jsonl".to_owned(),
            "SHA256SUMS".to_owned(),
        ] {
            assert_eq!(File::parse(&path).map(|file| file.path()), Some(path));
        }
    }

    #[test]
    fn no_other_path_is_a_file() {
        let upper = ID.to_uppercase();
        for path in [
            String::new(),
            "readme".to_owned(),
            format!("/{ID}/{ID}.jsonl"),
            format!("./{ID}/{ID}.jsonl"),
            format!("{ID}/../{ID}/{ID}.jsonl"),
            format!("../{ID}.jsonl"),
            format!("{ID}/{ID}.json"),
            format!("{ID}/{ID}.jsonl/"),
            format!("{upper}/{ID}.jsonl"),
            format!("{ID}/{{{ID}}}.jsonl"),
            "pods/../metadata.json".to_owned(),
            "pods/Coder/metadata.json".to_owned(),
            "pods/coder/other".to_owned(),
            "pods/con/metadata.json".to_owned(),
            "pods/lpt1.x/metadata.json".to_owned(),
            "pods//metadata.json".to_owned(),
            format!("pods/~{upper}/name"),
            format!("pods/{}/metadata.json", "x".repeat(65)),
        ] {
            assert_eq!(File::parse(&path), None, "{path}");
        }
    }

    #[test]
    fn a_log_comes_before_its_trace_and_pods_after_all_segments() {
        let order = [
            "README".to_owned(),
            format!("{ID}/{ID}.jsonl"),
            format!("{ID}/{ID}.trace.jsonl"),
            "pods/coder/metadata.json".to_owned(),
            format!("pods/~{ID}/name"),
            format!("pods/~{ID}/metadata.json"),
            "manifest.jsonl".to_owned(),
            "SHA256SUMS".to_owned(),
        ];
        let files = order.map(|path| File::parse(&path).unwrap());
        assert!(files.is_sorted());
    }
}
