//! The tail of a file, which is the text after the last newline. Pure functions determine which
//! part of the tail is an entry, and which part is torn.

use session_store_core::LogEntry;

/// The readable part of the tail. The rest of the tail is torn: a crash left only a part of an
/// entry. Torn bytes are not read and not counted. The next append moves them to a quarantine file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tail {
    /// No bytes.
    Clean,
    /// White space only, which is not an entry. The next append writes a newline first.
    Blank,
    /// A line that begins with a whole object: an entry, or a bad line if more text follows. The
    /// next append writes a newline first.
    Line,
}

impl Tail {
    /// Classifies bytes without a newline. Also returns the length of the readable part.
    ///
    /// After a crash, a file can have NULs in the place of lost data. No entry contains a NUL, so
    /// the bytes from the first NUL on are torn. An object before the NUL is readable, because it
    /// may be an acknowledged entry whose newline did not fit on the disk
    /// ([R5](session_store_core::contract#r5)).
    pub(crate) fn split(bytes: &[u8]) -> (Self, usize) {
        let nul = memchr::memchr(0, bytes);
        let text = &bytes[..nul.unwrap_or(bytes.len())];
        if begins_with_object(text) {
            (Self::Line, text.len())
        } else if nul.is_none() && !bytes.is_empty() && is_blank(bytes) {
            (Self::Blank, bytes.len())
        } else {
            (Self::Clean, 0)
        }
    }

    pub(crate) fn owes_newline(self) -> bool {
        matches!(self, Self::Blank | Self::Line)
    }
}

/// Returns whether a line contains only white space.
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

/// Returns whether the line begins with a whole object, after white space.
fn begins_with_object(line: &[u8]) -> bool {
    let start = line.iter().position(|byte| !is_space(byte)).unwrap_or(line.len());
    let object = &line[start..];
    object_len(object)
        .is_some_and(|len| str::from_utf8(&object[..len]).is_ok_and(LogEntry::is_valid))
}

/// Returns the offset after the brace that closes the first brace of the text. If the text begins
/// with an object, the object ends at this offset. Returns `None` if the text does not begin with a
/// brace, or if the brace is not closed.
pub(crate) fn object_len(text: &[u8]) -> Option<usize> {
    if !text.starts_with(b"{") {
        return None;
    }
    let (mut depth, mut is_string, mut is_escape) = (0_usize, false, false);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if is_escape => is_escape = false,
            b'\\' if is_string => is_escape = true,
            b'"' => is_string = !is_string,
            b'{' if !is_string => depth += 1,
            b'}' if !is_string => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TORN: (Tail, usize) = (Tail::Clean, 0);

    #[test]
    fn every_strict_prefix_of_an_object_is_torn() {
        let object = "{\"a\" : [1, -2.5e+10, true, null, \"é\\u00e9\\\\\\\"🦀}\", {}], \"b\":{\"c\":false}} ";
        let whole = object.trim_end().len();
        for cut in 1..whole {
            assert_eq!(Tail::split(&object.as_bytes()[..cut]), TORN, "cut at {cut}");
        }
        assert_eq!(Tail::split(&object.as_bytes()[..whole]), (Tail::Line, whole));
    }

    #[test]
    fn only_white_space_and_whole_objects_are_readable() {
        assert_eq!(Tail::split(b""), (Tail::Clean, 0));
        assert_eq!(Tail::split(b" \t\r"), (Tail::Blank, 3));
        for line in ["{}", "{} ", " {\"a\":1}", "{}{", "{\"a\":1}{\"b\":2}", "{}x"] {
            assert_eq!(Tail::split(line.as_bytes()), (Tail::Line, line.len()), "{line}");
        }
        for line in
            ["[1", "\"{", "tru", "1", "[]", "garbage", "{]", "{\"a\":01}", "{x}", "}{", "é{}"]
        {
            assert_eq!(Tail::split(line.as_bytes()), TORN, "{line}");
        }
        for line in [&b"\xe3"[..], b"{\"a\":\"\xff", b"{\"a\":\"\xff\"}"] {
            assert_eq!(Tail::split(line), TORN, "{line:?}");
        }
    }

    #[test]
    fn nuls_and_all_bytes_after_them_are_torn() {
        for line in [&b"\0"[..], b"\0\0\0", b" \0", b"{\"a\":\0\0", b"\0\0:1}", b"\0{}"] {
            assert_eq!(Tail::split(line), TORN, "{line:?}");
        }
        for line in [&b"{\"a\":1}\0\0"[..], b"{\"a\":1}\0{\"b\":2}"] {
            assert_eq!(Tail::split(line), (Tail::Line, 7), "{line:?}");
        }
    }
}
