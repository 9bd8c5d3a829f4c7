//! `Head`: the end of a segment's log at one moment. Conditional writes compare heads.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The end of a segment's log at one moment: the number of its entries and an opaque token.
///
/// Heads are compared as a whole ([H1](crate::contract#h1)). Heads have no order: two unequal heads
/// do not show which head is newer. With [`Capability::Epoch`](crate::Capability::Epoch), the token
/// changes whenever the log is truncated, replaced or recreated, so equal heads mean that the log
/// has not changed. A head is serialized as the text that `Display` writes.
///
/// ```
/// use session_store_core::Head;
///
/// let head = Head::new(3, 0xab);
/// assert_eq!(head.to_string(), "3@000000000000000000000000000000ab");
/// assert_eq!(head.to_string().parse(), Ok(head));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Head {
    entries: usize,
    token: u128,
}

impl Head {
    /// Returns a head, for implementors of a store.
    ///
    /// `token` must be random, because a token must never be used twice. A store without
    /// [`Capability::Epoch`](crate::Capability::Epoch) uses the constant 0.
    #[must_use]
    pub const fn new(entries: usize, token: u128) -> Self {
        Self { entries, token }
    }

    /// Returns the number of entries in the log.
    #[must_use]
    pub const fn entries(&self) -> usize {
        self.entries
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{:032x}", self.entries, self.token)
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Head({self})")
    }
}

impl From<Head> for String {
    fn from(head: Head) -> Self {
        head.to_string()
    }
}

impl TryFrom<String> for Head {
    type Error = InvalidHead;

    fn try_from(text: String) -> Result<Self, InvalidHead> {
        text.parse()
    }
}

/// The error of parsing a [`Head`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a head is a number of entries, @, and 32 hexadecimal digits")]
pub struct InvalidHead;

impl FromStr for Head {
    type Err = InvalidHead;

    /// Parses the text that `Display` writes.
    fn from_str(text: &str) -> Result<Self, InvalidHead> {
        let (entries, token) = text.split_once('@').ok_or(InvalidHead)?;
        let entries = entries.parse().map_err(|_| InvalidHead)?;
        let head =
            Self { entries, token: u128::from_str_radix(token, 16).map_err(|_| InvalidHead)? };
        // Accept only the spelling of `Display`: no sign, no leading zero, no upper case.
        if head.to_string() == text { Ok(head) } else { Err(InvalidHead) }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("")]
    #[case("3")]
    #[case("3@ab")]
    #[case("03@000000000000000000000000000000ab")]
    #[case("+3@000000000000000000000000000000ab")]
    #[case("3@000000000000000000000000000000AB")]
    #[case("3@000000000000000000000000000000ab ")]
    fn other_texts_do_not_parse(#[case] text: &str) {
        assert_eq!(text.parse::<Head>(), Err(InvalidHead));
    }
}
