//! The results of a comparison. The code that compares is in `compare` and `verify`.

use std::fmt;

use session_store_core::{Finding, PodName, SegmentKey, StoreError};

use crate::digest::Digest;
use crate::error::Failure;
use crate::side::{Gap, Side};

/// The report of a comparison.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub struct VerifyReport {
    /// Every compared segment, in ascending order of the ids.
    pub segments: Vec<SegmentComparison>,
    /// Every compared pod, by name.
    pub pods: Vec<PodComparison>,
    /// The kinds of data that were not compared, because a store does not support them.
    pub gaps: Vec<Gap>,
    /// The findings of the stores' own checks, if the whole stores are selected.
    ///
    /// If [`Finding::is_left_behind`] is true for a finding, some data was not compared. An example
    /// is data that a store does not list.
    pub findings: Vec<(Side, Finding)>,
    /// The names of the source and the destination in the sentences of this report.
    ///
    /// The default names are "the source" and "the destination". The caller can change the names.
    pub names: [String; 2],
}

/// The comparison of one segment.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub struct SegmentComparison {
    /// The ids of the session and the segment.
    pub key: SegmentKey,
    /// The comparison of the logs: every entry byte for byte, and the entry counts of both sides.
    pub log: Comparison,
    /// The comparison of the traces.
    ///
    /// `None` if both traces are empty, if traces are not selected, if a store cannot return traces
    /// ([`gaps`](VerifyReport::gaps)), or if one side lacks the segment.
    pub trace: Option<Box<Comparison>>,
}

/// The comparison of one pod.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub struct PodComparison {
    /// The name of the pod.
    pub name: PodName,
    /// The result. A pod counts as one entry.
    pub outcome: Comparison,
}

/// The result of comparing one log, trace or pod.
#[derive(Debug)]
#[must_use]
pub enum Comparison {
    /// Both sides are equal, byte for byte.
    Equal {
        /// The number of compared entries.
        entries: usize,
        /// The size of the entries' texts on one side, in bytes.
        bytes: u64,
        /// The hash of the entries' texts with a line feed after each. For a pod, the hash of its
        /// text alone.
        hash: Digest,
    },
    /// The sides differ.
    Differs(Difference),
    /// Only this side has the segment or pod.
    OnlyIn(Side),
    /// One side could not be read.
    Failed(Failure),
    /// The part was not compared. The run was aborted, because a store had failed on every segment
    /// for longer than the limit.
    Aborted,
}

/// The first difference of two logs, traces or pods.
///
/// A difference contains sizes and positions but no content, because logs can hold secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// All entries of `side` are equal to the first entries of the other side. The other side has
    /// more entries.
    Ends {
        /// The shorter side.
        side: Side,
        /// The number of entries on the shorter side.
        entries: usize,
    },
    /// One entry differs. All earlier entries are equal.
    Entry {
        /// The number of the entry, from 1.
        number: usize,
        /// The size of the entry in the source, in bytes.
        source_bytes: usize,
        /// The size of the entry in the destination, in bytes.
        destination_bytes: usize,
        /// The number of the first byte that differs, from 1. If one text is the beginning of the
        /// other text, this is the number of the byte after it.
        byte: usize,
    },
    /// All entries are equal, but the entry count of `side` is wrong: `side` returns another number
    /// of entries than it reports.
    Count {
        /// The side with the wrong count.
        side: Side,
        /// The reported count.
        counted: usize,
        /// The number of entries that were read.
        read: usize,
    },
}

impl VerifyReport {
    /// Returns the comparison of a segment, or `None` if the segment was not compared.
    pub(crate) fn find(&self, key: SegmentKey) -> Option<&SegmentComparison> {
        let at = self.segments.binary_search_by_key(&key, |segment| segment.key);
        at.ok().map(|at| &self.segments[at])
    }

    /// Returns whether all selected data was compared and is equal on both sides.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.gaps.is_empty()
            && !self.findings.iter().any(|(_, finding)| finding.is_left_behind())
            && self.segments.iter().all(SegmentComparison::is_equal)
            && self.pods.iter().all(|pod| pod.outcome.is_equal())
    }

    /// Returns the number of log entries in segments whose logs are equal.
    #[must_use]
    pub fn equal_entries(&self) -> usize {
        self.segments.iter().map(|segment| segment.log.equal_entries()).sum()
    }

    /// Returns the number of trace entries in traces that are equal.
    #[must_use]
    pub fn equal_trace_entries(&self) -> usize {
        let traces = self.segments.iter().filter_map(|segment| segment.trace.as_ref());
        traces.map(|trace| trace.equal_entries()).sum()
    }
}

impl SegmentComparison {
    /// Returns whether log and trace are equal on both sides.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.log.is_equal() && self.trace.as_ref().is_none_or(|trace| trace.is_equal())
    }

    /// Iterates over the errors of the stores.
    pub(crate) fn errors(&self) -> impl Iterator<Item = &StoreError> {
        let parts = [Some(&self.log), self.trace.as_deref()].into_iter().flatten();
        parts.filter_map(|part| match part {
            Comparison::Failed(failure) => failure.source.downcast_ref(),
            _ => None,
        })
    }
}

impl Comparison {
    /// Returns whether both sides are equal.
    #[must_use]
    pub const fn is_equal(&self) -> bool {
        matches!(self, Self::Equal { .. })
    }

    /// Returns the number of compared entries if all entries are equal, otherwise 0.
    #[must_use]
    pub const fn equal_entries(&self) -> usize {
        match self {
            Self::Equal { entries, .. } => *entries,
            _ => 0,
        }
    }
}

impl Difference {
    /// Returns the difference of the `number`th entries, or `None` if they are equal.
    pub(crate) fn between(number: usize, source: &str, destination: &str) -> Option<Self> {
        if source == destination {
            return None;
        }
        let equal = source.bytes().zip(destination.bytes()).take_while(|(a, b)| a == b).count();
        Some(Self::Entry {
            number,
            source_bytes: source.len(),
            destination_bytes: destination.len(),
            byte: equal + 1,
        })
    }

    /// Describes the difference. `names` are the names of the source and the destination.
    pub(crate) fn describe<S: AsRef<str>>(&self, names: &[S; 2]) -> String {
        let name = |side: Side| names[side as usize].as_ref();
        match *self {
            Self::Ends { side, entries } => {
                format!("{} ends after entry {entries}, the other side has more", name(side))
            }
            Self::Entry { number, source_bytes, destination_bytes, byte } => format!(
                "entry {number} differs from byte {byte} on: {source_bytes} bytes in {}, \
                 {destination_bytes} in {}",
                name(Side::Source),
                name(Side::Destination),
            ),
            Self::Count { side, counted, read } => {
                format!("{} counts {counted} entries but returns {read}", name(side))
            }
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe(&Side::NAMES))
    }
}
