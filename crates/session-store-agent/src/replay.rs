//! From records to state: what each kind does to it, entry by entry.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use serde::Deserialize;
use session_store_core::{LogEntry, StoreError};

use crate::lineage::LineageFields;
use crate::state::Carried;
use crate::{Json, Kind, RestoredState};

/// Adds up the entries of a segment, from its first one on.
///
/// A log without a start is legal and starts from nothing; entries of unknown kinds count, and change
/// nothing else.
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

/// Why an entry has no place in the state. Entries count from 1.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// A record of a known kind has a field of another type than that kind has.
    #[error("entry {entry} is no valid {kind} record")]
    Malformed {
        /// Which entry.
        entry: usize,
        /// What it says that it is.
        kind: Kind,
        /// What is wrong with it.
        source: Box<StoreError>,
    },

    /// A start that is not the first entry: two logs were put into one.
    #[error("entry {entry} is a segment_start, which only the first entry of a segment can be")]
    LateStart {
        /// Which entry.
        entry: usize,
    },
}

impl RestoredState {
    /// Brings the state forward by the entries that follow it in the log, those from
    /// [`entry_count`](Self::entry_count) on.
    ///
    /// # Errors
    /// As [`apply`](Self::apply); the state is then that before the entry.
    pub fn advance<E: Borrow<LogEntry>>(
        &mut self,
        entries: impl IntoIterator<Item = E>,
    ) -> Result<(), ReplayError> {
        entries.into_iter().try_for_each(|entry| self.apply(entry.borrow()))
    }

    /// Brings the state forward by the next entry of the log.
    ///
    /// # Errors
    /// [`ReplayError`], and the state is unchanged.
    pub fn apply(&mut self, entry: &LogEntry) -> Result<(), ReplayError> {
        let number = self.entry_count + 1;
        if let Some(kind) = Kind::of(entry) {
            if kind == Kind::SegmentStart && number > 1 {
                return Err(ReplayError::LateStart { entry: number });
            }
            self.take(kind, entry).map_err(|source| ReplayError::Malformed {
                entry: number,
                kind,
                source: Box::new(source),
            })?;
        }
        self.entry_count = number;
        Ok(())
    }

    /// Each arm reads all that it needs before it changes anything.
    fn take(&mut self, kind: Kind, entry: &LogEntry) -> Result<(), StoreError> {
        match kind {
            Kind::SegmentStart => *self = started(entry)?,
            Kind::Invoke => self.interrupted = true,
            Kind::UserInput | Kind::AssistantItem | Kind::ToolResult => {
                self.history.push(entry.into());
                self.interrupted = true;
            }
            Kind::SystemItem => self.history.push(entry.into()),
            Kind::TurnEnd => {
                self.turn_count += 1;
                self.turn_index += 1;
            }
            Kind::RunCompleted | Kind::RunErrored | Kind::PausedTurnAbandoned => {
                self.interrupted = false;
            }
            Kind::ConfigChanged => self.config = Some(entry.decode::<ConfigChanged>()?.config),
            Kind::LlmUsage => self.add_usage(&entry.decode()?),
            Kind::Extension => {
                let Extension { name, payload } = entry.decode()?;
                self.extensions.insert(name, payload);
            }
        }
        Ok(())
    }

    fn add_usage(&mut self, fields: &BTreeMap<String, Json>) {
        for (name, value) in fields {
            if name != "ts"
                && let Ok(amount) = value.decode::<u64>()
            {
                let total = self.usage.entry(name.clone()).or_default();
                *total = total.saturating_add(amount);
            }
        }
    }
}

fn started(entry: &LogEntry) -> Result<RestoredState, StoreError> {
    // Two readings of one entry: serde's flatten would take the payloads' texts apart.
    let lineage = entry.decode::<LineageFields>()?.lineage();
    let Carried { session_id, system_prompt, config, turn_count, usage, extensions, history } =
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
    name: String,
    payload: Json,
}
