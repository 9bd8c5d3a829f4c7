//! Reads lines of JSONL with a limit for their length, and describes lines that are not entries.

use std::io::{self, BufRead, Read};

use session_store_core::StoreError;

/// The number of bytes that [`read_line`] reads at most of a line that must be an object but does
/// not begin with `{`.
///
/// A line up to this length is read completely, so that the parser can report the fault in the
/// line.
pub const SAMPLE: usize = 64 * 1024;

/// The result of reading a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadLine {
    /// There is no further line.
    End,
    /// The line was read completely.
    Complete,
    /// At most the first [`SAMPLE`] bytes were read, because the line does not begin with `{`.
    NotAnObject,
    /// Only the first bytes were read, because the line is longer than the limit.
    TooLong,
}

/// Reads the next line into `line`, with its line break. Reads at most `max` bytes.
///
/// A longer line is read only in part. With `is_object_required`, at most [`SAMPLE`] bytes are read
/// of a line that does not begin with `{`. The two limits are needed because one line could fill
/// the memory. For example, a small compressed file can contain a very long line, and the device
/// `/dev/zero` has a line without an end.
pub fn read_line(
    reader: &mut impl BufRead,
    line: &mut Vec<u8>,
    max: usize,
    is_object_required: bool,
) -> io::Result<ReadLine> {
    line.clear();
    // Without any byte, a line could not be distinguished from the end.
    let sample = max.clamp(1, SAMPLE);
    reader.by_ref().take(sample as u64).read_until(b'\n', line)?;
    if line.is_empty() {
        return Ok(ReadLine::End);
    }
    if line.len() < sample || line.ends_with(b"\n") {
        return Ok(ReadLine::Complete);
    }
    let first = line.iter().find(|byte| !is_space(**byte));
    if is_object_required && first.is_some_and(|first| *first != b'{') {
        return Ok(ReadLine::NotAnObject);
    }
    // Read one byte more than `max`, to find out whether the line ends after `max` bytes.
    let rest = max.saturating_sub(sample) + 1;
    reader.by_ref().take(rest as u64).read_until(b'\n', line)?;
    let is_too_long = line.len() > max && !line.ends_with(b"\n");
    Ok(if is_too_long { ReadLine::TooLong } else { ReadLine::Complete })
}

/// Describes a line that is longer than the limit.
pub fn too_long(max: usize) -> String {
    format!("the line has more than {max} bytes; raise the limit with --max-line")
}

/// Returns whether JSON treats the byte as white space. A form feed is not white space in JSON.
pub const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Returns the reason why a line is not an entry.
///
/// The line number that `serde_json` reports is removed. That number is always 1, because each line
/// is parsed alone. It would contradict the number of the line in the file.
pub fn reason(error: &StoreError) -> String {
    let StoreError::Serde(error) = error else { return error.to_string() };
    let text = error.to_string();
    match text.strip_suffix(&format!(" at line {} column {}", error.line(), error.column())) {
        Some(reason) => format!("{reason} at column {}", error.column()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    #[test]
    fn a_line_that_is_not_an_object_is_not_read_to_its_end() {
        let endless = || BufReader::new(io::repeat(b'['));
        let mut line = Vec::new();
        let read = read_line(&mut endless(), &mut line, usize::MAX / 2, true).unwrap();
        assert_eq!((read, line.len()), (ReadLine::NotAnObject, SAMPLE));
        let read = read_line(&mut endless(), &mut line, 100_000, false).unwrap();
        assert_eq!((read, line.len()), (ReadLine::TooLong, 100_001));
    }
}
