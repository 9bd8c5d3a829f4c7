//! The reports of `import`: one for each file, and a summary.

use std::fmt;
use std::path::Path;

use serde::Serialize;
use session_store::SegmentKey;

use crate::text::plural;
use session_store_import::SalvagedLine;

/// The outcome of one file.
#[derive(Debug, Serialize)]
pub(crate) struct FileReport {
    pub(crate) path: String,
    /// The segment that the file is stored as, if it was stored.
    #[serde(flatten)]
    pub(crate) key: Option<SegmentKey>,
    /// Whether the file is stored as the trace of the segment.
    pub(crate) trace: bool,
    pub(crate) state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// The number of entries of the file that are stored.
    pub(crate) entries: usize,
    /// The number of entries that this import stored.
    pub(crate) new: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) salvaged: Vec<SalvagedLine>,
}

/// The outcome of a file in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// The whole file was stored.
    Imported,
    /// The file has grown since an earlier import, and its new entries were appended.
    Extended,
    /// The whole file was already stored.
    Unchanged,
    /// The file has an invalid line or is not a regular file. Nothing was stored.
    Refused,
    /// The segment of this id is not a prefix of the file. It was not changed.
    Conflict,
    /// An error interrupted reading or storing. A prefix of the file may be stored.
    Failed,
}

impl FileReport {
    /// Creates the report of a file of which nothing was stored.
    pub(crate) fn not_stored(path: &Path, state: State, reason: String) -> Self {
        Self {
            path: path.display().to_string(),
            key: None,
            trace: false,
            state,
            reason: Some(reason),
            entries: 0,
            new: 0,
            salvaged: Vec::new(),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Imported => "imported",
            Self::Extended => "extended",
            Self::Unchanged => "unchanged",
            Self::Refused => "refused",
            Self::Conflict => "conflict",
            Self::Failed => "failed",
        })
    }
}

impl fmt::Display for FileReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.state)?;
        if let Some(reason) = &self.reason {
            write!(f, ": {reason}")?;
        }
        if let Some(SegmentKey { session_id, segment_id }) = self.key {
            write!(f, ", {} of {} entries new", self.new, self.entries)?;
            write!(f, ", session {session_id}")?;
            if session_id.to_string() != segment_id.to_string() {
                write!(f, ", segment {segment_id}")?;
            }
            if self.trace {
                write!(f, ", as its trace")?;
            }
        }
        self.salvaged.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

/// The outcome of all files.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Summary {
    pub(crate) files: usize,
    pub(crate) refused: usize,
    pub(crate) conflicts: usize,
    pub(crate) failed: usize,
    pub(crate) entries: usize,
    pub(crate) new: usize,
}

impl Summary {
    pub(crate) fn count(&mut self, file: &FileReport) {
        self.files += 1;
        self.entries += file.entries;
        self.new += file.new;
        match file.state {
            State::Imported | State::Extended | State::Unchanged => {}
            State::Refused => self.refused += 1,
            State::Conflict => self.conflicts += 1,
            State::Failed => self.failed += 1,
        }
    }

    /// Returns whether every file is stored.
    pub(crate) const fn is_clean(&self) -> bool {
        self.refused + self.conflicts + self.failed == 0
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files = plural(self.files, "file", "files");
        write!(f, "{files}, {} of {} entries new", self.new, self.entries)?;
        let problems =
            [(self.refused, "refused"), (self.conflicts, "in conflict"), (self.failed, "failed")];
        problems
            .iter()
            .filter(|(count, _)| *count > 0)
            .try_for_each(|(count, word)| write!(f, ", {count} {word}"))
    }
}
