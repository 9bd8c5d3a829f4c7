//! The size and the hash of a part of a backup.

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, LineHasher};

/// The size and the hash of a part.
///
/// The hash of a log is the hash of the text that `session-store show` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Total {
    /// The number of lines. Each line is an entry.
    pub entries: usize,
    /// The number of bytes, including the line feeds.
    pub bytes: u64,
    /// The hash of the bytes, including the line feeds.
    pub sha256: Digest,
}

impl Total {
    /// Returns the total of everything that was added to the hasher.
    pub(super) fn of(hasher: &LineHasher) -> Self {
        let LineHasher { lines, bytes, .. } = *hasher;
        Self { entries: lines, bytes, sha256: hasher.clone().finish() }
    }
}
