//! What passes through, counted and hashed.

use serde::{Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use crate::Digest;

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The size of a text of lines, and its hash. For the log of a segment the hash is that of the lines which
/// `session-store show` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Total {
    /// How many lines it has, each of them an entry.
    pub entries: usize,
    /// Its bytes, line ends included.
    pub bytes: u64,
    /// The hash of those bytes.
    pub sha256: Digest,
}

/// The total of what has passed so far.
#[derive(Clone, Default)]
pub(super) struct Tally {
    entries: usize,
    bytes: u64,
    hash: Sha256,
}

impl Tally {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.entries += memchr::memchr_iter(b'\n', bytes).count();
        self.bytes += bytes.len() as u64;
        self.hash.update(bytes);
    }

    pub(super) fn add_line(&mut self, text: &str) {
        self.add(text.as_bytes());
        self.add(b"\n");
    }

    pub(super) const fn entries(&self) -> usize {
        self.entries
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn total(self) -> Total {
        Total { entries: self.entries, bytes: self.bytes, sha256: self.hash.into() }
    }
}
