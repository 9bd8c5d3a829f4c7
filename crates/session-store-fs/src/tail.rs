//! The tail of a file: whether its last line is an entry, a torn entry, or something else. Pure
//! functions of bytes.

use session_store_core::{LogEntry, StoreError};

/// The bytes after the last newline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tail {
    /// No bytes.
    Clean,
    /// White space only. It is not an entry, but the next append writes a newline first.
    Blank,
    /// A whole object, which is an entry, or other bytes, which are a bad line. The next append
    /// writes a newline first.
    Line,
    /// The part of an entry that a crash left. It is not read and not counted, and the next append
    /// quarantines it.
    Torn,
}

impl Tail {
    /// Classifies bytes without a newline.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            Self::Clean
        } else if is_blank(bytes) {
            Self::Blank
        } else if is_torn(bytes) {
            Self::Torn
        } else {
            Self::Line
        }
    }

    pub(crate) fn owes_newline(self) -> bool {
        matches!(self, Self::Blank | Self::Line)
    }
}

/// Returns whether there is only white space in a line.
pub(crate) fn is_blank(line: &[u8]) -> bool {
    line.iter().all(is_space)
}

/// Returns the length of a line without the white space around it.
pub(crate) fn trimmed_len(line: &[u8]) -> usize {
    let text = |byte: &u8| !is_space(byte);
    match (line.iter().position(text), line.iter().rposition(text)) {
        (Some(first), Some(last)) => last + 1 - first,
        _ => 0,
    }
}

fn is_space(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Returns whether a crash can have left this unterminated line: it has NULs, which a file system
/// writes for lost data, or it is a strict prefix of an object.
fn is_torn(bytes: &[u8]) -> bool {
    memchr::memchr(0, bytes).is_some() || is_object_prefix(bytes)
}

fn is_object_prefix(bytes: &[u8]) -> bool {
    let text = match str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(error) if error.error_len().is_none() => {
            // The last character is incomplete. It is part of a string, where any other can replace
            // it.
            let whole = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            format!("{whole}\u{fffd}")
        }
        Err(_) => return false,
    };
    // A number that ends after its sign, point or exponent is a syntax error, not an early end.
    // With one more digit it is a number.
    text.trim_start().starts_with('{') && (ends_early(&text) || ends_early(&format!("{text}0")))
}

fn ends_early(text: &str) -> bool {
    matches!(LogEntry::from_json(text), Err(StoreError::Serde(error)) if error.is_eof())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_strict_prefix_of_an_object_is_torn() {
        let object =
            "{\"a\" : [1, -2.5e+10, true, null, \"é\\u00e9\\\\\\\"🦀\", {}], \"b\":{\"c\":false}} ";
        let whole = object.trim_end().len();
        for cut in 1..whole {
            assert_eq!(Tail::of(&object.as_bytes()[..cut]), Tail::Torn, "cut at {cut}");
        }
        assert_eq!(Tail::of(&object.as_bytes()[..whole]), Tail::Line);
    }

    #[test]
    fn only_prefixes_and_nuls_are_torn() {
        assert_eq!(Tail::of(b""), Tail::Clean);
        assert_eq!(Tail::of(b" \t\r"), Tail::Blank);
        for line in
            ["{}", "{} ", "{}{", "[1", "\"{", "tru", "1", "{]", "{\"a\":01", "{\"a\" \"", "{x"]
        {
            assert_eq!(Tail::of(line.as_bytes()), Tail::Line, "{line}");
        }
        assert_eq!(Tail::of(b"{\"a\":\"\xff"), Tail::Line, "not a prefix of any text");
        assert_eq!(Tail::of(b"{\"a\":1}\0\0"), Tail::Torn);
        assert_eq!(Tail::of(b"\0\0\0"), Tail::Torn);
    }
}
