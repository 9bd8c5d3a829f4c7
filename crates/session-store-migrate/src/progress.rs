//! What a run reports while it goes on.

use crate::{SegmentComparison, SegmentCopy};

/// An event of a run, for a progress bar or a log.
#[derive(Debug)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// A phase begins, with so many segments to do.
    Begin {
        /// What is done with them.
        phase: Phase,
        /// How many segments there are.
        segments: usize,
    },
    /// So much more of the current segment was read; a long segment gives one such event a MiB.
    Read {
        /// Entries of logs and traces since the last event.
        entries: usize,
        /// Their bytes.
        bytes: u64,
    },
    /// A segment was copied, or could not be.
    Copied(&'a SegmentCopy),
    /// A segment was compared.
    Compared(&'a SegmentComparison),
}

/// The two halves of a migration; a verification has only the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Entries go from the source to the destination.
    Copy,
    /// Both are read back.
    Compare,
}

/// Gathers what was read and reports it about once a MiB.
pub(crate) struct Meter<'a> {
    report: &'a mut dyn FnMut(Progress<'_>),
    entries: usize,
    bytes: u64,
}

impl<'a> Meter<'a> {
    const STEP: u64 = 1024 * 1024;

    pub(crate) fn new(report: &'a mut dyn FnMut(Progress<'_>)) -> Self {
        Self { report, entries: 0, bytes: 0 }
    }

    pub(crate) fn count(&mut self, text: &str) {
        self.entries += 1;
        self.bytes += text.len() as u64;
        if self.bytes >= Self::STEP {
            self.flush();
        }
    }

    /// Reports an event, after what was read before it.
    pub(crate) fn report(&mut self, event: Progress<'_>) {
        self.flush();
        (self.report)(event);
    }

    fn flush(&mut self) {
        if self.entries > 0 {
            (self.report)(Progress::Read { entries: self.entries, bytes: self.bytes });
            (self.entries, self.bytes) = (0, 0);
        }
    }
}
