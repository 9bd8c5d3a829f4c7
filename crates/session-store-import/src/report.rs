//! The reports of an import: one for each log, and a summary.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::Serialize;
use session_store_core::{SegmentId, SegmentKey};

use crate::records::Oddities;
use crate::text::plural;

/// The outcome of one log, trace or pod. Also reports one file or folder that cannot be read.
#[derive(Clone, Debug, Serialize)]
#[must_use]
pub struct UnitReport {
    /// The path of the file.
    pub path: String,
    /// The format of the file, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<&'static str>,
    /// The segment in which the file is stored.
    #[serde(flatten)]
    pub key: Option<SegmentKey>,
    /// The pod in which the file is stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// Whether the file is stored as the trace of the segment.
    pub trace: bool,
    /// The outcome.
    pub state: State,
    /// The reason for the outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// If the file is stored as a fork: the segment that contains the entries of the file before
    /// the fork.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fork_of: Option<SegmentId>,
    /// The number of stored entries of the file, including the entries of earlier imports.
    pub entries: usize,
    /// The number of entries that this import stored.
    pub new: usize,
    /// Whether the import was a dry run, which writes nothing. `state`, `entries` and `new` then
    /// have the values that a real import would report.
    pub dry_run: bool,
    /// The oddities of the file.
    #[serde(flatten)]
    pub oddities: Oddities,
    /// Whether the option `salvage` would store a part of a refused file.
    #[serde(skip)]
    pub salvage_helps: bool,
}

/// The outcome of one log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The whole log was stored.
    Imported,
    /// An earlier import had stored a part of the log. The other entries were appended now.
    Extended,
    /// The whole log was already stored.
    Unchanged,
    /// The stored log has all entries of the file, followed by more entries. The stored log was not
    /// changed.
    Behind,
    /// The file has no entries, so no segment was created.
    Empty,
    /// All entries are older than the requested time. Nothing was stored.
    Older,
    /// The stored log differs from the file. The stored log was not changed, because of the option
    /// [`OnConflict::Skip`](crate::OnConflict::Skip).
    Skipped,
    /// The stored log differs from the file. The stored log was not changed.
    Conflict,
    /// The file is not a valid log. Nothing was stored.
    Refused,
    /// An error interrupted the import of this file. A prefix of the log may be stored.
    Failed,
}

impl State {
    /// Returns whether the stored log equals the file.
    #[must_use]
    pub const fn is_stored(self) -> bool {
        matches!(self, Self::Imported | Self::Extended | Self::Unchanged)
    }

    /// Returns whether the import of the file met no problem. A conflict, a refused file and a
    /// failure are problems. A log that was skipped or is too old is not a problem, although its
    /// entries are not stored.
    #[must_use]
    pub const fn is_clean(self) -> bool {
        !matches!(self, Self::Conflict | Self::Refused | Self::Failed)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Imported => "imported",
            Self::Extended => "extended",
            Self::Unchanged => "unchanged",
            Self::Behind => "behind",
            Self::Empty => "empty",
            Self::Older => "older",
            Self::Skipped => "skipped",
            Self::Conflict => "conflict",
            Self::Refused => "refused",
            Self::Failed => "failed",
        })
    }
}

impl UnitReport {
    /// Creates the report of a file from which nothing was stored.
    pub(crate) fn new(path: &Path, state: State, reason: impl Into<Option<String>>) -> Self {
        Self {
            path: path.to_string_lossy().into_owned(),
            format: None,
            key: None,
            pod: None,
            trace: false,
            state,
            reason: reason.into(),
            fork_of: None,
            entries: 0,
            new: 0,
            dry_run: false,
            oddities: Oddities::default(),
            salvage_helps: false,
        }
    }

    /// Returns whether the report contains anything besides the fact that the log is stored.
    #[must_use]
    pub fn is_notable(&self) -> bool {
        !self.state.is_stored() || self.reason.is_some() || self.oddities != Oddities::default()
    }
}

impl fmt::Display for UnitReport {
    /// Writes one line about the log, and a few more lines if lines of the file were salvaged.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 3;
        let is_planned = self.dry_run && matches!(self.state, State::Imported | State::Extended);
        let tense = if is_planned { "would be " } else { "" };
        write!(f, "{}: {tense}{}", printable(&self.path), self.state)?;
        if let Some(SegmentKey { session_id, segment_id }) = self.key {
            if self.state.is_stored() {
                write!(f, ", {} of {} entries {tense}new", self.new, self.entries)?;
            }
            write!(f, ", session {session_id}")?;
            if session_id.as_bytes() != segment_id.as_bytes() {
                write!(f, ", segment {segment_id}")?;
            }
            if self.trace {
                f.write_str(", as its trace")?;
            }
        }
        if let Some(origin) = self.fork_of {
            write!(f, ", a fork of segment {origin}")?;
        }
        if let Some(pod) = &self.pod {
            write!(f, ", pod {pod}")?;
        }
        if let Some(reason) = &self.reason {
            write!(f, ": {}", printable(reason))?;
        }
        write!(f, "{}", self.oddities)?;
        let salvaged = &self.oddities.salvaged;
        salvaged.iter().take(SHOWN).try_for_each(|line| write!(f, "\n  {line}"))?;
        match salvaged.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "\n  and {}; --json lists them", plural(more, "line", "lines")),
        }
    }
}

impl fmt::Display for Oddities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.byte_order_mark {
            f.write_str("; dropped a byte-order mark")?;
        }
        if self.several_lines > 0 {
            let records = plural(self.several_lines, "record was", "records were");
            write!(f, "; {records} on several lines")?;
        }
        if let Some(bytes) = self.unfinished {
            let bytes = plural(bytes, "byte", "bytes");
            write!(f, "; the last line is not finished yet ({bytes} not taken)")?;
        }
        Ok(())
    }
}

/// Returns the path with escaped control characters, so that it is printed on one line.
fn printable(path: &str) -> String {
    let escape =
        |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    path.chars().map(escape).collect()
}

/// The outcomes of all logs, as counts.
#[derive(Clone, Debug, Default, Serialize)]
#[must_use]
pub struct Summary {
    /// The number of reports. Each log, trace and pod has a report, and each path that cannot be
    /// read.
    pub files: usize,
    /// The number of reports with each state.
    pub states: BTreeMap<State, usize>,
    /// The number of stored entries of all files, including the entries of earlier imports.
    pub entries: usize,
    /// The number of entries that this import stored.
    pub new: usize,
    /// The number of logs that were salvaged in part.
    pub salvaged: usize,
    /// Whether the import was a dry run, which writes nothing.
    pub dry_run: bool,
    /// The files and folders that were not imported, by kind.
    pub passed_over: BTreeMap<String, PassedOver>,
}

/// The files of one kind that were not imported.
#[derive(Clone, Debug, Serialize)]
pub struct PassedOver {
    /// The number of files.
    pub count: usize,
    /// The path of one of these files.
    pub example: String,
}

impl Summary {
    pub(crate) fn count(&mut self, unit: &UnitReport) {
        self.files += 1;
        *self.states.entry(unit.state).or_default() += 1;
        self.entries += unit.entries;
        self.new += unit.new;
        self.salvaged += usize::from(!unit.oddities.salvaged.is_empty());
    }

    pub(crate) fn pass_over(&mut self, kind: impl Into<String>, path: &Path) {
        let example = || path.to_string_lossy().into_owned();
        let kind = self.passed_over.entry(kind.into());
        kind.or_insert_with(|| PassedOver { count: 0, example: example() }).count += 1;
    }

    /// Returns the number of reports with a state.
    #[must_use]
    pub fn of(&self, state: State) -> usize {
        self.states.get(&state).copied().unwrap_or_default()
    }

    /// Returns whether the import of every log is [clean](State::is_clean).
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.states.keys().all(|state| state.is_clean())
    }
}

impl fmt::Display for Summary {
    /// Writes a line about the logs, and further lines about the files that were not imported.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tense = if self.dry_run { "would be new" } else { "new" };
        let files = plural(self.files, "file", "files");
        write!(f, "{files}, {} of {} entries {tense}", self.new, self.entries)?;
        const WORDS: [(State, &str); 7] = [
            (State::Behind, "behind"),
            (State::Empty, "empty"),
            (State::Older, "older"),
            (State::Skipped, "skipped"),
            (State::Refused, "refused"),
            (State::Conflict, "in conflict"),
            (State::Failed, "failed"),
        ];
        for (state, word) in WORDS {
            match self.of(state) {
                0 => {}
                count => write!(f, ", {count} {word}")?,
            }
        }
        if self.salvaged > 0 {
            write!(f, ", {} salvaged", self.salvaged)?;
        }
        let mut others: Option<PassedOver> = None;
        for (kind, files) in &self.passed_over {
            if may_be_session(kind) {
                write_passed_over(f, kind, files)?;
            } else if let Some(others) = &mut others {
                others.count += files.count;
            } else {
                others = Some(files.clone());
            }
        }
        others.map_or(Ok(()), |others| write_passed_over(f, "other files", &others))
    }
}

/// Returns whether the text of a summary counts this kind of files separately. This is true if the
/// files may be sessions of a program, or if the kind has a name. All other files are counted
/// together. The JSON of a summary counts every kind separately.
fn may_be_session(kind: &str) -> bool {
    const ENDINGS: [&str; 6] = ["*.json", "*.db", "*.sqlite", "*.log", "*.md", "*.txt"];
    ENDINGS.contains(&kind) || !kind.starts_with("*.") && kind != WITHOUT_EXTENSION
}

/// The name of the kind for files whose names have no extension.
pub(crate) const WITHOUT_EXTENSION: &str = "files without an extension";

fn write_passed_over(
    f: &mut fmt::Formatter<'_>,
    kind: &str,
    PassedOver { count, example }: &PassedOver,
) -> fmt::Result {
    write!(f, "\nnot taken: {kind} ({count}), such as {}", printable(example))
}
