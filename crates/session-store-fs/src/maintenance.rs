//! Maintenance: checks and repairs of the directory.
//!
//! They concern foreign files, quarantined tails and lookup hints. Entries are not checked, since
//! any caller can read them.

use std::collections::BTreeSet;
use std::path::Path;

use session_store_core::{Finding, ListOptions, Maintenance, SegmentKey, Severity, StoreError};

use crate::directory::Directory;
use crate::file::{self, FolderEntry};
use crate::layout::{segment_of, session_of};
use crate::store::FsStore;

impl Maintenance for FsStore {
    fn check(&self, report: &mut dyn FnMut(Finding)) -> Result<(), StoreError> {
        let Directory { layout, .. } = &self.directory;
        let own = [layout.sidecar(), layout.pods()];
        list(layout.root(), report, |entry| {
            let is_own = session_of(entry.name()).is_some() || own.contains(&entry.path());
            (!is_own).then_some(STRAY)
        })?;
        for session_id in self.directory.session_folders()? {
            list(&layout.session(session_id), report, |entry| {
                let is_own = segment_of(entry.name()).is_some() && entry.is_file();
                (!is_own).then_some(STRAY)
            })?;
        }
        list(&layout.torn(), report, |_| Some(QUARANTINED))?;
        let missing = self.segments_without_hint()?.len();
        if missing > 0 {
            let cause = format!("missing lookup hints: {missing}");
            let remedy =
                "repair the store to write them; until then a lookup searches all sessions";
            report(note(&layout.hints(), cause).with_remedy(remedy));
        }
        Ok(())
    }

    fn repair(&self, report: &mut dyn FnMut(Finding)) -> Result<(), StoreError> {
        let mut stored = 0;
        for key in self.segments_without_hint()? {
            let _locked = self.lock_write(key)?;
            stored += usize::from(self.directory.restore_hint(key)?);
        }
        if stored > 0 {
            report(note(&self.directory.layout.hints(), format!("lookup hints written: {stored}")));
        }
        Ok(())
    }
}

/// A cause and its remedy.
type Cause = (&'static str, &'static str);

const STRAY: Cause = (
    "not part of the session store",
    "the store ignores it; move it elsewhere if it is not needed",
);

const QUARANTINED: Cause = (
    "the incomplete end of a log that a crash left, moved here by the next change",
    "no acknowledged entry is in it; delete it after you have looked at it",
);

fn note(place: &Path, cause: impl Into<String>) -> Finding {
    Finding::new(Severity::Note, place.display().to_string(), cause)
}

/// Reports everything in the folder for which `cause` returns a cause.
fn list(
    folder: &Path,
    report: &mut dyn FnMut(Finding),
    cause: impl Fn(&FolderEntry<'_>) -> Option<Cause>,
) -> Result<(), StoreError> {
    file::list(folder, |entry| {
        if let Some((text, remedy)) = cause(entry) {
            report(note(&entry.path(), text).with_remedy(remedy));
        }
    })
}

impl FsStore {
    /// Returns the segments whose lookup needs a search. If several sessions hold one, the search
    /// returns the first by id, and so does this.
    fn segments_without_hint(&self) -> Result<Vec<SegmentKey>, StoreError> {
        let mut keys = self.keys(&ListOptions::new())?;
        keys.sort_unstable();
        let mut seen = BTreeSet::new();
        keys.retain(|key| seen.insert(key.segment_id));
        let mut missing = Vec::new();
        for key in keys {
            if !self.directory.has_hint(key.segment_id)? {
                missing.push(key);
            }
        }
        Ok(missing)
    }
}
