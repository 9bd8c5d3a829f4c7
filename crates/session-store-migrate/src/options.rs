//! How to copy and how to compare.

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::Selection;

/// How many segments are worked on at once unless another number is asked for: enough to hide the waiting
/// for a disk or a server, few enough for a small machine.
pub const DEFAULT_JOBS: NonZeroUsize = NonZeroUsize::new(4).expect("four is not zero");

/// How to copy.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MigrateOptions {
    /// Which part of the source to copy.
    pub selection: Selection,
    /// How many segments are copied at once, each by a thread of its own. Memory does not grow with it.
    pub jobs: NonZeroUsize,
    /// What to do about a segment or pod of the destination that differs.
    pub on_conflict: OnConflict,
    /// Whether nothing is written: the report says what would be.
    pub dry_run: bool,
    /// How long a store may fail on segment after segment before the others are given up.
    pub patience: Duration,
}

/// What to do about a segment or pod of the destination that is no earlier state of the source's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnConflict {
    /// It stays as it is, and the copy is not complete.
    #[default]
    Report,
    /// It stays as it is, which is no reason for the copy not to be complete.
    Skip,
    /// It becomes what the source has: a log is cut where it first differs, if it still is as it was compared,
    /// and then extended. A trace cannot be cut, so one that differs stays a conflict.
    Replace,
}

/// How to compare.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VerifyOptions {
    /// Which part of the stores to compare.
    pub selection: Selection,
    /// How many segments are compared at once, each by a thread of its own. Memory does not grow with it.
    pub jobs: NonZeroUsize,
    /// How long a store may fail on segment after segment before the others are given up.
    pub patience: Duration,
}

const PATIENCE: Duration = Duration::from_secs(30);

impl Default for MigrateOptions {
    fn default() -> Self {
        Self {
            selection: Selection::default(),
            jobs: DEFAULT_JOBS,
            on_conflict: OnConflict::default(),
            dry_run: false,
            patience: PATIENCE,
        }
    }
}

impl Default for VerifyOptions {
    fn default() -> Self {
        Self { selection: Selection::default(), jobs: DEFAULT_JOBS, patience: PATIENCE }
    }
}
