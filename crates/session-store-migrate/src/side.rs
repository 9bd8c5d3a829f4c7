//! The two stores of a copy or a comparison, and what one of them cannot do.

use std::fmt;

use session_store_core::{Capability, Store};

use crate::Failure;

/// One of the two stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The store that is copied from; the first one of a comparison.
    Source,
    /// The store that is copied to; the second one of a comparison.
    Destination,
}

impl Side {
    /// Both, the source first.
    pub const BOTH: [Self; 2] = [Self::Source, Self::Destination];
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "the source",
            Self::Destination => "the destination",
        })
    }
}

/// What was asked for but neither copied nor compared, because a store cannot do it. Nobody knows what is
/// missing then, so a report with a gap is not complete; whoever expects the gap leaves traces or pods out
/// of the [`Selection`](crate::Selection).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// This side cannot read traces back ([`Capability::ReadTraces`]).
    Traces(Side),
    /// This side keeps no pods, and the other one has some.
    Pods(Side),
}

impl Gap {
    pub(crate) const fn is_traces(self) -> bool {
        matches!(self, Self::Traces(_))
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Traces(side) => write!(f, "{side} cannot read traces back"),
            Self::Pods(side) => write!(f, "{side} keeps no pods"),
        }
    }
}

/// Both stores of one run.
#[derive(Clone, Copy)]
pub(crate) struct Pair<'a> {
    pub(crate) source: &'a dyn Store,
    pub(crate) destination: &'a dyn Store,
}

impl<'a> Pair<'a> {
    pub(crate) fn store(&self, side: Side) -> &'a dyn Store {
        match side {
            Side::Source => self.source,
            Side::Destination => self.destination,
        }
    }

    /// The sides that cannot read traces back.
    pub(crate) fn trace_gaps(&self) -> Vec<Gap> {
        let blind = |side: &Side| !self.store(*side).capabilities().has(Capability::ReadTraces);
        Side::BOTH.into_iter().filter(blind).map(Gap::Traces).collect()
    }
}

/// Makes what was written to the destination survive a power cut, where the store can do that. The source may
/// be deleted once a copy is said to be complete.
pub(crate) fn sync(destination: &dyn Store) -> Result<(), Failure> {
    if !destination.capabilities().has(Capability::DurableSync) {
        return Ok(());
    }
    destination.sync().map_err(Failure::of(Side::Destination, "sync what was written"))
}
