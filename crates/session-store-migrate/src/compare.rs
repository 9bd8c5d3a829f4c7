//! Comparing two sequences of entries, in one pass, an entry of each in hand.

use std::fmt;

use session_store_core::StoreError;

use crate::digest::Running;
use crate::entry::Entry;
use crate::{Digest, Failure, Side};

/// The outcome of comparing one log, trace or pod.
#[derive(Debug)]
pub enum Comparison {
    /// Both sides are the same, byte for byte.
    Equal {
        /// How many entries were compared.
        entries: usize,
        /// Their bytes, of one side.
        bytes: u64,
        /// The hash of their texts, a line feed after each; of a pod's text alone.
        hash: Digest,
    },
    /// They are not the same.
    Differs(Difference),
    /// The other side has no such segment or pod.
    OnlyIn(Side),
    /// One side could not be read.
    Failed(Failure),
    /// It was not tried: a store had failed on every segment before it for too long.
    GivenUp,
}

impl Comparison {
    fn of(equal: Running) -> Self {
        Self::Equal { entries: equal.entries, bytes: equal.bytes, hash: equal.finish() }
    }

    /// Whether both sides are the same.
    #[must_use]
    pub const fn is_equal(&self) -> bool {
        matches!(self, Self::Equal { .. })
    }

    /// How many entries are equal, if all are.
    #[must_use]
    pub const fn equal_entries(&self) -> usize {
        match self {
            Self::Equal { entries, .. } => *entries,
            _ => 0,
        }
    }
}

/// Where two logs, traces or pods first differ. It holds sizes and places, no content: logs hold secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// All entries of `side` are equal to those of the other side, which has more.
    Ends {
        /// The shorter side.
        side: Side,
        /// How many entries it has.
        entries: usize,
    },
    /// One entry differs; all before it are equal.
    Entry {
        /// Its number, from 1.
        number: usize,
        /// Its size in bytes in the source.
        source_bytes: usize,
        /// Its size in bytes in the destination.
        destination_bytes: usize,
        /// The first byte that differs, from 1; the shorter text's end counts as one.
        byte: usize,
    },
    /// All entries are equal, but `side` counts another number of them than it returns.
    Count {
        /// The side that contradicts itself.
        side: Side,
        /// What it counts.
        counted: usize,
        /// What was read.
        read: usize,
    },
}

impl Difference {
    /// The difference of the `number`th entries, if there is one.
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
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ends { side, entries } => write!(f, "{side} ends after entry {entries}"),
            Self::Entry { number, source_bytes, destination_bytes, byte } => write!(
                f,
                "entry {number} differs from byte {byte} on ({source_bytes} bytes in the source, \
                 {destination_bytes} in the destination)"
            ),
            Self::Count { side, counted, read } => {
                write!(f, "{side} counts {counted} entries and returns {read}")
            }
        }
    }
}

/// Compares two sequences. `seen` gets each equal text; `attempt` words a failure.
pub(crate) fn compare<T: Entry>(
    mut source: impl Iterator<Item = Result<T, StoreError>>,
    mut destination: impl Iterator<Item = Result<T, StoreError>>,
    attempt: &str,
    mut seen: impl FnMut(&str),
) -> Comparison {
    let mut equal = Running::default();
    loop {
        let pair = match next(&mut source, Side::Source, attempt)
            .and_then(|a| Ok((a, next(&mut destination, Side::Destination, attempt)?)))
        {
            Ok(pair) => pair,
            Err(failure) => return Comparison::Failed(failure),
        };
        let entries = equal.entries;
        let difference = match &pair {
            (None, None) => return Comparison::of(equal),
            (Some(_), None) => Some(Difference::Ends { side: Side::Destination, entries }),
            (None, Some(_)) => Some(Difference::Ends { side: Side::Source, entries }),
            (Some(a), Some(b)) => Difference::between(entries + 1, a.text(), b.text()),
        };
        if let Some(difference) = difference {
            return Comparison::Differs(difference);
        }
        if let (Some(entry), _) = pair {
            equal.update(entry.text());
            seen(entry.text());
        }
    }
}

fn next<T>(
    entries: &mut impl Iterator<Item = Result<T, StoreError>>,
    side: Side,
    attempt: &str,
) -> Result<Option<T>, Failure> {
    entries.next().transpose().map_err(Failure::of(side, attempt))
}
