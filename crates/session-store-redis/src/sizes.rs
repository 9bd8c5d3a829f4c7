//! Estimates how many entries of a log a plain list command may read. The command limits its reply
//! by the number of entries, and not by bytes.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use session_store_core::SegmentKey;

/// The maximum size of a log of which a plain list command reads a part. The reply never has more
/// bytes than the log.
const MAX_LOG_BYTES: u64 = 16 * 1024 * 1024;

/// The number of logs that a handle remembers.
const REMEMBERED: usize = 64;

/// The size of a log, and of its entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// The mean size of the entries that were read last. 0 if none were read.
    pub(crate) mean: usize,
    /// The size of all entries, if it is known.
    pub(crate) total: Option<u64>,
}

impl Sizes {
    /// Returns the number of next entries that have about `bytes` bytes. The number is a little too
    /// large, because a second command costs more than a few entries that are read in vain.
    pub(crate) fn entries_in(self, bytes: usize) -> usize {
        let entries = bytes / self.mean.max(1);
        entries.saturating_add(entries / 8).saturating_add(1)
    }

    /// Returns whether the size of a reply is limited, however many entries it has.
    pub(crate) fn limit_reply(self) -> bool {
        self.total.is_some_and(|total| total <= MAX_LOG_BYTES)
    }
}

/// The sizes of the logs that a handle has read last, and the number of entries of each log then.
#[derive(Default)]
pub(crate) struct RecentSizes(Mutex<VecDeque<(SegmentKey, usize, Sizes)>>);

impl RecentSizes {
    pub(crate) fn remember(&self, key: SegmentKey, end: usize, sizes: Sizes) {
        let mut logs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        logs.retain(|(other, ..)| *other != key);
        logs.push_front((key, end, sizes));
        logs.truncate(REMEMBERED);
    }

    /// Returns the sizes of a log that the handle has read, and the number of entries from
    /// `position` on to which these sizes apply. The sizes do not apply to entries that were
    /// appended after that read.
    pub(crate) fn of(&self, key: SegmentKey, position: usize) -> Option<(Sizes, usize)> {
        let logs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = logs.iter().find(|&&(other, end, _)| other == key && position < end);
        found.map(|&(_, end, sizes)| (sizes, end - position))
    }
}

#[cfg(test)]
mod tests {
    use session_store_core::{SegmentId, SessionId};

    use super::*;

    #[test]
    fn a_reply_is_limited_by_the_size_of_the_log() {
        let sizes = Sizes { mean: 1000, total: Some(MAX_LOG_BYTES) };
        assert_eq!((sizes.entries_in(0), sizes.entries_in(80_000)), (1, 91));
        assert!(sizes.limit_reply());
        assert!(!Sizes { total: Some(MAX_LOG_BYTES + 1), ..sizes }.limit_reply());
        assert!(!Sizes { total: None, ..sizes }.limit_reply());
    }

    #[test]
    fn the_logs_that_were_read_last_are_remembered() {
        let recent = RecentSizes::default();
        let sizes = Sizes { mean: 2, total: None };
        let keys: Vec<_> =
            (0..=REMEMBERED).map(|_| SegmentKey::new(SessionId::new(), SegmentId::new())).collect();
        keys.iter().for_each(|&key| recent.remember(key, 5, sizes));
        assert_eq!(recent.of(keys[0], 0), None);
        assert_eq!((recent.of(keys[1], 3), recent.of(keys[1], 5)), (Some((sizes, 2)), None));
    }
}
