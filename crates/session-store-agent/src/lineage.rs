//! Where a segment comes from: the origin that its first entry may name.

use serde::{Deserialize, Serialize};
use session_store_core::{LogEntry, SegmentId};

/// A point in another segment: after so many of its turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Origin {
    /// The segment that was branched from. It may lie in another session, or be gone by now.
    pub segment_id: SegmentId,
    /// How many turns of that segment had ended; 0 is the point after its start.
    pub at_turn_index: usize,
}

/// How a segment came out of another one: the field `forked_from` or `compacted_from` of its first entry,
/// `{"segment_id": "…", "at_turn_index": n}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lineage {
    /// The conversation went another way from there on.
    ForkedFrom(Origin),
    /// The conversation goes on from there with a shorter history.
    CompactedFrom(Origin),
}

impl Lineage {
    /// What a segment's first entry says. None where it names no origin, or names one in a way that is not
    /// ours: a log of another program is the root of its own tree. Where it names both, `forked_from`
    /// counts.
    #[must_use]
    pub fn of(first: &LogEntry) -> Option<Self> {
        let fields: LineageFields = first.decode().ok()?;
        fields.lineage()
    }

    /// The point that the segment comes from.
    #[must_use]
    pub const fn origin(&self) -> Origin {
        match self {
            Self::ForkedFrom(origin) | Self::CompactedFrom(origin) => *origin,
        }
    }
}

/// The lineage as it stands in an entry: two fields, of which one is there.
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
