//! Broken stores with an index for the listings. The index can lose segments, because the logs are
//! stored apart from the index. `broken!` defines a store and its test: each check under `caught
//! by` must fail.

use std::collections::BTreeSet;
use std::io;
use std::sync::Mutex;

use session_store_core::{
    Finding, Head, ListOptions, LogEntry, SegmentId, SegmentInfo, SegmentKey, SessionId, Severity,
    Store,
};

use super::broken;
use crate::variant::Result;

/// Defines correct methods of such a store. `unlisted` has the segments that the index has lost. A
/// broken store leaves out some of these methods, and this is its flaw.
macro_rules! indexed {
    (listing) => {
        fn unlist(&self, key: SegmentKey) -> Option<io::Result<()>> {
            self.unlisted.lock().unwrap().insert(key);
            Some(Ok(()))
        }

        fn list_segments(&self, s: SessionId) -> Result<Vec<SegmentId>> {
            let mut segments = self.inner.list_segments(s)?;
            let unlisted = self.unlisted.lock().unwrap();
            segments.retain(|&g| !unlisted.contains(&SegmentKey::new(s, g)));
            Ok(segments)
        }

        fn list_infos(&self, options: &ListOptions) -> Result<Vec<(SegmentKey, SegmentInfo)>> {
            let mut infos = self.inner.list_infos(options)?;
            let unlisted = self.unlisted.lock().unwrap();
            infos.retain(|(key, _)| !unlisted.contains(key));
            Ok(infos)
        }
    };
    (sessions) => {
        fn list_sessions(&self) -> Result<Vec<SessionId>> {
            let mut sessions = self.inner.list_sessions()?;
            sessions.retain(|&s| !self.list_segments(s).unwrap().is_empty());
            Ok(sessions)
        }
    };
    (check) => {
        fn check(&self, report: &mut dyn FnMut(Finding)) -> Result<()> {
            for key in &*self.unlisted.lock().unwrap() {
                report(Finding::new(Severity::Fault, key.to_string(), "the index lacks it"));
            }
            Ok(())
        }
    };
    (repair) => {
        fn repair(&self, _: &mut dyn FnMut(Finding)) -> Result<()> {
            self.unlisted.lock().unwrap().clear();
            Ok(())
        }
    };
    (append) => {
        fn append(&self, s: SessionId, g: SegmentId, entry: &LogEntry) -> Result<()> {
            self.append_all(s, g, std::slice::from_ref(entry))
        }

        fn append_all(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
            self.inner.append_all(s, g, entries)?;
            self.unlisted.lock().unwrap().remove(&SegmentKey::new(s, g));
            Ok(())
        }

        fn append_if(
            &self,
            s: SessionId,
            g: SegmentId,
            expected: Option<Head>,
            entries: &[LogEntry],
        ) -> Result<Head> {
            let head = self.inner.append_if(s, g, expected, entries)?;
            self.unlisted.lock().unwrap().remove(&SegmentKey::new(s, g));
            Ok(head)
        }
    };
    ($($methods:ident)+) => { $(indexed! { $methods })+ };
}

broken! {
    /// A check of the storage does not compare the index with the logs.
    checking_trusts_the_index in shared {
        indexed! { listing sessions repair append }
    }
    state { unlisted: Mutex<BTreeSet<SegmentKey>> }
    caught by { m3_a_lost_index_entry_is_found }
}

broken! {
    /// A check reports the segments that the index lacks, but a repair does not add them.
    repairing_skips_the_index in shared {
        indexed! { listing sessions check append }
    }
    state { unlisted: Mutex<BTreeSet<SegmentKey>> }
    caught by { m3_repairing_lists_a_segment_again }
}

broken! {
    /// Adds a segment to the index only when the segment is created.
    appends_trust_the_index in shared {
        indexed! { listing sessions check repair }
    }
    state { unlisted: Mutex<BTreeSet<SegmentKey>> }
    caught by { m3_an_append_lists_its_segment_again }
}

broken! {
    /// Lists a session even if the index has lost all segments of the session.
    lists_sessions_without_segments in shared {
        indexed! { listing check repair append }
    }
    state { unlisted: Mutex<BTreeSet<SegmentKey>> }
    caught by { l1_a_listed_session_has_segments }
}
