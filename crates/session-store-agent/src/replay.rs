//! Replays records to a state. This file defines the effect of each kind of record.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use serde::Deserialize;
use session_store_core::{LogEntry, StoreError};

use crate::json::Json;
use crate::lineage::LineageFields;
use crate::record::Kind;
use crate::state::{RestoredState, StartState};

/// Replays the entries of a segment, from the first entry on.
///
/// A log without a `segment_start` is valid. Its replay starts with the default state. Entries of
/// unknown kinds are counted and change nothing else.
///
/// # Errors
/// As [`RestoredState::apply`].
pub fn replay<E: Borrow<LogEntry>>(
    entries: impl IntoIterator<Item = E>,
) -> Result<RestoredState, ReplayError> {
    let mut state = RestoredState::default();
    state.advance(entries)?;
    Ok(state)
}

/// The reason why an entry cannot be applied to a state. Entries are counted from 1.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// A record of a known kind has a field of the wrong type.
    #[error("entry {entry} is not a valid {kind} record: {source}")]
    Malformed {
        /// The number of the entry.
        entry: usize,
        /// The kind of the record.
        kind: Kind,
        /// The problem.
        source: Box<StoreError>,
    },

    /// A `segment_start` is not the first entry, for example because two logs were joined.
    #[error("entry {entry} is a segment_start, which only the first entry of a segment can be")]
    LateStart {
        /// The number of the entry.
        entry: usize,
    },
}

impl RestoredState {
    /// Applies the next entries of the log. The first of these entries must be the entry with the
    /// index [`entry_count`](Self::entry_count).
    ///
    /// # Errors
    /// As [`apply`](Self::apply). After an error, the entries before the failed entry are applied.
    pub fn advance<E: Borrow<LogEntry>>(
        &mut self,
        entries: impl IntoIterator<Item = E>,
    ) -> Result<(), ReplayError> {
        entries.into_iter().try_for_each(|entry| self.apply(entry.borrow()))
    }

    /// Applies the next entry of the log.
    ///
    /// # Errors
    /// [`ReplayError`] if the entry cannot be applied. The state is then unchanged.
    pub fn apply(&mut self, entry: &LogEntry) -> Result<(), ReplayError> {
        let number = self.entry_count + 1;
        if let Some(kind) = Kind::of(entry) {
            if kind == Kind::SegmentStart && number > 1 {
                return Err(ReplayError::LateStart { entry: number });
            }
            self.apply_kind(kind, entry).map_err(|source| ReplayError::Malformed {
                entry: number,
                kind,
                source: Box::new(source),
            })?;
        }
        self.entry_count = number;
        Ok(())
    }

    /// Each arm decodes all fields that it needs before it changes the state. So the state is
    /// unchanged after an error.
    fn apply_kind(&mut self, kind: Kind, entry: &LogEntry) -> Result<(), StoreError> {
        match kind {
            Kind::SegmentStart => *self = state_of_start(entry)?,
            Kind::Invoke => self.interrupted = true,
            Kind::UserInput => {
                let UserInput { extensions } = entry.decode()?;
                extensions.into_iter().for_each(|extension| self.set_extension(extension));
                self.history.push(entry.into());
                self.interrupted = true;
            }
            Kind::AssistantItem | Kind::ToolResult => {
                self.history.push(entry.into());
                self.interrupted = true;
            }
            Kind::SystemItem => self.history.push(entry.into()),
            Kind::TurnEnd => {
                let TurnEnd { turn_count } = entry.decode()?;
                let next = self.turn_count.saturating_add(1);
                self.turn_count = turn_count.unwrap_or(next);
                self.turn_index += 1;
            }
            Kind::RunCompleted | Kind::RunErrored => {
                self.interrupted = entry.decode::<RunEnd>()?.interrupted;
            }
            Kind::PausedTurnAbandoned => self.interrupted = false,
            Kind::ActiveRunCheckpoint => {
                self.turn_count = entry.decode::<ActiveRunCheckpoint>()?.total_turn_count;
                self.interrupted = true;
            }
            Kind::ConfigChanged => self.config = Some(entry.decode::<ConfigChanged>()?.config),
            Kind::LlmUsage => self.add_usage(&entry.decode()?),
            Kind::Extension => self.set_extension(entry.decode()?),
        }
        Ok(())
    }

    fn set_extension(&mut self, Extension { name, payload }: Extension) {
        self.extensions.insert(name, payload);
    }

    fn add_usage(&mut self, fields: &BTreeMap<String, Json>) {
        for (name, value) in fields {
            // Leave out the numbers that are not amounts of a resource.
            if !["ts", "history_len"].contains(&name.as_str())
                && let Ok(amount) = value.decode::<u64>()
            {
                let total = self.usage.entry(name.clone()).or_default();
                *total = total.saturating_add(amount);
            }
        }
    }
}

fn state_of_start(entry: &LogEntry) -> Result<RestoredState, StoreError> {
    // Decode the lineage and the state separately. One struct with serde's `flatten` would not keep
    // the text of nested values.
    let lineage = entry.decode::<LineageFields>()?.lineage();
    let StartState { session_id, system_prompt, config, turn_count, usage, extensions, history } =
        entry.decode()?;
    Ok(RestoredState {
        session_id,
        lineage,
        system_prompt,
        config,
        history,
        turn_count,
        usage,
        extensions,
        ..RestoredState::default()
    })
}

#[derive(Deserialize)]
struct ConfigChanged {
    config: Json,
}

#[derive(Deserialize)]
struct Extension {
    #[serde(alias = "domain")]
    name: String,
    payload: Json,
}

#[derive(Deserialize)]
struct UserInput {
    #[serde(default)]
    extensions: Vec<Extension>,
}

#[derive(Deserialize)]
struct TurnEnd {
    turn_count: Option<usize>,
}

#[derive(Deserialize)]
struct RunEnd {
    #[serde(default)]
    interrupted: bool,
}

#[derive(Deserialize)]
struct ActiveRunCheckpoint {
    total_turn_count: usize,
}
