//! The files of a backup: their paths and their order. The functions do no I/O.

use session_store_core::{PodFolder, SegmentId, SegmentKey};

/// The folder of the logs that could not be read.
const DAMAGED: &str = "damaged";

/// A file of a backup. A backup contains each file at most once, in ascending order.
///
/// A migration copies the parts in the same order, so a restore reads the backup from its beginning
/// to its end. The manifest comes after the parts whose hashes it contains.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum File {
    Readme,
    Segment(SegmentKey, SegmentFile),
    Pod(PodFolder, PodFile),
    /// The bytes of a log that could not be read.
    Damaged(SegmentKey),
    Manifest,
    Sums,
}

/// The two files of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SegmentFile {
    Log,
    Trace,
}

/// The two files of a pod. The file with the pod's name exists only if the name of the folder is a
/// hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PodFile {
    Name,
    Metadata,
}

impl File {
    pub(super) fn path(&self) -> String {
        match self {
            Self::Readme => "README".to_owned(),
            Self::Segment(SegmentKey { session_id, segment_id }, file) => {
                format!("{session_id}/{segment_id}{}", file.suffix())
            }
            Self::Damaged(key) => {
                format!("{DAMAGED}/{}", Self::Segment(*key, SegmentFile::Log).path())
            }
            Self::Pod(folder, file) => format!("pods/{folder}/{}", file.name()),
            Self::Manifest => "manifest.jsonl".to_owned(),
            Self::Sums => "SHA256SUMS".to_owned(),
        }
    }

    /// Returns the file that has exactly this [`path`](Self::path), or `None` if there is no such
    /// file.
    ///
    /// A backup with any other path is refused. So no path leads out of the folder into which a
    /// backup is unpacked.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let file = match path.split_once('/') {
            None => Self::parse_top(path)?,
            Some(("pods", pod)) => {
                let (folder, file) = pod.split_once('/')?;
                Self::Pod(PodFolder::parse(folder)?, PodFile::parse(file)?)
            }
            Some((DAMAGED, log)) => match Self::parse(log)? {
                Self::Segment(key, SegmentFile::Log) => Self::Damaged(key),
                _ => return None,
            },
            Some((session_id, segment)) => {
                let (segment_id, file) = SegmentFile::parse(segment)?;
                Self::Segment(SegmentKey::new(session_id.parse().ok()?, segment_id), file)
            }
        };
        (file.path() == path).then_some(file)
    }

    fn parse_top(path: &str) -> Option<Self> {
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

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0190a7c2-0000-7000-8000-0000000000ff";

    #[test]
    fn a_path_is_parsed_to_the_file_that_has_it() {
        for path in [
            "README".to_owned(),
            format!("{ID}/{ID}.jsonl"),
            format!("{ID}/{ID}.trace.jsonl"),
            "pods/coder/metadata.json".to_owned(),
            format!("pods/~{ID}/name"),
            format!("pods/~{ID}/metadata.json"),
            format!("damaged/{ID}/{ID}.jsonl"),
            "manifest.jsonl".to_owned(),
            "SHA256SUMS".to_owned(),
        ] {
            assert_eq!(File::parse(&path).map(|file| file.path()), Some(path));
        }
    }

    #[test]
    fn other_paths_are_not_parsed() {
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
            format!("damaged/{ID}/{ID}.trace.jsonl"),
            format!("damaged/damaged/{ID}/{ID}.jsonl"),
            "damaged/README".to_owned(),
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
    fn a_log_comes_before_its_trace_and_the_other_files_after_all_segments() {
        let order = [
            "README".to_owned(),
            format!("{ID}/{ID}.jsonl"),
            format!("{ID}/{ID}.trace.jsonl"),
            "pods/coder/metadata.json".to_owned(),
            format!("pods/~{ID}/name"),
            format!("pods/~{ID}/metadata.json"),
            format!("damaged/{ID}/{ID}.jsonl"),
            "manifest.jsonl".to_owned(),
            "SHA256SUMS".to_owned(),
        ];
        let files = order.map(|path| File::parse(&path).unwrap());
        assert!(files.is_sorted());
    }
}
