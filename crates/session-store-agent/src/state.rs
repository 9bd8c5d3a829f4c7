//! What a conversation has come to: the state that its records add up to, and the start that carries it
//! into a new segment.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use session_store_core::{SessionId, StoreError};

use crate::lineage::LineageFields;
use crate::{Json, Kind, Lineage, Record};

/// The state of a conversation after some entry of a segment, as [`replay`](crate::replay()) adds it up.
///
/// It serialises (with `serde_json`), so that a runtime can save it and [`advance`](Self::advance) it later
/// by the entries from [`entry_count`](Self::entry_count) on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RestoredState {
    /// The session, as the segment's start names it.
    pub session_id: Option<SessionId>,
    /// Where the segment comes from.
    pub lineage: Option<Lineage>,
    /// What the model was told first.
    pub system_prompt: Option<Json>,
    /// The configuration: that of the start, or of the latest `config_changed`.
    pub config: Option<Json>,
    /// The conversation, oldest item first: what the start carried, then every `user_input`,
    /// `assistant_item`, `tool_result` and `system_item`, each the whole record as it was written.
    pub history: Vec<Json>,
    /// How many turns have ended in the whole conversation, those before a fork or compaction included.
    pub turn_count: usize,
    /// How many turns have ended in this segment: what an [`Origin`](crate::Origin) counts.
    pub turn_index: usize,
    /// Whether a run has started and not ended: something of it was written (`invoke`, `user_input`,
    /// `assistant_item`, `tool_result`) and no `run_completed`, `run_errored` or `paused_turn_abandoned`
    /// since.
    pub interrupted: bool,
    /// What was used, summed up over all `llm_usage` records: a total for each field that holds a whole
    /// number.
    pub usage: BTreeMap<String, u64>,
    /// The latest `payload` of each extension, by its `name`.
    pub extensions: BTreeMap<String, Json>,
    /// How many entries of the segment are in this state.
    pub entry_count: usize,
}

impl RestoredState {
    /// The record that starts a segment with this state: the first one of a conversation, or one that goes
    /// on elsewhere, as `lineage` says. Replaying it gives this state again, in no run and at turn 0 of its
    /// segment.
    ///
    /// # Errors
    /// As [`Record::new`]; a state that was restored or made of valid [`Json`] has none.
    pub fn start(&self, lineage: Option<Lineage>) -> Result<Record, StoreError> {
        let lineage = LineageFields::from(lineage);
        let carried = Carried {
            session_id: self.session_id,
            system_prompt: self.system_prompt.clone(),
            config: self.config.clone(),
            turn_count: self.turn_count,
            usage: self.usage.clone(),
            extensions: self.extensions.clone(),
            history: self.history.clone(),
        };
        Record::new(Kind::SegmentStart, &Start { lineage, carried })
    }
}

/// What a start says besides kind and time.
#[derive(Serialize)]
struct Start {
    #[serde(flatten)]
    lineage: LineageFields,
    #[serde(flatten)]
    carried: Carried,
}

/// What a start carries into its segment. Everything is optional.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Carried {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) session_id: Option<SessionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) system_prompt: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) config: Option<Json>,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) turn_count: usize,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) usage: BTreeMap<String, u64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) extensions: BTreeMap<String, Json>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) history: Vec<Json>,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}
