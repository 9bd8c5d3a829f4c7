//! SHA-256 hashes of logs and pods.

use std::fmt;

#[cfg(feature = "backup")]
use serde::{Deserialize, Deserializer, de::Error as _};
use serde::{Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// A SHA-256 hash. `Display` shows it as 64 hexadecimal digits, as `sha256sum` does.
///
/// The hash of a log covers each entry's text followed by a line feed. `session-store show` prints
/// the same text, so `session-store show STORE SEGMENT | sha256sum` prints the same digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Returns the hash of `bytes`.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Returns the bytes of the hash.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<Sha256> for Digest {
    fn from(hash: Sha256) -> Self {
        Self(hash.finalize().into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "backup")]
impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut bytes = [0; 32];
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = str::from_utf8(digits).map_err(D::Error::custom)?;
            *byte = u8::from_str_radix(digits, 16).map_err(D::Error::custom)?;
        }
        let digest = Self(bytes);
        let is_same = digest.to_string() == text;
        is_same.then_some(digest).ok_or_else(|| D::Error::custom("not a SHA-256 hash"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// Hashes lines of text, and counts the lines and their bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct LineHasher {
    hash: Sha256,
    /// The number of line feeds.
    pub(crate) lines: usize,
    /// The number of bytes, including the line feeds.
    pub(crate) bytes: u64,
}

impl LineHasher {
    #[cfg(feature = "backup")]
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.lines += bytes.iter().filter(|byte| **byte == b'\n').count();
        self.bytes += bytes.len() as u64;
    }

    /// Adds a text without line feeds, and a line feed after it.
    pub(crate) fn add_line(&mut self, text: &str) {
        self.hash.update(text);
        self.hash.update("\n");
        self.lines += 1;
        self.bytes += text.len() as u64 + 1;
    }

    pub(crate) fn finish(self) -> Digest {
        self.hash.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_hashed_as_its_lines() {
        let mut log = LineHasher::default();
        log.add_line(r#"{"a":1}"#);
        log.add_line("{}");
        assert_eq!((log.lines, log.bytes), (2, 11));
        assert_eq!(log.finish(), Digest::of(b"{\"a\":1}\n{}\n"));
        let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(LineHasher::default().finish().to_string(), nothing);
    }
}
