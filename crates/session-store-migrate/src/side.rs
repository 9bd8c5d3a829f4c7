//! The two sides of a copy or a comparison, and their gaps: kinds of data that a side does not
//! support.

use std::fmt;

/// One of the two stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The source of a copy, or the first store of a comparison.
    Source,
    /// The destination of a copy, or the second store of a comparison.
    Destination,
}

impl Side {
    /// Both sides, the source first.
    pub const BOTH: [Self; 2] = [Self::Source, Self::Destination];

    /// The names of both sides in messages.
    pub(crate) const NAMES: [&str; 2] = ["the source", "the destination"];
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::NAMES[*self as usize])
    }
}

/// A part of the selection that was skipped because a store does not support it.
///
/// A copy or comparison with a gap is not complete, because the skipped part may hold data. To
/// accept the gap, leave traces or pods out of the [`Selection`](crate::Selection).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// This side lacks [`Capability::ReadTraces`](session_store_core::Capability::ReadTraces).
    Traces(Side),
    /// This side does not store pods, and the other side has pods.
    Pods(Side),
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Traces(side) => write!(f, "{side} cannot read traces back"),
            Self::Pods(side) => write!(f, "{side} does not store pods"),
        }
    }
}
