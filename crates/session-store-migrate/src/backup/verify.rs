//! Reads a store to verify that the store contains a backup.

use session_store_core::{Entry, Store, StoreError, StoreExt};

use super::manifest::{Member, Part};
use super::open::Backup;
use super::total::Total;
use crate::breaker::CircuitBreaker;
use crate::digest::LineHasher;
use crate::meter::Meter;
use crate::options::ABORT_AFTER;
use crate::progress::{Phase, Progress};

/// A part of a backup that was not verified: the store lacks the part, stores it differently, or
/// cannot read it.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub struct Unverified {
    /// The part.
    pub part: Part,
    /// The result of reading the part from the store.
    pub found: Found,
}

/// The result of reading a part from a store, if the part is not equal to the backup.
#[derive(Debug)]
pub enum Found {
    /// The store does not have the part.
    Nothing,
    /// The store has the part with this other size or hash.
    Other(Total),
    /// The store failed to read the part.
    Failed(StoreError),
    /// The part was not read, because the store had failed on every earlier part for too long.
    Aborted,
}

impl<R> Backup<R> {
    /// Reads every part of the backup from a store and compares the hashes. Returns the parts that
    /// differ.
    ///
    /// After a complete restore the list is empty, unless another writer has changed the store.
    /// Pass a handle that was opened after the restore, because the handle of the restore can
    /// return cached data.
    pub fn verify(
        &self,
        store: &dyn Store,
        mut progress: &mut dyn FnMut(Progress<'_>),
    ) -> Vec<Unverified> {
        let members = &self.manifest().members;
        let mut meter = Meter::new(&mut progress);
        meter.report(Progress::Begin { phase: Phase::Compare, parts: members.len() });
        let breaker = CircuitBreaker::new(ABORT_AFTER);
        let mut unverified = Vec::new();
        for member in members {
            meter.report(Progress::Started { entries: member.total.entries });
            let found = if breaker.is_open() {
                Some(Found::Aborted)
            } else {
                let total = total(store, &member.part, &mut meter);
                breaker.record(total.as_ref().err());
                found(member, total)
            };
            unverified.extend(found.map(|found| Unverified { part: member.part.clone(), found }));
            meter.report(Progress::Done);
        }
        unverified
    }
}

/// Returns `None` if the store has the same total as the member.
fn found(member: &Member, total: Result<Option<Total>, StoreError>) -> Option<Found> {
    match total {
        Ok(Some(total)) if total == member.total => None,
        Ok(Some(total)) => Some(Found::Other(total)),
        Ok(None) => Some(Found::Nothing),
        Err(error) => Some(Found::Failed(error)),
    }
}

/// Reads a part from the store. Returns `None` if the store does not have the part.
fn total(
    store: &dyn Store,
    part: &Part,
    meter: &mut Meter<'_>,
) -> Result<Option<Total>, StoreError> {
    let mut hasher = LineHasher::default();
    let result = match part {
        Part::Log(key) => hash_all(store.at(*key).entries(0), &mut hasher, meter),
        Part::Trace(key) => hash_all(store.at(*key).trace_entries(0), &mut hasher, meter),
        Part::Pod { name } => {
            let Some(pods) = store.pods() else { return Ok(None) };
            let Some(pod) = pods.read_pod(name)? else { return Ok(None) };
            meter.count(pod.as_json().len());
            hasher.add_line(pod.as_json());
            Ok(())
        }
    };
    match result {
        Err(StoreError::NotFound(_)) => Ok(None),
        result => result.map(|()| Some(Total::of(&hasher))),
    }
}

fn hash_all<E: Entry>(
    entries: impl Iterator<Item = Result<E, StoreError>>,
    hasher: &mut LineHasher,
    meter: &mut Meter<'_>,
) -> Result<(), StoreError> {
    for entry in entries {
        let entry = entry?;
        meter.count(entry.as_json().len());
        hasher.add_line(entry.as_json());
    }
    Ok(())
}
