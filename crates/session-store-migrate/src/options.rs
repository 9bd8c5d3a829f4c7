//! The options of a migration.

use std::num::NonZeroUsize;
use std::time::Duration;

use serde::Serialize;

use crate::select::Selection;

/// The default number of jobs.
///
/// With four jobs, the other jobs work while one job waits for a disk or a server. Four threads are
/// few enough for a small machine.
pub const DEFAULT_JOBS: NonZeroUsize = NonZeroUsize::new(4).expect("four is not zero");

/// The default time after which a run aborts if a store fails on every segment.
const ABORT_AFTER: Duration = Duration::from_secs(30);

/// The options of a run, as they appear in a report. The methods of [`Migration`](crate::Migration)
/// set the options.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Options {
    /// The part of the source to copy.
    #[serde(flatten)]
    pub selection: Selection,
    /// The number of segments that are copied at the same time.
    pub jobs: usize,
    /// The treatment of segments and pods of the destination that differ from the source.
    pub on_conflict: OnConflict,
    /// Whether the run writes nothing and only reports the changes that a copy would make.
    pub dry_run: bool,
    /// Whether the run follows the changes of the source
    /// ([`Migration::follow`](crate::Migration::follow)).
    pub follow: bool,
    /// The time after which the run aborts if a store fails on every segment.
    #[serde(skip)]
    pub abort_after: Duration,
}

/// The treatment of a segment or pod of the destination that differs from the source.
///
/// A log that is a prefix of the source's log is not a conflict, because the missing entries are
/// appended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum OnConflict {
    /// The destination is not changed. The report counts the whole copy as not complete.
    #[default]
    Report,
    /// The destination is not changed. The report can count the whole copy as complete in spite of
    /// the conflict.
    Skip,
    /// The segment or pod of the destination becomes equal to the source's.
    ///
    /// A log is truncated at the first difference and then extended. The truncation fails if the
    /// log's head has changed since the comparison. A trace cannot be truncated, so a trace that
    /// differs remains a conflict.
    Replace,
}

/// The rules for the writes to one segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WritePolicy {
    /// The treatment of a log that differs from the source.
    pub on_conflict: OnConflict,
    /// Whether the writes are only counted and not made.
    pub dry_run: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            selection: Selection::default(),
            jobs: DEFAULT_JOBS.get(),
            on_conflict: OnConflict::default(),
            dry_run: false,
            follow: false,
            abort_after: ABORT_AFTER,
        }
    }
}
