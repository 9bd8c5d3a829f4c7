//! The options of an import.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::SystemTime;

use session_store_migrate::DEFAULT_JOBS;

use crate::filter::Filter;

/// The options of an import.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Whether the undamaged records of a damaged file are stored.
    pub salvage: bool,
    /// The size of the longest line that is read, in bytes.
    pub max_line: usize,
    /// The treatment of a stored log that differs from its file.
    pub on_conflict: OnConflict,
    /// Whether the import writes nothing and only reports the outcome that each log would have.
    pub dry_run: bool,
    /// The earliest permitted time of a log. The time of a log is the latest time of its entries.
    /// Older logs are not stored.
    pub since: Option<SystemTime>,
    /// The patterns that select files in the searched folders.
    pub filter: Filter,
    /// The file or folder of the destination store. The import does not search it.
    pub destination: Option<PathBuf>,
    /// The number of segments that are stored at the same time.
    pub jobs: NonZeroUsize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            salvage: false,
            max_line: 256 << 20,
            on_conflict: OnConflict::default(),
            dry_run: false,
            since: None,
            filter: Filter::new(),
            destination: None,
            jobs: DEFAULT_JOBS,
        }
    }
}

/// The treatment of a stored log that differs from its file. If the log is a prefix of the file, or
/// the file is a prefix of the log, there is no conflict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnConflict {
    /// The stored log is kept, and the report counts a conflict. Some formats are of programs that
    /// rewrite their own records. For a log of such a format, a difference is not a conflict: the
    /// file is stored as with [`Fork`](Self::Fork).
    #[default]
    Report,
    /// The stored log is kept, and the report does not count a conflict.
    Skip,
    /// The stored log is truncated at the first difference, and the rest of the file is appended.
    Replace,
    /// The stored log is kept. The entries of the file from the first difference on are stored as a
    /// new segment of the same session. The first entry of this segment names the stored log as its
    /// origin.
    Fork,
}
