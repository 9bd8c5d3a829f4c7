//! The length of the write-ahead log (WAL): when the WAL is checkpointed, and when it is truncated.

use std::mem;

/// A WAL is checkpointed after this number of changes, or when its file grows past this length. A
/// commit of one entry of 1 KB writes about four pages of 4 KB. With such commits, both limits are
/// about 1,000 pages, which is SQLite's default.
const CHECKPOINT_CHANGES: u32 = 256;
const CHECKPOINT_BYTES: u64 = 4 << 20;

/// A WAL of this length or more is truncated. Reads of the same handle wait for a truncation.
const LONG_WAL_BYTES: u64 = 64 << 20;

/// The length of the WAL, and the changes in it.
pub(crate) struct WalLength {
    /// The number of changes since the last checkpoint.
    changes: u32,
    /// The length of the file after the last commit.
    bytes: u64,
    /// The length of the file at which the next attempt to truncate it is made.
    truncate_at: u64,
}

/// The work on the WAL that is due after a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Checkpoint,
    Truncation,
}

impl WalLength {
    pub(crate) fn new() -> Self {
        Self { changes: 0, bytes: 0, truncate_at: LONG_WAL_BYTES }
    }

    /// Counts a change, before its commit.
    pub(crate) fn count_change(&mut self) {
        self.changes += 1;
    }

    /// Returns the work that is due after a commit. `bytes` is the length of the file. The caller
    /// does the work, and a failed attempt counts like a successful one.
    ///
    /// After a checkpoint, SQLite writes the WAL from its start again, and the length of the file
    /// does not change. The length therefore does not show the size of the part in use, so changes
    /// are also counted.
    ///
    /// SQLite restarts the WAL only at a moment without reads. If reads always overlap, the WAL
    /// grows without end although it is checkpointed. So a long WAL is truncated. If reads of other
    /// handles prevent this, the next attempt is due at twice the length.
    pub(crate) fn due(&mut self, bytes: u64) -> Option<Due> {
        let has_grown = bytes > mem::replace(&mut self.bytes, bytes);
        if bytes < LONG_WAL_BYTES {
            self.truncate_at = LONG_WAL_BYTES;
        }
        let is_due = self.changes >= CHECKPOINT_CHANGES || has_grown && bytes >= CHECKPOINT_BYTES;
        if !is_due {
            return None;
        }
        self.changes = 0;
        if bytes < self.truncate_at {
            return Some(Due::Checkpoint);
        }
        self.truncate_at = bytes.saturating_mul(2);
        Some(Due::Truncation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_due_after_many_changes_or_growth() {
        let mut wal = WalLength::new();
        for _ in 0..2 {
            for _ in 1..CHECKPOINT_CHANGES {
                wal.count_change();
                assert_eq!(wal.due(100), None);
            }
            wal.count_change();
            assert_eq!(wal.due(100), Some(Due::Checkpoint));
        }
        assert_eq!(wal.due(CHECKPOINT_BYTES), Some(Due::Checkpoint));
        assert_eq!(wal.due(CHECKPOINT_BYTES), None, "the file has not grown");
    }

    #[test]
    fn a_long_file_is_truncated_and_a_failed_attempt_is_repeated_at_twice_the_length() {
        let mut wal = WalLength::new();
        assert_eq!(wal.due(LONG_WAL_BYTES), Some(Due::Truncation));
        assert_eq!(wal.due(LONG_WAL_BYTES + 1), Some(Due::Checkpoint));
        assert_eq!(wal.due(2 * LONG_WAL_BYTES), Some(Due::Truncation));
        assert_eq!(wal.due(0), None);
        assert_eq!(wal.due(LONG_WAL_BYTES), Some(Due::Truncation));
    }
}
