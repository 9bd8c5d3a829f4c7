//! Finding the segment that an earlier import created for a file with a derived id.
//!
//! A derived id contains the first time in the file, or the file's modification time if it contains
//! none. Both can be different at a later import.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use session_store::{LogEntry, OpenStore, SegmentKey, Store, StoreError, StoreExt};
use uuid::Uuid;

use crate::failure::{Context, Failure};
use crate::import::{ids, millis_of};
use session_store_import::ReadError;

/// Finds the segments of earlier imports. Each listing of the store is read at most once, when it
/// is needed.
pub(crate) struct StoredSegments<'a> {
    store: &'a OpenStore,
    /// The listings that were read. The key `None` is the listing of all sessions, and any other
    /// key is the session whose segments are listed. Each listing groups the ids by the bits that
    /// were derived from a path.
    listed: HashMap<Option<Uuid>, HashMap<u128, Vec<Uuid>>>,
    /// The segments of all files of this import. No two files can be the same segment.
    taken: HashSet<SegmentKey>,
}

impl<'a> StoredSegments<'a> {
    pub(crate) fn new(store: &'a OpenStore, taken: HashSet<SegmentKey>) -> Self {
        Self { store, listed: HashMap::new(), taken }
    }

    /// Returns the segment that the file at `relative` is already stored as, else `key`. `millis`
    /// is the first time that the file contains, and `records` reads the file.
    ///
    /// A log whose id was derived from the same path belongs to this file in two cases:
    /// - the log and the file have the same first time;
    /// - the log has no time, and the file begins with all its entries.
    ///
    /// A file without any time is identified by its path alone. If it begins with none of the logs,
    /// the first log is returned, and storing the file then reports the conflict.
    pub(crate) fn resolve<R>(
        &mut self,
        relative: &Path,
        key: SegmentKey,
        millis: Option<u64>,
        records: impl Fn() -> Result<R, ReadError>,
    ) -> Result<SegmentKey, Failure>
    where
        R: Iterator<Item = Result<LogEntry, ReadError>>,
    {
        if !ids::is_derived(relative) || self.is_stored(key)? {
            return Ok(key);
        }
        let candidates = self.candidates(relative)?;
        let belongs =
            |key: &&SegmentKey| records().is_ok_and(|records| self.belongs(**key, millis, records));
        let found =
            candidates.iter().find(belongs).or(candidates.first().filter(|_| millis.is_none()));
        let Some(found) = found.copied() else { return Ok(key) };
        self.taken.insert(found);
        Ok(found)
    }

    fn is_stored(&self, key: SegmentKey) -> Result<bool, Failure> {
        let found = self.store.at(key).exists();
        found.context(|| format!("find {key} in {}", self.store.url()))
    }

    /// Returns the stored segments whose ids were derived from this path at any time, without those
    /// of other files.
    fn candidates(&mut self, relative: &Path) -> Result<Vec<SegmentKey>, Failure> {
        let owner = ids::owner_of(relative);
        if !self.listed.contains_key(&owner) {
            let stored =
                list(self.store, owner).context(|| format!("list {}", self.store.url()))?;
            self.listed.insert(owner, by_path(stored));
        }
        let path = ids::path_bits(ids::derived(relative, 0));
        let stored = self.listed[&owner].get(&path).into_iter().flatten();
        let keys = stored.map(|id| ids::key_of(relative, ids::millis_in(*id)));
        Ok(keys.filter(|key| !self.taken.contains(key)).collect())
    }

    /// Returns whether a stored log is an earlier state of a file with these records and this first
    /// time. Reads no entry after the first time of the log.
    fn belongs(
        &self,
        key: SegmentKey,
        millis: Option<u64>,
        mut records: impl Iterator<Item = Result<LogEntry, ReadError>>,
    ) -> bool {
        for stored in self.store.at(key).entries(0) {
            // A log that cannot be read is treated as the log of this file. Storing the file then
            // reports the error. Otherwise a second copy of the file would be created.
            let Ok(stored) = stored else { return true };
            let time = millis_of(&stored);
            if time.is_some() {
                return time == millis;
            }
            if !matches!(records.next(), Some(Ok(record)) if record == stored) {
                return false;
            }
        }
        true
    }
}

/// Returns the ids of the segments of `owner`, or of all sessions.
fn list(store: &OpenStore, owner: Option<Uuid>) -> Result<Vec<Uuid>, StoreError> {
    match owner {
        Some(session) => store.list_segments(session.into()).map(into_uuids),
        None => store.list_sessions().map(into_uuids),
    }
}

fn into_uuids<T: Into<Uuid>>(ids: Vec<T>) -> Vec<Uuid> {
    ids.into_iter().map(Into::into).collect()
}

fn by_path(stored: Vec<Uuid>) -> HashMap<u128, Vec<Uuid>> {
    let mut found: HashMap<_, Vec<_>> = HashMap::new();
    for id in stored {
        found.entry(ids::path_bits(id)).or_default().push(id);
    }
    found
}
