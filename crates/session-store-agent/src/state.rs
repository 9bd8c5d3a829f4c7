//! `RestoredState`: the state of a conversation, and the record that starts a new segment with this
//! state.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use session_store_core::{SessionId, StoreError};

use crate::json::Json;
use crate::lineage::{Lineage, LineageFields};
use crate::record::{Kind, Record};

/// The state of a conversation at one position in a segment. [`replay`](crate::replay()) computes
/// the state from the entries before this position.
///
/// The state serializes with `serde_json`. A runtime can save the state, and later
/// [`advance`](Self::advance) the state by the entries from the index
/// [`entry_count`](Self::entry_count) on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RestoredState {
    /// The session, if the start of the segment names it.
    pub session_id: Option<SessionId>,
    /// The lineage of the segment.
    pub lineage: Option<Lineage>,
    /// The system prompt.
    pub system_prompt: Option<Json>,
    /// The configuration from the latest `config_changed` record. If there is no such record, the
    /// configuration from the `segment_start`.
    pub config: Option<Json>,
    /// The conversation, with the oldest item first. It begins with the history in the
    /// `segment_start`. Every `user_input`, `assistant_item`, `tool_result` and `system_item` adds
    /// an item. Each item is the whole text of its record.
    pub history: Vec<Json>,
    /// The number of turns that have ended in the whole conversation, including the turns before a
    /// fork or a compaction. A `turn_end` with a field `turn_count` sets the number.
    pub turn_count: usize,
    /// The number of turns that have ended in this segment. `at_turn_index` of an
    /// [`Origin`](crate::Origin) is a value of this number.
    pub turn_index: usize,
    /// Whether a run has started and has not ended. An `invoke`, `user_input`, `assistant_item`,
    /// `tool_result` or `active_run_checkpoint` starts a run. A `paused_turn_abandoned` ends a run.
    /// A `run_completed` or `run_errored` ends a run unless the record contains
    /// `"interrupted": true`.
    pub interrupted: bool,
    /// The sums over all `llm_usage` records. Each field with a whole number has its own sum. Two
    /// fields are left out: the time, and `history_len` (the number of items in a call).
    pub usage: BTreeMap<String, u64>,
    /// The latest `payload` of each extension. The key is the `name` or `domain` of the extension.
    /// A payload comes from an `extension` record, or from the field `extensions` of a
    /// `user_input`.
    pub extensions: BTreeMap<String, Json>,
    /// The number of entries of the segment that the state contains.
    pub entry_count: usize,
}

impl RestoredState {
    /// Returns the record that starts a segment with this state.
    ///
    /// The record starts a new conversation, or with a `lineage` a segment that continues another
    /// segment. Replaying the record returns the same state with two differences: no run is
    /// interrupted, and the turns of the segment are counted from 0.
    ///
    /// # Errors
    /// As [`Record::new`]. A restored state never causes an error, and a state that contains only
    /// valid [`Json`] does not either.
    pub fn start(&self, lineage: Option<Lineage>) -> Result<Record, StoreError> {
        let lineage = LineageFields::from(lineage);
        let state = StartState {
            session_id: self.session_id,
            system_prompt: self.system_prompt.clone(),
            config: self.config.clone(),
            turn_count: self.turn_count,
            usage: self.usage.clone(),
            extensions: self.extensions.clone(),
            history: self.history.clone(),
        };
        Record::new(Kind::SegmentStart, &Start { lineage, state })
    }
}

/// The fields of a `segment_start`, except kind and time.
#[derive(Serialize)]
struct Start {
    #[serde(flatten)]
    lineage: LineageFields,
    #[serde(flatten)]
    state: StartState,
}

/// The part of a state that a `segment_start` contains. Every field is optional.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct StartState {
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
