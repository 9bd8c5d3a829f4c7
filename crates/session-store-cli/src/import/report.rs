//! What `import` says about each file and about all of them.

use std::fmt;
use std::path::Path;

use serde::Serialize;

use crate::import::ids::Ids;
use crate::import::records::Finding;

/// What became of one file.
#[derive(Debug, Serialize)]
pub(crate) struct FileReport {
    pub(crate) path: String,
    /// What it is stored as, if it came so far.
    #[serde(flatten)]
    pub(crate) ids: Option<Ids>,
    /// Whether it is stored as the segment's trace.
    pub(crate) trace: bool,
    pub(crate) state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// How many of its entries are stored, and how many of those are new.
    pub(crate) entries: usize,
    pub(crate) new: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) salvaged: Vec<Finding>,
}

/// What became of a file, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// Nothing of it was there, now all of it is.
    Imported,
    /// It has grown since it was imported, and what is new was appended.
    Extended,
    /// All of it was there.
    Unchanged,
    /// A line of it is bad, or it is no regular file; nothing of it was stored.
    Refused,
    /// What is stored under its ids is no prefix of it, and stays as it is.
    Conflict,
    /// Reading or storing failed; what was stored is a prefix of it.
    Failed,
}

impl FileReport {
    /// A file of which nothing was stored.
    pub(crate) fn without_ids(path: &Path, state: State, reason: String) -> Self {
        Self {
            path: path.display().to_string(),
            ids: None,
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
        if let Some(Ids { session_id, segment_id }) = self.ids {
            write!(f, ", {} of {} entries new", self.new, self.entries)?;
            write!(f, ", session {session_id}")?;
            if session_id.to_string() != segment_id.to_string() {
                write!(f, ", segment {segment_id}")?;
            }
            if self.trace {
                write!(f, ", its trace")?;
            }
        }
        self.salvaged.iter().try_for_each(|finding| write!(f, "\n  {finding}"))
    }
}

/// What became of all files.
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

    /// Whether every file is stored.
    pub(crate) const fn is_clean(&self) -> bool {
        self.refused + self.conflicts + self.failed == 0
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files = if self.files == 1 { "file" } else { "files" };
        write!(f, "{} {files}, {} of {} entries new", self.files, self.new, self.entries)?;
        let troubles =
            [(self.refused, "refused"), (self.conflicts, "in conflict"), (self.failed, "failed")];
        troubles
            .iter()
            .filter(|(count, _)| *count > 0)
            .try_for_each(|(count, word)| write!(f, ", {count} {word}"))
    }
}
