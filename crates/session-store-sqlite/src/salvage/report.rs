//! The report of a salvage: the recovered parts and the lost parts.

use std::fmt;
use std::ops::RangeInclusive;

use session_store_core::SegmentKey;

/// One result of a salvage.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Salvaged {
    /// A log or a trace whose ids are known.
    Log(SalvagedLog),
    /// A number of pods that were recovered.
    Pods(usize),
    /// Lost data that cannot be assigned to a log.
    Lost(String),
}

impl Salvaged {
    /// Returns whether data was lost.
    #[must_use]
    pub fn is_loss(&self) -> bool {
        match self {
            Self::Log(log) => !log.is_whole(),
            Self::Pods(_) => false,
            Self::Lost(_) => true,
        }
    }
}

impl fmt::Display for Salvaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log(log) => log.fmt(f),
            Self::Pods(count) => write!(f, "recovered: {count} pods"),
            Self::Lost(loss) => write!(f, "lost: {loss}"),
        }
    }
}

/// The entries of one log or trace that were recovered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SalvagedLog {
    /// The segment.
    pub key: SegmentKey,
    /// Whether this is the trace of the segment.
    pub is_trace: bool,
    /// The stored number of entries. `None` if it cannot be read.
    pub expected: Option<usize>,
    /// The number of entries that were recovered.
    pub recovered: usize,
    /// The numbers of the entries that were lost, counted from 1. If the stored number of entries
    /// cannot be read, later entries can be lost too.
    pub lost: Vec<RangeInclusive<usize>>,
    /// The position after the last entry that was recovered.
    next: usize,
}

impl SalvagedLog {
    pub(super) const fn new(key: SegmentKey, is_trace: bool, expected: Option<usize>) -> Self {
        Self { key, is_trace, expected, recovered: 0, lost: Vec::new(), next: 0 }
    }

    /// Records that the entry at `position` was recovered. Positions ascend.
    pub(super) fn recover(&mut self, position: usize) {
        self.lose_until(position);
        self.recovered += 1;
        self.next = position + 1;
    }

    /// Records that no further entry was recovered.
    pub(super) fn finish(&mut self) {
        self.lose_until(self.expected.unwrap_or(self.next));
    }

    fn lose_until(&mut self, position: usize) {
        if self.next < position {
            self.lost.push(self.next + 1..=position);
        }
    }

    /// Returns whether all entries of the log were recovered.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.expected == Some(self.recovered)
    }
}

impl fmt::Display for SalvagedLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.recovered {
            _ if self.is_whole() => "whole",
            0 => "lost",
            _ => "in part",
        };
        let kind = if self.is_trace { "the trace of " } else { "" };
        write!(f, "{state}: {kind}{}: {} of ", self.key, self.recovered)?;
        match self.expected {
            Some(expected) => write!(f, "{expected} entries")?,
            None => f.write_str("an unknown number of entries")?,
        }
        let lost = self.lost.iter().map(|range| match (range.start(), range.end()) {
            (first, last) if first == last => first.to_string(),
            (first, last) => format!("{first} to {last}"),
        });
        match lost.collect::<Vec<_>>().join(", ") {
            lost if lost.is_empty() => Ok(()),
            lost => write!(f, "; lost entries: {lost}"),
        }
    }
}
