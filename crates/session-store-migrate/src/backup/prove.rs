//! Reading a store back, to see whether it holds a backup.

use session_store_core::{Pod, Store, StoreError, StoreExt};

use super::check::Backup;
use super::digest::Total;
use super::manifest::{Member, Part};
use super::restore::circuit_breaker;
use crate::digest::LineHasher;
use crate::meter::Meter;
use crate::progress::{Phase, Progress};
use crate::text::Text;

/// A log, trace or pod that a store does not hold as the backup has it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Unproved {
    /// Which one.
    pub part: Part,
    /// What the store has instead.
    pub found: Found,
}

/// What a store has where a backup has something else.
#[derive(Debug)]
pub enum Found {
    /// Nothing of that name.
    Nothing,
    /// Something of this size and hash.
    Other(Total),
    /// It could not be read.
    Failed(StoreError),
    /// It was not tried: the store had failed on everything before it for too long.
    Aborted,
}

impl<R> Backup<R> {
    /// Reads back all that the backup has from a store, compares it by its hashes with the manifest, and gives
    /// what is not the same: nothing, once all was restored and nobody else writes. Best through a handle that
    /// was opened after the restore.
    pub fn prove(
        &self,
        store: &dyn Store,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Vec<Unproved> {
        let mut report = |event: Progress<'static>| progress(event);
        let mut meter = Meter::new(&mut report);
        meter.report(Progress::Begin {
            phase: Phase::Compare,
            parts: self.manifest().members.len(),
        });
        let breaker = circuit_breaker();
        let mut unproved = Vec::new();
        for member in &self.manifest().members {
            meter.report(Progress::Started { entries: member.total.entries });
            let found = if breaker.is_open() {
                Some(Found::Aborted)
            } else {
                let total = total(store, &member.part, &mut meter);
                breaker.record(total.as_ref().err());
                found(member, total)
            };
            unproved.extend(found.map(|found| Unproved { part: member.part.clone(), found }));
            meter.report(Progress::Done);
        }
        unproved
    }
}

/// What the store has instead of a part, if it is not the same.
fn found(member: &Member, total: Result<Option<Total>, StoreError>) -> Option<Found> {
    match total {
        Ok(Some(total)) if total == member.total => None,
        Ok(Some(total)) => Some(Found::Other(total)),
        Ok(None) => Some(Found::Nothing),
        Err(error) => Some(Found::Failed(error)),
    }
}

/// What the store has of a part; `None` if there is none.
fn total(
    store: &dyn Store,
    part: &Part,
    meter: &mut Meter<'_>,
) -> Result<Option<Total>, StoreError> {
    let total = match part {
        Part::Log { session_id, segment_id } => {
            total_of(store.entries(*session_id, *segment_id, 0), meter)
        }
        Part::Trace { session_id, segment_id } => {
            total_of(store.trace_entries(*session_id, *segment_id, 0), meter)
        }
        Part::Pod { name } => {
            let Some(pods) = store.pods() else { return Ok(None) };
            let Some(pod) = pods.read_pod(name)? else { return Ok(None) };
            total_of([Ok(pod)], meter)
        }
    };
    match total {
        Err(StoreError::NotFound(_)) => Ok(None),
        total => total.map(Some),
    }
}

fn total_of<T: Text>(
    entries: impl IntoIterator<Item = Result<T, StoreError>>,
    meter: &mut Meter<'_>,
) -> Result<Total, StoreError> {
    let mut hasher = LineHasher::default();
    for entry in entries {
        let entry = entry?;
        meter.count(entry.text().len());
        hasher.add_line(entry.text());
    }
    Ok(Total::of(&hasher))
}

impl Text for Pod {
    fn text(&self) -> &str {
        self.as_json()
    }
}
