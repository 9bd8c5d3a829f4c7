//! `Lineage`: the origin of a segment. The first entry of a segment can name its origin.

use serde::{Deserialize, Serialize};
use session_store_core::{LogEntry, SegmentId};

/// A point in another segment: the start of the segment, or the end of a turn. A turn ends at each
/// `turn_end` record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Origin {
    /// The segment. The segment can be in another session, and may have been deleted.
    pub segment_id: SegmentId,
    /// The number of turns of the other segment before the point. 0 is the point directly after the
    /// `segment_start`.
    pub at_turn_index: usize,
}

/// The way in which a segment was derived from another segment.
///
/// In the log, the lineage is the field `forked_from` or `compacted_from` of the first entry, with
/// the value `{"segment_id": "…", "at_turn_index": n}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lineage {
    /// The conversation continues from the origin in another direction.
    ForkedFrom(Origin),
    /// The conversation continues from the origin with a shorter history.
    CompactedFrom(Origin),
}

impl Lineage {
    /// Returns the lineage in the first entry of a segment.
    ///
    /// Returns `None` if the entry does not name an origin in the form that [`Lineage`] describes.
    /// The first entry of another program's log usually does not name an origin, so such a segment
    /// has no parent in the tree of segments. If an entry has both fields, `forked_from` is used.
    #[must_use]
    pub fn of(first: &LogEntry) -> Option<Self> {
        let fields: LineageFields = first.decode().ok()?;
        fields.lineage()
    }

    /// Returns the origin of the segment.
    #[must_use]
    pub const fn origin(&self) -> Origin {
        match self {
            Self::ForkedFrom(origin) | Self::CompactedFrom(origin) => *origin,
        }
    }
}

/// The two fields of an entry that can contain the lineage.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct LineageFields {
    #[serde(skip_serializing_if = "Option::is_none")]
    forked_from: Option<Origin>,
    #[serde(skip_serializing_if = "Option::is_none")]
    compacted_from: Option<Origin>,
}

impl LineageFields {
    pub(crate) fn lineage(&self) -> Option<Lineage> {
        let forked = self.forked_from.map(Lineage::ForkedFrom);
        forked.or(self.compacted_from.map(Lineage::CompactedFrom))
    }
}

impl From<Option<Lineage>> for LineageFields {
    fn from(lineage: Option<Lineage>) -> Self {
        match lineage {
            None => Self::default(),
            Some(Lineage::ForkedFrom(origin)) => {
                Self { forked_from: Some(origin), compacted_from: None }
            }
            Some(Lineage::CompactedFrom(origin)) => {
                Self { forked_from: None, compacted_from: Some(origin) }
            }
        }
    }
}
