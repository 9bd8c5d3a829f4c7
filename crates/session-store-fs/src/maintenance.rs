//! The `Maintenance` trait: checks and repairs of the directory.
//!
//! A check reports foreign files, traces without a log, pods that no call returns, torn and
//! quarantined tails, and missing lookup hints. A check does not read the entries, because any
//! caller can do so. A repair reads all entries, and moves bad lines out of the logs.
//!
//! A tail is *torn* if a crash left only a part of an entry. A *lookup hint* is a sidecar file that
//! names the session of a segment.

use std::collections::{BTreeSet, HashSet};
use std::convert::identity;
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use session_store_core::{
    Finding, ListOptions, Maintenance, SegmentId, SegmentKey, SessionId, Severity, StoreError,
};

use crate::bad_lines::CutRest;
use crate::directory::Directory;
use crate::error::Context;
use crate::file::{self, FolderEntry};
use crate::index::{LineIndex, read_range};
use crate::layout::{Kind, segment_of, session_of};
use crate::pod;
use crate::segment::Segment;
use crate::sidecar::epoch::NO_CUT;
use crate::store::FsStore;

impl Maintenance for FsStore {
    fn check(&self, report: &mut dyn FnMut(Finding)) -> Result<(), StoreError> {
        let Directory { layout, .. } = &*self.directory;
        let own = [layout.sidecar(), layout.pods()];
        list(layout.root(), report, |entry| {
            let is_own = session_of(entry.name()).is_some() || own.contains(&entry.path());
            (!is_own || !entry.is_folder()).then(|| stray(entry, is_own))
        })?;
        let mut without_hint = HashSet::new();
        for session_id in self.directory.session_folders()? {
            for segment_id in self.check_session(session_id, report)? {
                if !self.directory.has_hint(segment_id)? {
                    without_hint.insert(segment_id);
                }
            }
        }
        self.check_pods(report)?;
        list(&layout.torn(), report, |_| Some(QUARANTINED))?;
        let missing = without_hint.len();
        if missing > 0 {
            let cause = format!("missing lookup hints: {missing}");
            let remedy =
                "repair the store to write them; until then a lookup searches all sessions";
            report(note(&layout.hints(), cause).with_remedy(remedy).repairable());
        }
        Ok(())
    }

    fn open_raw(&self, key: SegmentKey) -> Result<Option<Box<dyn Read>>, StoreError> {
        let path = self.directory.layout.file(key, Kind::Log);
        let opened = file::open_existing(&path).context("open", &path)?;
        Ok(opened.map(|opened| Box::new(opened.file) as Box<dyn Read>))
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
        self.repair_segments(&|_| true, report)
    }

    fn repair_segments(
        &self,
        is_selected: &dyn Fn(SegmentKey) -> bool,
        report: &mut dyn FnMut(Finding),
    ) -> Result<(), StoreError> {
        for session_id in self.directory.session_folders()? {
            for (segment_id, kind) in self.directory.files(session_id)? {
                let key = SegmentKey::new(session_id, segment_id);
                if !is_selected(key) {
                    continue;
                }
                if kind == Kind::Log {
                    self.repair_checkpoint(key, report)?;
                }
                self.repair_lines(key, kind, report)?;
            }
        }
        Ok(())
    }
}

/// A severity, a cause and its remedy.
type Cause = (Severity, &'static str, &'static str);

/// Returns the cause for a folder entry that the store ignores. `is_named` is whether the entry has
/// the name of a session, a segment, or another part of the store.
fn stray(entry: &FolderEntry<'_>, is_named: bool) -> Cause {
    if is_named && entry.is_link() { LINK } else { STRAY }
}

const LINK: Cause = (
    Severity::Fault,
    "a symbolic link, which the store does not follow",
    "replace the link by its target; until then the target is not listed",
);

const STRAY: Cause = (
    Severity::Note,
    "not part of the session store",
    "the store ignores it; move it elsewhere if it is not needed",
);

const TRACE_ALONE: Cause = (
    Severity::Note,
    "a trace without a log: its segment was never created, or was deleted in part",
    "a new segment with these ids continues the trace; deleting the segment deletes it",
);

const POD_WITHOUT_NAME: Cause = (
    Severity::Fault,
    "a pod that no call can name: neither its folder nor a file in it gives the name of a pod",
    "rename the folder to the name of the pod",
);

const SECOND_POD: Cause = (
    Severity::Fault,
    "a second folder of a pod: it is ignored, because another folder has the name of the pod",
    "compare the two files metadata.json, and delete the folder that is not needed",
);

const WRONG_CHECKPOINT: Cause = (
    Severity::Fault,
    "a wrong number of entries: another program changed the log in place",
    "repair the store; until then the counts of the log are wrong",
);

const QUARANTINED: Cause = (
    Severity::Note,
    "moved out of a log: text that is not an entry, or the rest of an interrupted truncation",
    "look whether it has an entry that is still needed; then delete it",
);

fn note(place: &Path, cause: impl Into<String>) -> Finding {
    Finding::new(Severity::Note, place.display().to_string(), cause)
}

fn finding(place: &Path, (severity, cause, remedy): Cause) -> Finding {
    Finding::new(severity, place.display().to_string(), cause).with_remedy(remedy)
}

/// Reports each entry of the folder for which `cause` returns a cause.
fn list(
    folder: &Path,
    report: &mut dyn FnMut(Finding),
    mut cause: impl FnMut(&FolderEntry<'_>) -> Option<Cause>,
) -> Result<(), StoreError> {
    file::list(folder, |entry| {
        if let Some(cause) = cause(entry) {
            let finding = finding(&entry.path(), cause);
            let is_foreign_log = cause == STRAY && is_jsonl(&entry.path());
            report(if is_foreign_log { finding.unlisted() } else { finding });
        }
    })
}

/// Returns whether a file has the name of a log. The manifest of an unpacked backup is not a log.
fn is_jsonl(path: &Path) -> bool {
    let is_manifest = path.file_name().is_some_and(|name| name == "manifest.jsonl");
    path.extension().is_some_and(|extension| extension == "jsonl") && !is_manifest
}

impl FsStore {
    /// Checks the files of a session and returns its segments.
    fn check_session(
        &self,
        session_id: SessionId,
        report: &mut dyn FnMut(Finding),
    ) -> Result<Vec<SegmentId>, StoreError> {
        let Directory { layout, .. } = &*self.directory;
        let mut files = Vec::new();
        list(&layout.session(session_id), report, |entry| {
            let named = segment_of(entry.name());
            let file = named.filter(|_| entry.is_file());
            files.extend(file);
            file.is_none().then(|| stray(entry, named.is_some()))
        })?;
        let mut segments = Vec::new();
        for (segment_id, kind) in files {
            let key = SegmentKey::new(session_id, segment_id);
            if kind == Kind::Log {
                segments.push(segment_id);
                if self.has_wrong_checkpoint(key).unwrap_or(false) {
                    report(finding(&layout.checkpoint(key), WRONG_CHECKPOINT));
                }
            // A link in the place of the log is an error here, and a finding of its own.
            } else if !self.directory.has_log(key).unwrap_or(true) {
                report(finding(&layout.file(key, kind), TRACE_ALONE).unlisted());
            }
            self.check_tail(key, kind, report);
        }
        Ok(segments)
    }

    /// Checks the folders of pods. Skips a folder without a pod.
    ///
    /// The lock prevents changes of a pod while its folder is checked. A pod that cannot be opened
    /// is skipped, too, because the caller reads all pods and reports the failure.
    fn check_pods(&self, report: &mut dyn FnMut(Finding)) -> Result<(), StoreError> {
        let Directory { layout, .. } = &*self.directory;
        let _guard = self.pod_lock.lock_read()?;
        list(&layout.pods(), report, |entry| (!entry.is_folder()).then(|| stray(entry, true)))?;
        for folder in self.directory.pod_folders()? {
            if !pod::holds_pod(&folder).unwrap_or(false) {
                continue;
            }
            let cause = match pod::name_of(&folder) {
                Ok(None) => POD_WITHOUT_NAME,
                Ok(Some(name)) if self.directory.folders_of(&name)?.first() != Some(&folder) => {
                    SECOND_POD
                }
                _ => continue,
            };
            report(finding(&folder, cause).unlisted());
        }
        Ok(())
    }

    /// Reports torn bytes at the end of a file.
    ///
    /// A file that cannot be read is skipped, because the caller reads all entries and reports the
    /// failure.
    fn check_tail(&self, key: SegmentKey, kind: Kind, report: &mut dyn FnMut(Finding)) {
        if !self.directory.may_be_torn(key, kind).unwrap_or(false) {
            return;
        }
        // Check again under the lock, because without the lock a writer may still be writing the
        // line.
        let Ok(Some(tail)) = self.lock_read(key).and_then(|mut segment| segment.torn_tail(kind))
        else {
            return;
        };
        let Range { start, end } = tail.bytes;
        let (cause, remedy) = if tail.is_interrupted_cut {
            (
                format!("a power cut interrupted a truncation; the log ends at byte {start}"),
                "the next change of the segment finishes the truncation; keep .session-store until then",
            )
        } else {
            (
                format!("incomplete entry at the end, which a crash left: {} bytes", end - start),
                "readers ignore it; the next change of the segment moves it to .session-store/torn",
            )
        };
        report(note(&self.directory.layout.file(key, kind), cause).with_remedy(remedy));
    }

    /// Returns whether the checkpoint of a log has wrong counts. A checkpoint is a sidecar file
    /// with the number of entries before an offset of the log. Scans the log up to this offset.
    ///
    /// Returns false if every handle recognizes that the checkpoint is wrong, because then no
    /// handle uses it.
    fn has_wrong_checkpoint(&self, key: SegmentKey) -> Result<bool, StoreError> {
        // Most logs are too short for a checkpoint. Such logs are not locked, because locking waits
        // for writers, and would take long in a store with many logs.
        let path = self.directory.layout.checkpoint(key);
        if !file::exists(&path).context("look for", &path)? {
            return Ok(false);
        }
        self.read(key, Segment::checkpoint, |found| {
            let Some((log, start)) = found else { return Ok(false) };
            let mut scanned = LineIndex::empty();
            scanned
                .catch_up(&log.file, start.offset, NO_CUT, identity)
                .context("read", &log.path)?;
            Ok(scanned.tail_start() != *start)
        })
    }

    fn repair_checkpoint(
        &self,
        key: SegmentKey,
        report: &mut dyn FnMut(Finding),
    ) -> Result<(), StoreError> {
        if self.has_wrong_checkpoint(key)? {
            self.lock_write(key)?.delete_checkpoint()?;
            let place = self.directory.layout.checkpoint(key);
            report(note(
                &place,
                "deleted this file, because the number of entries in it was wrong",
            ));
        }
        Ok(())
    }

    fn repair_lines(
        &self,
        key: SegmentKey,
        kind: Kind,
        report: &mut dyn FnMut(Finding),
    ) -> Result<(), StoreError> {
        let plan = self.lock_write(key)?.repair_lines(kind, &self.replacements)?;
        let path = self.directory.layout.file(key, kind);
        if !plan.bad.is_empty() {
            let bytes: u64 = plan.bad.iter().map(|range| range.end - range.start).sum();
            let cause = format!("moved {bytes} bytes that are not entries to .session-store/torn");
            report(note(&path, cause).with_remedy("look there for the text of lost entries"));
        }
        if let Some(CutRest { bytes, entries }) = plan.cut {
            let bytes = bytes.end - bytes.start;
            let cause = format!(
                "moved the rest of an interrupted truncation, which begins with NUL, to \
                 .session-store/torn: {bytes} bytes, which include {entries} entries"
            );
            let remedy = "append an entry from there again if it is newer than the truncation";
            report(note(&path, cause).with_remedy(remedy));
        }
        if plan.split > 0 {
            let cause = format!("split {} lines that each held several entries", plan.split);
            report(note(&path, cause));
        }
        Ok(())
    }

    /// Returns the segments without a lookup hint. If several sessions hold a segment id, returns
    /// the first session by id, because a lookup without a hint returns the same session.
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

impl Directory {
    /// Returns whether a file may have torn bytes. Reads only the last block of the file and the
    /// byte at the offset where the last truncation cut the log. Takes no lock.
    fn may_be_torn(&self, key: SegmentKey, kind: Kind) -> io::Result<bool> {
        const BLOCK: u64 = 4096;
        let Some(opened) = file::open_existing(&self.layout.file(key, kind))? else {
            return Ok(false);
        };
        let len = opened.file.metadata()?.len();
        let end = read_range(&opened.file, len.saturating_sub(BLOCK), len)?;
        if end.is_empty() || !end.ends_with(b"\n") || memchr::memchr(0, &end).is_some() {
            return Ok(!end.is_empty());
        }
        let cut = match kind {
            Kind::Log => self.stored_epoch(key).ok().flatten().map_or(NO_CUT, |epoch| epoch.cut),
            Kind::Trace => NO_CUT,
        };
        let mut byte = [1];
        if cut < len {
            opened.file.read_exact_at(&mut byte, cut)?;
        }
        Ok(byte == [0])
    }
}
