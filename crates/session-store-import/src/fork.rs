//! `Fork`: a segment for a file that differs from the stored log. The fork has the entries of the
//! file from the first difference on.

use serde::Deserialize;
use serde_json::json;
use session_store_core::{LogEntry, SegmentId, SegmentKey};

use crate::description::Role;
use crate::format::Format;
use crate::identity::derived_id;

/// A segment that continues the first entries of another segment in a different way.
#[derive(Debug)]
pub(crate) struct Fork {
    /// The segment that has the common first entries.
    pub(crate) of: SegmentId,
    pub(crate) key: SegmentKey,
    /// The number of entries of the file that come before the fork. Some of these entries can be in
    /// earlier forks.
    pub(crate) at: usize,
    /// The first entry of the fork, which names the origin.
    pub(crate) entry: LogEntry,
}

impl Fork {
    /// Creates the fork of a segment. `common` describes the entries of the file that come before
    /// the fork, and `first` is the entry after them.
    ///
    /// The id of the fork is derived from the id of the segment and from `first`. So the next
    /// import of the file derives the same id and finds the fork.
    pub(crate) fn new(of: SegmentKey, common: Common, first: Option<&LogEntry>) -> Self {
        let first = first.map_or("", LogEntry::as_json);
        let id = derived_id("fork", &format!("{}\0{}\0{first}", of.segment_id, common.entries));
        let entry = json!({
            "kind": "fork",
            "forked_from": { "segment_id": of.segment_id, "at_turn_index": common.turns },
            "at_entry": common.entries,
        });
        Self {
            of: of.segment_id,
            key: SegmentKey::new(of.session_id, id.into()),
            at: common.entries,
            entry: LogEntry::encode(&entry).expect("an object is an entry"),
        }
    }
}

/// The entries at the beginning of a file that are already stored in other segments.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Common {
    pub(crate) entries: usize,
    /// The number of turns in these entries. In the logs of other programs, each message of the
    /// user counts as a turn.
    pub(crate) turns: usize,
}

impl Common {
    pub(crate) fn add(self, format: &dyn Format, entry: &LogEntry) -> Self {
        #[derive(Deserialize)]
        struct Header {
            kind: String,
        }
        let is_turn = match entry.decode() {
            Ok(Header { kind }) => kind == "turn_end",
            Err(_) => format.describe(entry).role == Some(Role::User),
        };
        Self { entries: self.entries + 1, turns: self.turns + usize::from(is_turn) }
    }
}
