//! Running hashes: how a log is known by 32 bytes, here and to any other program.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// A SHA-256; its text is 64 hexadecimal digits, as `sha256sum` prints it.
///
/// That of a log is of each entry's text followed by a line feed, which is what `session-store show` prints:
/// `session-store show STORE SEGMENT | sha256sum` gives the same digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The hash of some bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The hash itself.
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

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// The hash of a log as far as it was read, and what was hashed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Running {
    hash: Sha256,
    pub(crate) entries: usize,
    pub(crate) bytes: u64,
}

impl Running {
    pub(crate) fn update(&mut self, text: &str) {
        self.hash.update(text);
        self.hash.update("\n");
        self.entries += 1;
        self.bytes += text.len() as u64;
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
        let mut log = Running::default();
        log.update(r#"{"a":1}"#);
        log.update("{}");
        assert_eq!((log.entries, log.bytes), (2, 9));
        assert_eq!(log.finish(), Digest::of(b"{\"a\":1}\n{}\n"));
        let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Running::default().finish().to_string(), nothing);
    }
}
