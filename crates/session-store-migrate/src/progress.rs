//! The progress events of a run.

use crate::comparison::SegmentComparison;
use crate::error::Failure;
use crate::report::SegmentCopy;

/// An event of a run, for a progress bar or a log. The caller's thread receives all events.
#[derive(Debug)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// A phase begins.
    Begin {
        /// The phase.
        phase: Phase,
        /// The number of segments, or of the parts of a backup. 0 if the number is not known yet.
        parts: usize,
    },
    /// A segment begins, or a part of a backup.
    Started {
        /// The number of log entries that are still to be read. Entries of a trace, and entries
        /// that are appended later, are not counted.
        entries: usize,
    },
    /// More entries were read. A long part causes about one such event per MiB.
    Read {
        /// The number of entries of logs and traces that were read since the last event.
        entries: usize,
        /// The size of these entries, in bytes.
        bytes: u64,
    },
    /// A segment was copied, or failed.
    Copied(&'a SegmentCopy),
    /// A segment was compared.
    Compared(&'a SegmentComparison),
    /// A part of a backup was written or checked.
    Done,
    /// A store failed in an operation that the whole pass needs.
    /// [`Migration::follow`](crate::Migration::follow) continues with the next pass.
    Failed(&'a Failure),
}

/// The phases of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// Copies the source to the destination.
    Copy,
    /// Copies the changes that were made to the source since the last pass.
    CatchUp,
    /// Compares two stores.
    Compare,
    /// Writes a store into a backup.
    Export,
    /// Reads a backup and checks that it is not damaged.
    Check,
}
