//! Which ids an earlier import gave to a file whose ids are derived. They hold the time of its first entry
//! that has one or else of its last change, and both can be others by now.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use session_store::{LogEntry, OpenStore, Store, StoreError, StoreExt};
use uuid::Uuid;

use crate::failure::{Context, Failure};
use crate::import::ids::{self, Ids};
use crate::import::records::ReadError;
use crate::import::time;

/// Finds what earlier imports stored. Lists of the store what it needs, and that once.
pub(crate) struct StoredIds<'a> {
    store: &'a OpenStore,
    /// The stored ids by their path bits, below each session that was listed; `None` has the sessions.
    listed: HashMap<Option<Uuid>, HashMap<u128, Vec<Uuid>>>,
    /// The ids of all files of this import: no two may have the same.
    taken: HashSet<Ids>,
}

impl<'a> StoredIds<'a> {
    pub(crate) fn new(store: &'a OpenStore, taken: HashSet<Ids>) -> Self {
        Self { store, listed: HashMap::new(), taken }
    }

    /// The ids under which the file at `relative` is stored already, or else `ids`, which it has by `millis`,
    /// the time of its first entry that has one. `records` reads the file.
    ///
    /// A log that was derived from the same path at another time is this file's if it has the same first
    /// time, or if it has none and the file begins with all of it. A file without any time is known by its
    /// path alone: if it begins with none of the logs, it is the first one's, to be found in conflict with it.
    pub(crate) fn settle<R>(
        &mut self,
        relative: &Path,
        ids: Ids,
        millis: Option<u64>,
        records: impl Fn() -> Result<R, ReadError>,
    ) -> Result<Ids, Failure>
    where
        R: Iterator<Item = Result<LogEntry, ReadError>>,
    {
        if !ids::is_derived(relative) || self.is_stored(ids)? {
            return Ok(ids);
        }
        let earlier = self.earlier(relative)?;
        let own = |ids: &&Ids| records().is_ok_and(|records| self.is_of(**ids, millis, records));
        let found = earlier.iter().find(own).or(earlier.first().filter(|_| millis.is_none()));
        let Some(found) = found.copied() else { return Ok(ids) };
        self.taken.insert(found);
        Ok(found)
    }

    fn is_stored(&self, Ids { session_id, segment_id }: Ids) -> Result<bool, Failure> {
        self.store
            .exists(session_id, segment_id)
            .context(|| format!("look for segment {segment_id} in {}", self.store.url()))
    }

    /// What was derived from this path at whatever time, and is no other file's.
    fn earlier(&mut self, relative: &Path) -> Result<Vec<Ids>, Failure> {
        let owner = ids::owner_of(relative);
        if !self.listed.contains_key(&owner) {
            let stored = list(self.store, owner)
                .context(|| format!("list what is in {}", self.store.url()))?;
            self.listed.insert(owner, by_path(stored));
        }
        let path = ids::path_bits(ids::derived(relative, 0));
        let stored = self.listed[&owner].get(&path).into_iter().flatten();
        let ids = stored.map(|id| ids::ids_of(relative, ids::millis_in(*id)));
        Ok(ids.filter(|ids| !self.taken.contains(ids)).collect())
    }

    /// Whether a stored log is an earlier state of a file with these records and this first time. Reads no
    /// further than up to the log's own first time.
    fn is_of(
        &self,
        Ids { session_id, segment_id }: Ids,
        millis: Option<u64>,
        mut records: impl Iterator<Item = Result<LogEntry, ReadError>>,
    ) -> bool {
        for stored in self.store.entries(session_id, segment_id, 0) {
            // Rather than store a second copy, let storing say what is wrong with the first.
            let Ok(stored) = stored else { return true };
            let time = time::millis_of(&stored);
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

/// The sessions or, below an owner, its segments.
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
