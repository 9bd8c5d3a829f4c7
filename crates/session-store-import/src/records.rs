//! Reads a JSONL file as entries, with one line in memory at a time.
//!
//! An invalid line is an error. With `--salvage`, the whole JSON objects in the line become
//! entries, and the other bytes are skipped.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, BufRead};

use serde::{Deserialize, Serialize};
use session_store_core::{LogEntry, StoreError};

use crate::lines::{self, ReadLine, is_space};
use crate::pieces::{Piece, Reason, pieces};
use crate::text::plural;

/// Why a file cannot be read, or not to its end.
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
    /// The operating system reported an error.
    #[error("cannot read the file")]
    Io(#[from] io::Error),
}

/// A line that is not one record, and how it was salvaged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SalvagedLine {
    /// The number of the line, from 1.
    pub line: usize,
    /// How the line was salvaged.
    #[serde(flatten)]
    pub action: Action,
}

/// How a line was salvaged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "found", rename_all = "snake_case")]
pub enum Action {
    /// The line was split into several records.
    ///
    /// A record that is also on a neighboring line is stored twice and reported. Only the user can
    /// know whether the second copy is superfluous.
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
        /// Why the bytes are not a record.
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
    /// Whether the texts are equal. If not, the records have the same id: some agents rewrite a
    /// record when they resume.
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

/// Iterates over the entries of a file in order. The first error ends it.
pub struct Records<R> {
    input: R,
    salvage: bool,
    max_line: usize,
    line: usize,
    bytes: Vec<u8>,
    ready: VecDeque<LogEntry>,
    ended: bool,
    salvaged: Vec<SalvagedLine>,
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
            ready: VecDeque::new(),
            ended: false,
            salvaged: Vec::new(),
            neighbors: Neighbors::default(),
        }
    }

    /// Returns the lines that were salvaged.
    pub fn into_salvaged(self) -> Vec<SalvagedLine> {
        self.salvaged
    }

    /// Reads the next line. Returns `false` at the end of the file.
    fn read_line(&mut self) -> Result<bool, ReadError> {
        let (max, line) = (self.max_line, self.line + 1);
        match lines::read_line(&mut self.input, &mut self.bytes, max, !self.salvage)? {
            ReadLine::End => return Ok(false),
            ReadLine::Complete => {}
            ReadLine::NotAnObject => {
                return Err(ReadError::Line { line, reason: sample_error(&self.bytes) });
            }
            ReadLine::TooLong => return Err(ReadError::TooLong { line, max }),
        }
        self.line = line;
        self.bytes.pop_if(|last| *last == b'\n');
        if !self.bytes.iter().all(|byte| is_space(*byte)) {
            match entry(&self.bytes) {
                Ok(entry) => self.add(vec![entry]),
                Err(error) => self.split(&error)?,
            }
        }
        Ok(true)
    }

    /// Splits a line that is not one record, or returns the error of the line.
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
                    self.salvaged.push(SalvagedLine { line, action });
                }
            }
        }
        self.add(records);
        Ok(())
    }

    fn add(&mut self, records: Vec<LogEntry>) {
        if self.salvage {
            self.neighbors.add(self.line, &records, &mut self.salvaged);
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

/// The records that the next line is compared with, to find duplicates.
#[derive(Default)]
struct Neighbors {
    /// The last record before the current line, and its line.
    before: Option<(usize, LogEntry)>,
    /// The records of the last line if it was split, and its index in the salvaged lines.
    split: Option<(usize, Vec<LogEntry>)>,
}

impl Neighbors {
    /// Adds the records of a line. A line of several records becomes a salvaged line.
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

/// Parses a line as one entry. The line is copied, because an invalid line is still needed to be
/// split into records.
fn entry(line: &[u8]) -> Result<LogEntry, StoreError> {
    LogEntry::from_utf8(line.to_vec())
}

/// Returns why a line is invalid. The first two parts of the line decide the text.
fn line_error(line: &[u8], error: &StoreError) -> String {
    let first: Vec<_> = pieces(line).take(2).collect();
    match &first[..] {
        [Piece::Record(_)] | [] => lines::reason(error),
        [Piece::Junk(_, reason @ Reason::InvalidJson), ..] => {
            format!("{reason}: {}", lines::reason(error))
        }
        [Piece::Junk(range, reason), ..] => describe(range.len(), *reason),
        [Piece::Record(_), Piece::Record(_), ..] => "several records on one line".to_owned(),
        [Piece::Record(_), Piece::Junk(range, reason), ..] => {
            format!("a record followed by {}", describe(range.len(), *reason))
        }
    }
}

/// Returns why a line is invalid if only the beginning of the line was read.
fn sample_error(line: &[u8]) -> String {
    match pieces(line).next() {
        Some(Piece::Junk(_, Reason::ByteOrderMark)) => Reason::ByteOrderMark.to_string(),
        Some(Piece::Junk(range, reason)) if range.end == line.len() => {
            format!("{reason} (more than {} bytes)", range.len())
        }
        Some(Piece::Junk(range, reason)) => describe(range.len(), reason),
        _ => "text that does not begin with {".to_owned(),
    }
}

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
        let salvaged_lines = records.into_salvaged().iter().map(ToString::to_string).collect();
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
    #[case::array(b"{}\n[{}]\n", "line 2: text that is not a JSON object (4 bytes)", &["line 2: skipped text that is not a JSON object (4 bytes)"], 1)]
    #[case::byte_order_mark(b"\xEF\xBB\xBF{}\n", "line 1: a byte-order mark", &["line 1: skipped a byte-order mark"], 1)]
    #[case::incomplete_last_line(b"{}\n{\"a\":\"x", "line 2: an incomplete record (7 bytes)", &["line 2: skipped an incomplete record (7 bytes)"], 1)]
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
}
