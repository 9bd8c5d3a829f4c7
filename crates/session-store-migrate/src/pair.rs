//! The two open stores of a run.

use session_store_core::{Capability, SegmentKey, Store, StoreExt};

use crate::error::Failure;
use crate::read::Segment;
use crate::side::{Gap, Side};

/// The source and the destination.
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

    pub(crate) fn segment(&self, side: Side, key: SegmentKey) -> Segment<'a> {
        self.store(side).at(key)
    }

    /// Returns a gap for each side that cannot return its traces.
    pub(crate) fn trace_gaps(&self) -> Vec<Gap> {
        let lacks = |side: &Side| !self.store(*side).capabilities().has(Capability::ReadTraces);
        Side::BOTH.into_iter().filter(lacks).map(Gap::Traces).collect()
    }
}

/// Syncs the destination, if it has [`Capability::DurableSync`].
///
/// A user may delete the source as soon as the report says that the copy is complete. Without this
/// sync, a power cut could then lose entries that exist nowhere else.
pub(crate) fn sync(destination: &dyn Store) -> Result<(), Failure> {
    if !destination.capabilities().has(Capability::DurableSync) {
        return Ok(());
    }
    destination.sync().map_err(Failure::of(Side::Destination, "sync the copied entries"))
}
