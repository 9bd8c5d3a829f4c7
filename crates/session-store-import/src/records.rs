//! Reads a JSONL file as entries, usually with one line in memory at a time.
//!
//! An invalid line is an error. With `--salvage`, the whole JSON objects in the line become
//! entries, and the other bytes are skipped.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, BufRead};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use session_store_core::{LogEntry, StoreError};

use crate::lines::{self, ReadLine, is_space};
use crate::pieces::{BYTE_ORDER_MARK, Piece, Reason, pieces};
use crate::text::plural;

/// The reason why a file cannot be read, or cannot be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A symbolic link without a target.
    #[error("it is a dangling symbolic link")]
    Dangling,
    /// A pipe or a device.
    #[error("it is not a regular file")]
    NotRegular,
    /// A line that is not one record.
    #[error("line {line}: {reason}")]
    Line {
        /// The number of the line, from 1.
        line: usize,
        /// The reason why the line is not a record.
        reason: String,
    },
    /// A line that is longer than the limit.
    #[error("line {line}: {}", lines::too_long(*.max))]
    TooLong {
        /// The number of the line, from 1.
        line: usize,
        /// The limit, in bytes.
        max: usize,
    },
    /// A file that is not text in UTF-8.
    #[error("it is {0}")]
    Foreign(&'static str),
    /// A document that does not have the form of its format.
    #[error("{0}")]
    Document(String),
    /// A file from which nothing can be salvaged, because it does not contain a whole record.
    #[error("no part of it is a whole record")]
    Nothing,
    /// Compressed data that is damaged or incomplete.
    #[error("the {name} data is damaged or incomplete")]
    Compressed {
        /// The compression.
        name: &'static str,
        /// The error of the decompressor.
        #[source]
        error: io::Error,
    },
    /// The operating system reported an error.
    #[error("cannot read the file")]
    Io(#[from] io::Error),
}

/// The number of a line that is not one record, and the way in which the line was salvaged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SalvagedLine {
    /// The number of the line, from 1.
    pub line: usize,
    /// The way in which the line was salvaged.
    #[serde(flatten)]
    pub action: Action,
}

/// The way in which a line was salvaged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "found", rename_all = "snake_case")]
pub enum Action {
    /// The line was split into several records.
    ///
    /// If a neighboring line contains the same record, the record is stored twice, and the report
    /// names both lines. Only the user can know whether the second copy is superfluous.
    #[serde(rename = "welded")]
    Split {
        /// The number of records.
        records: usize,
        /// The records that are also on a neighboring line.
        #[serde(rename = "twins")]
        duplicates: Vec<Duplicate>,
    },
    /// Bytes that are not part of a whole record were skipped.
    #[serde(rename = "left_out")]
    Skipped {
        /// The number of bytes.
        bytes: usize,
        /// The reason why the bytes are not a record.
        reason: Reason,
    },
}

/// A record of a split line that is also on a neighboring line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Duplicate {
    /// The number of the record in the split line, from 1.
    pub record: usize,
    /// The neighboring line.
    pub line: usize,
    /// Whether the texts of both records are equal. If false, only the ids of the records are
    /// equal. Some agents write a record again with another text when they resume a session.
    pub identical: bool,
}

impl fmt::Display for SalvagedLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        match &self.action {
            Action::Skipped { bytes, reason } => {
                write!(f, "skipped {}", describe(*bytes, *reason))
            }
            Action::Split { records, duplicates } => {
                write!(f, "split into {records} records")?;
                duplicates.iter().try_for_each(|Duplicate { record, line, identical }| {
                    let how = if *identical { "" } else { " with another text" };
                    write!(f, "; record {record} is also on line {line}{how}")
                })
            }
        }
    }
}

/// The oddities of a file that could be read nevertheless.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Oddities {
    /// Whether a byte-order mark at the beginning was dropped.
    pub byte_order_mark: bool,
    /// The number of records that extend over several lines.
    pub several_lines: usize,
    /// The size of the last line in bytes, if this line is not finished yet. All earlier lines were
    /// read.
    pub unfinished: Option<usize>,
    /// The lines that were salvaged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub salvaged: Vec<SalvagedLine>,
}

/// Iterates over the entries of a file in order. The iterator ends after the first error.
///
/// The last line can be the beginning of an object without a line break at its end. Such a line is
/// not an error, because the writer of the file may be about to complete it.
#[derive(Debug)]
pub struct Records<R> {
    input: R,
    salvage: bool,
    max_line: usize,
    line: usize,
    bytes: Vec<u8>,
    /// Lines that were already read to find the rest of an incomplete record, but do not complete
    /// it. These lines are not joined to each other again, so that each line is parsed at most
    /// twice.
    pending: VecDeque<Vec<u8>>,
    ready: VecDeque<LogEntry>,
    ended: bool,
    oddities: Oddities,
    neighbors: Neighbors,
}

impl<R: BufRead> Records<R> {
    /// Creates a reader of records on lines of up to `max_line` bytes.
    pub fn new(input: R, salvage: bool, max_line: usize) -> Self {
        Self {
            input,
            salvage,
            max_line,
            line: 0,
            bytes: Vec::new(),
            pending: VecDeque::new(),
            ready: VecDeque::new(),
            ended: false,
            oddities: Oddities::default(),
            neighbors: Neighbors::default(),
        }
    }

    /// Returns the oddities that were found.
    pub fn into_oddities(self) -> Oddities {
        self.oddities
    }

    /// Reads the next line. Returns `false` at the end of the file.
    fn read_line(&mut self) -> Result<bool, ReadError> {
        let (max, line) = (self.max_line, self.line + 1);
        if let Some(bytes) = self.pending.pop_front() {
            self.bytes = bytes;
        } else {
            match lines::read_line(&mut self.input, &mut self.bytes, max, !self.salvage)? {
                ReadLine::End => return Ok(false),
                ReadLine::Complete => {}
                ReadLine::NotAnObject => {
                    return Err(ReadError::Line { line, reason: sample_error(&self.bytes) });
                }
                ReadLine::TooLong => return Err(ReadError::TooLong { line, max }),
            }
        }
        self.line = line;
        let is_terminated = self.bytes.pop_if(|last| *last == b'\n').is_some();
        if line == 1 && self.bytes.starts_with(BYTE_ORDER_MARK) {
            self.bytes.drain(..BYTE_ORDER_MARK.len());
            self.oddities.byte_order_mark = true;
        }
        if self.bytes.iter().all(|byte| is_space(*byte)) {
            return Ok(true);
        }
        match entry(&self.bytes) {
            Ok(entry) => self.add(vec![entry]),
            Err(_) if !is_terminated && is_unfinished(&self.bytes) => {
                self.oddities.unfinished = Some(self.bytes.len());
            }
            Err(error) => {
                let is_next = self.pending.is_empty();
                let may_continue = is_terminated && is_next && is_unfinished(&self.bytes);
                if !may_continue || !self.join_lines()? {
                    self.split(&error)?;
                }
            }
        }
        Ok(true)
    }

    /// Reads further lines until they complete the record that begins in the current line. If the
    /// record is never completed, returns `false` and adds the lines that were read to `pending`.
    /// Returns `true` if the file ends in a record that its writer has not finished yet.
    ///
    /// The search ends at a line that begins like another record. In this case the current line is
    /// broken, and must not be joined to the undamaged records after it.
    fn join_lines(&mut self) -> Result<bool, ReadError> {
        let mut joined = self.bytes.clone();
        let mut nesting = Nesting::default();
        nesting.read(&joined);
        while nesting.is_open() && joined.len() <= self.max_line {
            let mut line = Vec::new();
            let max = self.max_line;
            match lines::read_line(&mut self.input, &mut line, max, false)? {
                ReadLine::End => return Ok(self.is_still_written(&joined)),
                ReadLine::TooLong => {
                    let line = self.line + self.pending.len() + 1;
                    return Err(ReadError::TooLong { line, max });
                }
                ReadLine::Complete | ReadLine::NotAnObject => {}
            }
            let begins_a_record = line.starts_with(b"{\"");
            nesting.read(&line);
            joined.push(b'\n');
            joined.extend_from_slice(line.strip_suffix(b"\n").unwrap_or(&line));
            self.pending.push_back(line);
            if begins_a_record {
                return Ok(false);
            }
        }
        let Ok(entry) = entry(&joined) else { return Ok(false) };
        self.line += self.pending.len();
        self.pending.clear();
        self.oddities.several_lines += 1;
        self.add(vec![entry]);
        Ok(true)
    }

    /// Returns whether `joined`, the lines up to the end of the file, is the beginning of a record
    /// that its writer has not finished yet.
    fn is_still_written(&mut self, joined: &[u8]) -> bool {
        let is_open = self.pending.back().is_some_and(|line| !line.ends_with(b"\n"));
        let is_unfinished = is_open && is_unfinished(joined);
        if is_unfinished {
            self.oddities.unfinished = Some(joined.len());
            self.pending.clear();
        }
        is_unfinished
    }

    /// Handles a line that is not one record. With `salvage`, splits the line. Otherwise returns
    /// the error of the line.
    fn split(&mut self, error: &StoreError) -> Result<(), ReadError> {
        let line = self.line;
        if !self.salvage {
            return Err(ReadError::Line { line, reason: line_error(&self.bytes, error) });
        }
        let mut records = Vec::new();
        for piece in pieces(&self.bytes) {
            match piece {
                Piece::Record(range) => records.push(
                    entry(&self.bytes[range])
                        .map_err(|error| ReadError::Line { line, reason: lines::reason(&error) })?,
                ),
                Piece::Junk(range, reason) => {
                    let action = Action::Skipped { bytes: range.len(), reason };
                    self.oddities.salvaged.push(SalvagedLine { line, action });
                }
            }
        }
        self.add(records);
        Ok(())
    }

    fn add(&mut self, records: Vec<LogEntry>) {
        if self.salvage {
            self.neighbors.add(self.line, &records, &mut self.oddities.salvaged);
        }
        self.ready.extend(records);
    }
}

impl<R: BufRead> Iterator for Records<R> {
    type Item = Result<LogEntry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() && !self.ended {
            match self.read_line() {
                Ok(more) => self.ended = !more,
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
        self.ready.pop_front().map(Ok)
    }
}

/// The nesting of brackets at a place in a JSON text.
#[derive(Default)]
struct Nesting {
    depth: usize,
    in_string: bool,
    /// Whether the text is broken, so that no further line can complete it.
    is_broken: bool,
}

impl Nesting {
    /// Reads one line of the text. A string cannot contain a line break, so a string that is open
    /// at the end of the line is broken.
    fn read(&mut self, line: &[u8]) {
        let mut is_escaped = false;
        for byte in line {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' if self.in_string => is_escaped = true,
                b'"' => self.in_string = !self.in_string,
                b'{' | b'[' if !self.in_string => self.depth += 1,
                b'}' | b']' if !self.in_string => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
        self.is_broken |= self.in_string;
    }

    const fn is_open(&self) -> bool {
        self.depth > 0 && !self.is_broken
    }
}

/// Returns whether the text is the beginning of an object, and can become a whole object.
fn is_unfinished(text: &[u8]) -> bool {
    let text = match std::str::from_utf8(text) {
        Ok(text) => text,
        // The text can end in the middle of a character that has several bytes.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&text[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    text.trim_start_matches(|c: char| c.is_ascii() && is_space(c as u8)).starts_with('{')
        && serde_json::from_str::<&RawValue>(text).is_err_and(|error| error.is_eof())
}

/// The records with which the next line is compared to find duplicates.
#[derive(Debug, Default)]
struct Neighbors {
    /// The last record before the current line, and the number of its line.
    before: Option<(usize, LogEntry)>,
    /// If the last line was split: the index of this line in the list of salvaged lines, and the
    /// records of the line.
    split: Option<(usize, Vec<LogEntry>)>,
}

impl Neighbors {
    /// Adds the records of a line. A line with several records is added to the salvaged lines.
    fn add(&mut self, line: usize, records: &[LogEntry], salvaged: &mut Vec<SalvagedLine>) {
        let Some(first) = records.first() else { return };
        if let Some((at, split)) = self.split.take() {
            add_duplicates(&mut salvaged[at], &split, first, line);
        }
        if records.len() > 1 {
            let action = Action::Split { records: records.len(), duplicates: Vec::new() };
            let mut split = SalvagedLine { line, action };
            if let Some((line_before, before)) = &self.before {
                add_duplicates(&mut split, records, before, *line_before);
            }
            self.split = Some((salvaged.len(), records.to_vec()));
            salvaged.push(split);
        }
        self.before = records.last().map(|last| (line, last.clone()));
    }
}

fn add_duplicates(
    split: &mut SalvagedLine,
    records: &[LogEntry],
    neighbor: &LogEntry,
    line: usize,
) {
    if let Action::Split { duplicates, .. } = &mut split.action {
        let id = id_of(neighbor);
        let compare = |entry: &LogEntry| {
            let identical = entry == neighbor;
            (identical || id.is_some() && id_of(entry) == id).then_some(identical)
        };
        let found = records.iter().zip(1..).filter_map(|(entry, record)| {
            Some(Duplicate { record, line, identical: compare(entry)? })
        });
        duplicates.extend(found);
    }
}

/// Returns the id that an agent gave to a record.
fn id_of(entry: &LogEntry) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        #[serde(alias = "id")]
        uuid: String,
    }
    entry.decode().ok().map(|Named { uuid }| uuid)
}

/// Parses a line as one entry. The line is copied, because the caller needs the line again if the
/// line is invalid, to split it into records.
fn entry(line: &[u8]) -> Result<LogEntry, StoreError> {
    LogEntry::from_utf8(line.to_vec())
}

/// Returns the reason why a line is invalid. The first two parts of the line determine the reason.
fn line_error(line: &[u8], error: &StoreError) -> String {
    let first: Vec<_> = pieces(line).take(2).collect();
    match &first[..] {
        [Piece::Record(_)] | [] => lines::reason(error),
        [Piece::Junk(_, reason @ Reason::InvalidJson), ..] => {
            format!("{reason}: {}", lines::reason(error))
        }
        [Piece::Junk(range, Reason::NoObject), ..] if line[range.start] == b'[' => ARRAY.to_owned(),
        [Piece::Junk(range, reason), ..] => describe(range.len(), *reason),
        [Piece::Record(_), Piece::Record(_), ..] => "several records on one line".to_owned(),
        [Piece::Record(_), Piece::Junk(range, reason), ..] => {
            format!("a record followed by {}", describe(range.len(), *reason))
        }
    }
}

/// Returns the reason why a line is invalid, if only the beginning of the line was read.
fn sample_error(line: &[u8]) -> String {
    match pieces(line).next() {
        Some(Piece::Junk(range, Reason::NoObject)) if line[range.start] == b'[' => ARRAY.to_owned(),
        Some(Piece::Junk(_, Reason::ByteOrderMark)) => Reason::ByteOrderMark.to_string(),
        Some(Piece::Junk(range, reason)) if range.end == line.len() => {
            format!("{reason} (more than {} bytes)", range.len())
        }
        Some(Piece::Junk(range, reason)) => describe(range.len(), reason),
        _ => "text that does not begin with {".to_owned(),
    }
}

/// The reason why an array is not a record.
const ARRAY: &str = "a JSON array; make a line of each element with: jq -c '.[]'";

fn describe(bytes: usize, reason: Reason) -> String {
    match reason {
        Reason::ByteOrderMark => reason.to_string(),
        Reason::Nuls => plural(bytes, "NUL byte", "NUL bytes"),
        _ => format!("{reason} ({})", plural(bytes, "byte", "bytes")),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn texts(input: &[u8], salvage: bool) -> (Vec<String>, Option<String>, Vec<String>) {
        let mut records = Records::new(input, salvage, usize::MAX / 2);
        let (mut texts, mut error) = (Vec::new(), None);
        for record in records.by_ref() {
            match record {
                Ok(record) => texts.push(record.as_json().to_owned()),
                Err(line_error) => error = Some(line_error.to_string()),
            }
        }
        let salvaged_lines =
            records.into_oddities().salvaged.iter().map(ToString::to_string).collect();
        (texts, error, salvaged_lines)
    }

    #[rstest]
    #[case::empty(b"", &[])]
    #[case::blank_lines(b"\n \r\n{}\n\n", &["{}"])]
    #[case::no_final_newline(b"{\"a\":1}\n{\"b\":2}", &["{\"a\":1}", "{\"b\":2}"])]
    #[case::carriage_returns(b"{\"a\":1}\r\n{\"b\":2}\r\n", &["{\"a\":1}", "{\"b\":2}"])]
    #[case::kept_byte_for_byte(b" {\"a\": 1.0,\"a\":\"\\ud800\"} \n", &["{\"a\": 1.0,\"a\":\"\\ud800\"}"])]
    fn valid_files_are_read_line_by_line(#[case] input: &[u8], #[case] expected: &[&str]) {
        for salvage in [false, true] {
            let (texts, error, salvaged_lines) = texts(input, salvage);
            assert_eq!(
                (texts.iter().map(String::as_str).collect::<Vec<_>>(), error),
                (expected.to_vec(), None)
            );
            assert!(salvaged_lines.is_empty());
        }
    }

    #[rstest]
    #[case::several_records(b"{}\n{}{}\n", "line 2: several records on one line", &["line 2: split into 2 records; record 1 is also on line 1; record 2 is also on line 1"], 3)]
    #[case::duplicate_after(b"{\"a\":1}{\"b\":1}\n\n{\"a\":1}\n", "line 1: several records on one line", &["line 1: split into 2 records; record 1 is also on line 3"], 3)]
    #[case::duplicate_by_id(b"{\"uuid\":\"x\",\"v\":1}{}\n{\"uuid\":\"x\",\"v\":2}\n", "line 1: several records on one line", &["line 1: split into 2 records; record 1 is also on line 2 with another text"], 3)]
    #[case::wrong_syntax(b"{\"a\":nope}\n{}\n", "line 1: invalid JSON: expected ident at column 7", &["line 1: skipped invalid JSON (10 bytes)"], 1)]
    #[case::comment(b"// x\n{}\n", "line 1: text that is not a JSON object (4 bytes)", &["line 1: skipped text that is not a JSON object (4 bytes)"], 1)]
    #[case::array(b"{}\n[{}]\n", "line 2: a JSON array; make a line of each element with: jq -c '.[]'", &["line 2: skipped text that is not a JSON object (4 bytes)"], 1)]
    #[case::incomplete_line(b"{}\n{\"a\":\"x\n", "line 2: an incomplete record (7 bytes)", &["line 2: skipped an incomplete record (7 bytes)"], 1)]
    #[case::braces_in_an_incomplete_string(b"{\"t\":\"{} {\n{}\n", "line 1: an incomplete record (10 bytes)", &["line 1: skipped an incomplete record (10 bytes)"], 1)]
    #[case::nuls(b"{}\n\0\0\0{}\n", "line 2: 3 NUL bytes", &["line 2: skipped 3 NUL bytes"], 2)]
    #[case::nuls_after(b"{}\0\0\0\n", "line 1: a record followed by 3 NUL bytes", &["line 1: skipped 3 NUL bytes"], 1)]
    #[case::invalid_utf8(b"{\"a\":\"\xFF\"}\n{}\n", "line 1: invalid UTF-8 (9 bytes)", &["line 1: skipped invalid UTF-8 (9 bytes)"], 1)]
    #[case::broken_string(b"{\"a\":\"x\ny\"}\n{}\n", "line 1: an incomplete record (7 bytes)", &["line 1: skipped an incomplete record (7 bytes)", "line 2: skipped text that is not a JSON object (3 bytes)"], 1)]
    fn an_invalid_line_is_an_error_or_salvaged(
        #[case] input: &[u8],
        #[case] expected_error: &str,
        #[case] found: &[&str],
        #[case] salvaged: usize,
    ) {
        let (_, error, _) = texts(input, false);
        assert_eq!(error.as_deref(), Some(expected_error));
        let (texts, error, salvaged_lines) = texts(input, true);
        assert_eq!((texts.len(), error), (salvaged, None), "{texts:?}");
        assert_eq!(salvaged_lines, found);
    }

    #[rstest]
    #[case::byte_order_mark(
        b"\xEF\xBB\xBF{}\n",
        1,
        Oddities { byte_order_mark: true, ..Oddities::default() }
    )]
    #[case::unfinished(
        b"{}\n{\"a\":\"x",
        1,
        Oddities { unfinished: Some(7), ..Oddities::default() }
    )]
    #[case::unfinished_character(
        b"{}\n{\"a\":\"\xE2\x82",
        1,
        Oddities { unfinished: Some(8), ..Oddities::default() }
    )]
    #[case::several_lines(
        b"{\n \"a\": [\n  1\n ]\n}\n{}\n",
        2,
        Oddities { several_lines: 1, ..Oddities::default() }
    )]
    #[case::unfinished_on_several_lines(
        b"{}\n{\n \"a\": 1",
        1,
        Oddities { unfinished: Some(9), ..Oddities::default() }
    )]
    fn an_oddity_is_noted_and_read(
        #[case] input: &[u8],
        #[case] entries: usize,
        #[case] expected: Oddities,
        #[values(false, true)] salvage: bool,
    ) {
        let mut records = Records::new(input, salvage, 1000);
        assert_eq!(records.by_ref().filter(Result::is_ok).count(), entries);
        assert_eq!(records.into_oddities(), expected);
    }

    /// The records after a broken line are not joined to the broken line.
    #[rstest]
    #[case::one(b"{\"a\":[\n{\"b\":1}\n]}\n", &[r#"{"b":1}"#])]
    #[case::two(b"{\"a\":[\n{\"b\":1}\n{\"c\":1}\n]}\n", &[r#"{"b":1}"#, r#"{"c":1}"#])]
    #[case::between_two_parts(b"{\"a\":\n{\n{\"b\":1}\n\"c\":2}\n", &[r#"{"b":1}"#])]
    fn a_broken_line_is_not_joined_to_records(#[case] input: &[u8], #[case] expected: &[&str]) {
        assert_eq!(texts(input, true).0, expected);
        let strict = texts(input, false).1.unwrap();
        assert!(strict.starts_with("line 1: an incomplete record"), "{strict}");
    }

    /// Each of these lines could be the beginning of a record. Without a limit, each line would be
    /// joined to all later lines, and the time would grow with the square of the number of lines.
    #[test]
    fn many_open_lines_are_read_once() {
        let input = b"{\n".repeat(200_000);
        let records = Records::new(&input[..], true, usize::MAX / 2);
        assert_eq!(records.count(), 0);
    }
}
