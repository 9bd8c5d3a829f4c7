//! Splits a line that is not one record into parts: the whole records in the line, and the other
//! bytes.
//!
//! The result depends only on the bytes of the line, so that two imports of a file give the same
//! entries.

use std::ops::Range;
use std::{fmt, iter};

use serde::Serialize;
use serde_json::value::RawValue;

use crate::lines::is_space;

/// The encoding of U+FEFF, which some editors write at the beginning of a file.
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// A part of a line. The parts of a line are in order, and two parts are separated by white space
/// at most.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// One whole JSON object.
    Record(Range<usize>),
    /// Bytes that do not belong to a whole record.
    Junk(Range<usize>, Reason),
}

/// The reason why a part of a line is not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A byte-order mark.
    ByteOrderMark,
    /// NUL bytes only.
    Nuls,
    /// The beginning of an object.
    Unfinished,
    /// Bytes that are not UTF-8.
    InvalidUtf8,
    /// Text that begins like an object and is not JSON.
    InvalidJson,
    /// Any other text.
    NoObject,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ByteOrderMark => "a byte-order mark",
            Self::Nuls => "NUL bytes",
            Self::Unfinished => "an incomplete record",
            Self::InvalidUtf8 => "invalid UTF-8",
            Self::InvalidJson => "invalid JSON",
            Self::NoObject => "text that is not a JSON object",
        })
    }
}

/// Splits a line into its parts. The iterator looks for a part only when the caller requests it.
///
/// Junk is text that does not belong to a record. A brace inside junk starts a record only under
/// three conditions:
/// - The object is whole.
/// - The object is followed by the end of the line, or by another record.
/// - The object is not nested in a broken record.
///
/// After a broken object, the search continues at the place where the parser failed, and not
/// directly after the opening brace of the object. So each byte is parsed only a few times, even if
/// braces are nested deeply.
pub(crate) fn pieces(line: &[u8]) -> impl Iterator<Item = Piece> {
    let mut at = skip_space(line, 0);
    iter::from_fn(move || {
        (at < line.len()).then(|| {
            let (piece, end) = piece_at(line, at);
            at = skip_space(line, end);
            piece
        })
    })
}

fn piece_at(line: &[u8], at: usize) -> (Piece, usize) {
    let end = match object_at(line, at) {
        Ok(end) => return (Piece::Record(at..end), end),
        Err(_) if line[at..].starts_with(BYTE_ORDER_MARK) => at + BYTE_ORDER_MARK.len(),
        Err(_) if line[at] == 0 => at + line[at..].iter().take_while(|byte| **byte == 0).count(),
        Err(Some(error)) => next_record(line, after_broken(line, at, &error), |_| true),
        // Text that does not begin with a brace can be the end of a broken record. So another
        // record can begin in this text only after a closing brace. An object after other text, as
        // in `// {}`, is not a record but a part of the text.
        Err(None) => {
            next_record(line, at + 1, |start| line[..start].trim_ascii_end().ends_with(b"}"))
        }
    };
    let spaces = line[at..end].iter().rev().take_while(|byte| is_space(**byte)).count();
    let junk = at..end - spaces;
    let reason = reason_of(&line[junk.clone()]);
    (Piece::Junk(junk, reason), end)
}

/// Returns the end of the whole object that begins at `at`. If the object is broken, returns the
/// error of the parser. If there is no brace at `at`, the error is `None`.
fn object_at(line: &[u8], at: usize) -> Result<usize, Option<serde_json::Error>> {
    let text = &line[at..];
    if !text.starts_with(b"{") {
        return Err(None);
    }
    let mut objects = serde_json::Deserializer::from_slice(text).into_iter::<&RawValue>();
    match objects.next() {
        Some(Ok(_)) => Ok(at + objects.byte_offset()),
        Some(Err(error)) => Err(Some(error)),
        None => Err(None),
    }
}

/// Returns the position at which the search for the next record continues after the broken object
/// at `at`.
fn after_broken(line: &[u8], at: usize, error: &serde_json::Error) -> usize {
    if error.is_eof() {
        restart(line, at).unwrap_or(line.len())
    } else {
        concatenation(line, at, error)
    }
}

/// Returns the position at which the record at `at` begins a second time. The second copy must be a
/// whole record that extends to the end of the line.
///
/// A line has this form if its writer first wrote only a part of a record, and then wrote the whole
/// record. The text from `at` to the returned position is a prefix of the whole record.
fn restart(line: &[u8], at: usize) -> Option<usize> {
    // The maximum number of positions to try. If a line has more of them, they come from nested
    // objects, and not from a repeated record.
    const CANDIDATES: usize = 16;
    let braces = (at + 1..line.len()).filter(|&start| line[start] == b'{');
    let repeats = braces.filter(|&start| line[start..].starts_with(&line[at..start]));
    let ends_the_line = |end| skip_space(line, end) == line.len();
    repeats.take(CANDIDATES).find(|&start| object_at(line, start).is_ok_and(ends_the_line))
}

/// Returns the position at which a new record can begin. The new record was appended directly after
/// the broken record at `at`.
///
/// Usually the parser fails at the opening brace of the new record. If the broken record ends
/// inside a string or an escape, the parser fails a few bytes after this brace.
fn concatenation(line: &[u8], at: usize, error: &serde_json::Error) -> usize {
    const REACH: usize = 4;
    let failed = (at + error.column()).saturating_sub(1).clamp(at + 1, line.len());
    let near = (at + 1).max(failed.saturating_sub(REACH));
    let brace = line[near..failed].iter().rposition(|byte| *byte == b'{');
    brace.map_or(failed, |offset| near + offset)
}

/// Returns the first position, not before `from`, at which a record or a sequence of NULs begins.
/// Returns the end of the line if there is no such position.
fn next_record(line: &[u8], from: usize, may_begin: impl Fn(usize) -> bool) -> usize {
    let mut at = from;
    while at < line.len() {
        at = match line[at] {
            0 => return at,
            b'{' => match object_at(line, at) {
                Ok(end) if is_followed_by_record(line, end) && may_begin(at) => return at,
                // This object is not a record, so the objects nested in it are not records either.
                // Skip the whole object.
                Ok(end) => end,
                Err(Some(error)) => after_broken(line, at, &error),
                Err(None) => at + 1,
            },
            _ => at + 1,
        }
    }
    line.len()
}

/// Returns whether the end of the line, a brace, a NUL or a byte-order mark follows.
fn is_followed_by_record(line: &[u8], end: usize) -> bool {
    let rest = &line[skip_space(line, end)..];
    matches!(rest.first(), None | Some(b'{' | 0)) || rest.starts_with(BYTE_ORDER_MARK)
}

fn reason_of(junk: &[u8]) -> Reason {
    if junk == BYTE_ORDER_MARK {
        return Reason::ByteOrderMark;
    }
    if junk.iter().all(|byte| *byte == 0) {
        return Reason::Nuls;
    }
    if std::str::from_utf8(junk).is_err() {
        return Reason::InvalidUtf8;
    }
    match object_at(junk, 0) {
        Err(Some(error)) if error.is_eof() => Reason::Unfinished,
        Err(Some(_)) => Reason::InvalidJson,
        _ => Reason::NoObject,
    }
}

fn skip_space(line: &[u8], at: usize) -> usize {
    at + line[at..].iter().take_while(|byte| is_space(**byte)).count()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Returns the parts of a line: a record as its text, junk as its length and reason.
    fn found(line: &[u8]) -> Vec<String> {
        let short = |piece| match piece {
            Piece::Record(range) => String::from_utf8_lossy(&line[range]).into_owned(),
            Piece::Junk(range, reason) => format!("{} {reason}", range.len()),
        };
        pieces(line).map(short).collect()
    }

    #[rstest]
    #[case::blank(b" \t\r", &[])]
    #[case::one(br#" {"a":1} "#, &[r#"{"a":1}"#])]
    #[case::two_records(br#"{"a":1}{"b":{"c":2}}"#, &[r#"{"a":1}"#, r#"{"b":{"c":2}}"#])]
    #[case::three_with_space(b"{} {}\t{}\r", &["{}", "{}", "{}"])]
    #[case::byte_order_mark(b"\xEF\xBB\xBF{}", &["3 a byte-order mark", "{}"])]
    #[case::byte_order_mark_between(b"{}\xEF\xBB\xBF{}", &["{}", "3 a byte-order mark", "{}"])]
    #[case::nuls_before(b"\0\0\0{}", &["3 NUL bytes", "{}"])]
    #[case::nuls_after_an_incomplete_record(b"{\"a\":\"b\0\0{\"c\":1}", &["7 an incomplete record", "2 NUL bytes", r#"{"c":1}"#])]
    #[case::nuls_alone(b"\0\0\r", &["2 NUL bytes"])]
    #[case::comment(b"// Source: {\"a\":1}", &["18 text that is not a JSON object"])]
    #[case::array(br#"[{"a":1},{"b":2}]"#, &["17 text that is not a JSON object"])]
    #[case::form_feed(b"{}\x0c", &["{}", "1 text that is not a JSON object"])]
    #[case::scalar(b"42", &["2 text that is not a JSON object"])]
    #[case::trailing(br#"{"a":1},"#, &[r#"{"a":1}"#, "1 text that is not a JSON object"])]
    #[case::incomplete(br#"{"a":{"b":1},"c"#, &["15 an incomplete record"])]
    #[case::incomplete_after_nested(br#"{"a":{"b":1}"#, &["12 an incomplete record"])]
    #[case::end_of_a_record(br#"rest","b":{"c":2}}"#, &["18 text that is not a JSON object"])]
    #[case::end_of_a_record_and_a_record(br#"rest"}{"b":1}"#, &["6 text that is not a JSON object", r#"{"b":1}"#])]
    #[case::appended_in_a_key(br#"{"a":{"b":1},"te{"c":3}"#, &["16 an incomplete record", r#"{"c":3}"#])]
    #[case::appended_in_a_string(br#"{"a":{"b":1},"t":"x{y{"c":3}"#, &["21 an incomplete record", r#"{"c":3}"#])]
    #[case::appended_in_an_escape(br#"{"a":"x\{"c":3}"#, &["8 an incomplete record", r#"{"c":3}"#])]
    #[case::appended_in_a_number(br#"{"a":12{"c":3}"#, &["7 an incomplete record", r#"{"c":3}"#])]
    #[case::appended_after_a_comma(br#"{"a":1,{"c":3}"#, &["7 an incomplete record", r#"{"c":3}"#])]
    #[case::appended_after_nested(br#"{"a":[{"b":2}{"c":3}"#, &["13 an incomplete record", r#"{"c":3}"#])]
    #[case::appended_twice(br#"{"a":"x{"b":{"k":1},"t":"y{"c":3}"#, &["26 invalid JSON", r#"{"c":3}"#])]
    #[case::repeated_in_a_key(br#"{"a":1,"te{"a":1,"text":2}"#, &["10 an incomplete record", r#"{"a":1,"text":2}"#])]
    #[case::repeated_after_a_colon(br#"{"a":{"a":{"b":1}}"#, &["5 an incomplete record", r#"{"a":{"b":1}}"#])]
    #[case::cut_character(b"{\"a\":\"caf\xC3{\"b\":1}", &["10 invalid UTF-8", r#"{"b":1}"#])]
    #[case::invalid_utf8_in_a_whole_record(b"{\"a\":\"\xFF\"}{\"b\":1}", &["9 invalid UTF-8", r#"{"b":1}"#])]
    #[case::incomplete_in_a_broken_record(br#"{"a":"x{"b":{"k":1}"#, &["19 invalid JSON"])]
    #[case::broken_in_a_broken_record(br#"{"a":1,{"b":[{"k":1}{"c":3}"#, &["20 invalid JSON", r#"{"c":3}"#])]
    #[case::repeated_after_junk(br#"{"z":x{"a":{"a":{"b":1}}"#, &["11 invalid JSON", r#"{"a":{"b":1}}"#])]
    #[case::wrong_syntax(br#"{"a":nope,"b":{"c":1}}"#, &["22 invalid JSON"])]
    fn a_line_is_split_into_records_and_junk(#[case] line: &[u8], #[case] expected: &[&str]) {
        assert_eq!(found(line), expected);
    }

    /// A search that starts the parser at every brace would take an hour for each of these lines.
    /// Each parse would read up to the place of the fault.
    #[rstest]
    #[case::incomplete(b"", "an incomplete record")]
    #[case::incomplete_after_junk(b"x", "text that is not a JSON object")]
    #[case::incomplete_after_a_broken_record(b"{\"a\":x", "invalid JSON")]
    fn deep_nesting_is_parsed_once(
        #[case] before: &[u8],
        #[case] reason: &str,
        #[values("", "x", "\"\u{1}")] after: &str,
    ) {
        let line = [before, &br#"{"a":"#.repeat(200_000), after.as_bytes()].concat();
        let reason = if before.is_empty() && !after.is_empty() { "invalid JSON" } else { reason };
        assert_eq!(found(&line), [format!("{} {reason}", line.len())]);
    }

    #[test]
    fn deep_nesting_around_invalid_utf8_is_parsed_once() {
        let nested =
            [&br#"{"a":"#.repeat(200_000)[..], b"\"\xFF\"", &b"}".repeat(200_000)].concat();
        let line = [b"x", &nested[..], b"{}"].concat();
        assert_eq!(found(&line), [&*format!("{} invalid UTF-8", line.len() - 2), "{}"]);
    }

    /// A record is truncated at each possible place. The record that follows is always found, and
    /// no part of the truncated record is kept.
    #[test]
    fn a_record_after_any_prefix_of_another_is_found() {
        let record =
            br#"{"type":"m","n":[1.5e3,{"k":null}],"t":"a\u00e9\"b {c} \\","o":{"p":true}}"#;
        let next = br#"{"type":"next","x":{"y":[]}}"#;
        for cut in 1..record.len() {
            let line = [&record[..cut], next].concat();
            let found: Vec<_> = pieces(&line).collect();
            let expected = Piece::Record(cut..line.len());
            let nested = matches!(found[..], [Piece::Junk(_, Reason::Unfinished)]);
            let takes_a_value = matches!(record[cut - 1], b':' | b'[' | b',');
            assert!(
                found.last() == Some(&expected) && found.len() == 2 || nested && takes_a_value,
                "cut at {cut}: {found:?}"
            );
        }
    }

    #[test]
    fn a_record_after_any_prefix_of_itself_is_found() {
        let record =
            br#"{"type":"m","n":[1.5e3,{"k":null}],"t":"a\u00e9\"b {c} \\","o":{"p":true}}"#;
        for cut in 1..record.len() {
            let line = [&record[..cut], record].concat();
            let found: Vec<_> = pieces(&line).collect();
            assert_eq!(found.last(), Some(&Piece::Record(cut..line.len())), "cut at {cut}");
            assert_eq!(found.len(), 2, "cut at {cut}: {found:?}");
        }
    }
}
