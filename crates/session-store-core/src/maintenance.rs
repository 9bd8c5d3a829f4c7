//! `Maintenance`: checks and repairs of a storage by its backend.

use std::fmt;
use std::io::Read;

use crate::{SegmentKey, StoreError};

/// Checks and repairs that need access to the storage itself, for example a database's own
/// integrity check or the check of an index.
///
/// [`Store::maintenance`](crate::Store::maintenance) returns the implementation of a backend, if
/// the backend has one. A check does not read every log, because any caller can read the logs
/// through the store.
pub trait Maintenance: Send + Sync {
    /// Checks the storage and reports each finding when it is found. Changes nothing.
    ///
    /// Clause [M1](crate::contract#m1).
    ///
    /// # Errors
    /// [`StoreError::Io`] or [`StoreError::Backend`] if the check cannot continue. A finding is not
    /// an error.
    fn check(&self, report: &mut dyn FnMut(Finding)) -> Result<(), StoreError>;

    /// Repairs all faults that can be repaired without losing an entry, and reports each repair.
    /// The call can be repeated.
    ///
    /// Clause [M2](crate::contract#m2).
    ///
    /// # Errors
    /// As [`check`](Self::check).
    fn repair(&self, report: &mut dyn FnMut(Finding)) -> Result<(), StoreError>;

    /// Opens the file of a segment's log as bytes. The log can be damaged.
    ///
    /// A backup saves these bytes if the log cannot be read. The provided body returns `None`,
    /// which is right for a storage without a separate file for each log.
    ///
    /// # Errors
    /// [`StoreError::Io`] if the bytes cannot be opened.
    fn open_raw(&self, _key: SegmentKey) -> Result<Option<Box<dyn Read>>, StoreError> {
        Ok(None)
    }

    /// Repairs the logs and traces of the selected segments as [`repair`](Self::repair) does, and
    /// reports each repair. Indexes are not repaired.
    ///
    /// Clause [M9](crate::contract#m9). The provided body repairs the whole storage.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    fn repair_segments(
        &self,
        is_selected: &dyn Fn(SegmentKey) -> bool,
        report: &mut dyn FnMut(Finding),
    ) -> Result<(), StoreError> {
        let _ = is_selected;
        self.repair(report)
    }
}

/// How serious a [`Finding`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// Information for the operator. No data is missing or wrong.
    Note,
    /// Data is missing, wrong or cannot be found.
    Fault,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Fault => "fault",
        })
    }
}

/// One result of a check or a repair.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// How serious the finding is.
    pub severity: Severity,
    /// The place: a path, a key, a table or a segment.
    pub place: String,
    /// The problem that was found, or the repair that was made.
    pub cause: String,
    /// The action that the operator can take. `None` if no action is needed.
    pub remedy: Option<String>,
    /// Whether the place holds data that no listing of the store contains. A copy of the store
    /// lacks this data, so the copy is not complete.
    ///
    /// False for an incomplete entry, which was never acknowledged.
    pub is_unlisted: bool,
    /// Whether [`Maintenance::repair`] removes the cause.
    pub is_repairable: bool,
}

impl Finding {
    /// Returns a finding without a remedy.
    pub fn new(severity: Severity, place: impl Into<String>, cause: impl Into<String>) -> Self {
        Self {
            severity,
            place: place.into(),
            cause: cause.into(),
            remedy: None,
            is_unlisted: false,
            is_repairable: false,
        }
    }

    /// Sets the action that the operator can take.
    #[must_use]
    pub fn with_remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }

    /// Marks a finding whose cause [`Maintenance::repair`] removes.
    #[must_use]
    pub fn repairable(self) -> Self {
        Self { is_repairable: true, ..self }
    }

    /// Marks data that no listing of the store contains.
    #[must_use]
    pub fn unlisted(self) -> Self {
        Self { is_unlisted: true, ..self }
    }

    /// Returns whether this finding means that a copy of the store lacks data.
    #[must_use]
    pub fn is_left_behind(&self) -> bool {
        self.severity == Severity::Fault || self.is_unlisted
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.cause)?;
        self.remedy.as_ref().map_or(Ok(()), |remedy| write!(f, "; {remedy}"))
    }
}
