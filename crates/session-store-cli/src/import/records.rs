//! Reading a JSONL file as entries, a line in memory at a time: strictly, or salvaging what is whole.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, BufRead};

use serde::{Deserialize, Serialize};
use session_store::{LogEntry, StoreError};

use crate::import::pieces::{Piece, Reason, is_space, pieces};
use crate::input;

/// Why a file is not read, or not read on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("it is a link to nothing")]
    Dangling,
    #[error("it is not a regular file")]
    NotRegular,
    #[error("line {line}: {reason}")]
    Line { line: usize, reason: String },
    #[error("cannot read it")]
    Io(#[from] io::Error),
}

/// What salvaging did with one line that is not one record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) line: usize,
    #[serde(flatten)]
    pub(crate) what: What,
}

/// What was found in a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "found", rename_all = "snake_case")]
pub(crate) enum What {
    /// Several records, all taken. A twin stands on the line before or after as well; whether that one makes
    /// it superfluous, only the log's reader can know, so both stay.
    Welded { records: usize, twins: Vec<Twin> },
    /// Bytes that belong to no whole record.
    LeftOut { bytes: usize, reason: Reason },
}

/// A record of a welded line that is on a neighbouring line as well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Twin {
    /// Which of the welded records, from 1.
    pub(crate) record: usize,
    /// The line of the other one.
    pub(crate) line: usize,
    /// Whether their texts are equal. Else they share their id: some agents write a record anew on resume.
    pub(crate) identical: bool,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        match &self.what {
            What::LeftOut { bytes, reason } => {
                write!(f, "left out: {}", described(*bytes, *reason))
            }
            What::Welded { records, twins } => {
                write!(f, "welded: {records} records, split")?;
                twins.iter().try_for_each(|Twin { record, line, identical }| {
                    let how = if *identical { "" } else { " with another text" };
                    write!(f, "; record {record} also stands on line {line}{how}")
                })
            }
        }
    }
}

/// The entries of a file, in order. Ends after the first error.
pub(crate) struct Records<R> {
    input: R,
    salvage: bool,
    line: usize,
    bytes: Vec<u8>,
    ready: VecDeque<LogEntry>,
    ended: bool,
    findings: Vec<Finding>,
    neighbours: Neighbours,
}

impl<R: BufRead> Records<R> {
    pub(crate) fn new(input: R, salvage: bool) -> Self {
        Self {
            input,
            salvage,
            line: 0,
            bytes: Vec::new(),
            ready: VecDeque::new(),
            ended: false,
            findings: Vec::new(),
            neighbours: Neighbours::default(),
        }
    }

    /// What salvaging has found so far.
    pub(crate) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }

    /// Reads the next line; `false` at the end.
    fn advance(&mut self) -> Result<bool, ReadError> {
        self.bytes.clear();
        if self.input.read_until(b'\n', &mut self.bytes)? == 0 {
            return Ok(false);
        }
        self.line += 1;
        self.bytes.pop_if(|last| *last == b'\n');
        if !self.bytes.iter().all(|byte| is_space(*byte)) {
            match entry(&self.bytes) {
                Ok(entry) => self.take(vec![entry]),
                Err(error) => self.split(&error)?,
            }
        }
        Ok(true)
    }

    /// A line that is not one record: refused, or taken apart.
    fn split(&mut self, error: &StoreError) -> Result<(), ReadError> {
        let line = self.line;
        if !self.salvage {
            return Err(ReadError::Line { line, reason: refusal(&self.bytes, error) });
        }
        let mut records = Vec::new();
        for piece in pieces(&self.bytes) {
            match piece {
                Piece::Record(range) => records.push(
                    entry(&self.bytes[range])
                        .map_err(|error| ReadError::Line { line, reason: input::reason(&error) })?,
                ),
                Piece::Junk(range, reason) => {
                    let what = What::LeftOut { bytes: range.len(), reason };
                    self.findings.push(Finding { line, what });
                }
            }
        }
        self.take(records);
        Ok(())
    }

    fn take(&mut self, records: Vec<LogEntry>) {
        if self.salvage {
            self.neighbours.note(self.line, &records, &mut self.findings);
        }
        self.ready.extend(records);
    }
}

impl<R: BufRead> Iterator for Records<R> {
    type Item = Result<LogEntry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() && !self.ended {
            match self.advance() {
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

/// The record before the current line, and the last welded line while the line after it is awaited.
#[derive(Default)]
struct Neighbours {
    before: Option<(usize, LogEntry)>,
    welded: Option<(usize, Vec<LogEntry>)>,
}

impl Neighbours {
    /// Takes note of a line's records: a welded line becomes a finding, twins are added to it.
    fn note(&mut self, line: usize, records: &[LogEntry], findings: &mut Vec<Finding>) {
        let Some(first) = records.first() else { return };
        if let Some((at, welded)) = self.welded.take() {
            add_twins(&mut findings[at], &welded, first, line);
        }
        if records.len() > 1 {
            let what = What::Welded { records: records.len(), twins: Vec::new() };
            let mut finding = Finding { line, what };
            if let Some((line_before, before)) = &self.before {
                add_twins(&mut finding, records, before, *line_before);
            }
            self.welded = Some((findings.len(), records.to_vec()));
            findings.push(finding);
        }
        self.before = records.last().map(|last| (line, last.clone()));
    }
}

fn add_twins(finding: &mut Finding, welded: &[LogEntry], neighbour: &LogEntry, line: usize) {
    if let What::Welded { twins, .. } = &mut finding.what {
        let id = id_of(neighbour);
        let same = |half: &LogEntry| {
            let identical = half == neighbour;
            (identical || id.is_some() && id_of(half) == id).then_some(identical)
        };
        let found = welded
            .iter()
            .zip(1..)
            .filter_map(|(half, record)| Some(Twin { record, line, identical: same(half)? }));
        twins.extend(found);
    }
}

/// The name that an agent gave to a record.
fn id_of(entry: &LogEntry) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        #[serde(alias = "id")]
        uuid: String,
    }
    entry.decode().ok().map(|Named { uuid }| uuid)
}

/// A line as one entry. The bytes stay with the caller, who takes them apart if they are none.
fn entry(line: &[u8]) -> Result<LogEntry, StoreError> {
    LogEntry::from_utf8(line.to_vec())
}

/// Why a line is refused; its first two parts tell.
fn refusal(line: &[u8], error: &StoreError) -> String {
    let first: Vec<_> = pieces(line).take(2).collect();
    match &first[..] {
        [Piece::Record(_)] | [] => input::reason(error),
        [Piece::Junk(_, reason @ Reason::InvalidJson), ..] => {
            format!("{reason}: {}", input::reason(error))
        }
        [Piece::Junk(range, reason), ..] => described(range.len(), *reason),
        [Piece::Record(_), Piece::Record(_), ..] => "several records welded on one line".to_owned(),
        [Piece::Record(_), Piece::Junk(range, reason), ..] => {
            format!("a record, and after it {}", described(range.len(), *reason))
        }
    }
}

fn described(bytes: usize, reason: Reason) -> String {
    match reason {
        Reason::ByteOrderMark => reason.to_string(),
        Reason::Nuls => format!("{bytes} {reason}"),
        _ => format!("{reason} ({bytes} bytes)"),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn texts(input: &[u8], salvage: bool) -> (Vec<String>, Option<String>, Vec<String>) {
        let mut records = Records::new(input, salvage);
        let (mut texts, mut error) = (Vec::new(), None);
        for record in records.by_ref() {
            match record {
                Ok(record) => texts.push(record.as_json().to_owned()),
                Err(refused) => error = Some(refused.to_string()),
            }
        }
        let findings = records.into_findings().iter().map(ToString::to_string).collect();
        (texts, error, findings)
    }

    #[rstest]
    #[case::empty(b"", &[])]
    #[case::blank_lines(b"\n \r\n{}\n\n", &["{}"])]
    #[case::no_final_newline(b"{\"a\":1}\n{\"b\":2}", &["{\"a\":1}", "{\"b\":2}"])]
    #[case::carriage_returns(b"{\"a\":1}\r\n{\"b\":2}\r\n", &["{\"a\":1}", "{\"b\":2}"])]
    #[case::kept_as_they_are(b" {\"a\": 1.0,\"a\":\"\\ud800\"} \n", &["{\"a\": 1.0,\"a\":\"\\ud800\"}"])]
    fn sound_files(#[case] input: &[u8], #[case] expected: &[&str]) {
        for salvage in [false, true] {
            let (texts, error, findings) = texts(input, salvage);
            assert_eq!(
                (texts.iter().map(String::as_str).collect::<Vec<_>>(), error),
                (expected.to_vec(), None)
            );
            assert!(findings.is_empty());
        }
    }

    #[rstest]
    #[case::welded(b"{}\n{}{}\n", "line 2: several records welded on one line", &["line 2: welded: 2 records, split; record 1 also stands on line 1; record 2 also stands on line 1"], 3)]
    #[case::twin_after(b"{\"a\":1}{\"b\":1}\n\n{\"a\":1}\n", "line 1: several records welded on one line", &["line 1: welded: 2 records, split; record 1 also stands on line 3"], 3)]
    #[case::twin_by_id(b"{\"uuid\":\"x\",\"v\":1}{}\n{\"uuid\":\"x\",\"v\":2}\n", "line 1: several records welded on one line", &["line 1: welded: 2 records, split; record 1 also stands on line 2 with another text"], 3)]
    #[case::wrong_syntax(b"{\"a\":nope}\n{}\n", "line 1: invalid JSON: expected ident at column 7", &["line 1: left out: invalid JSON (10 bytes)"], 1)]
    #[case::comment(b"// x\n{}\n", "line 1: no JSON object (4 bytes)", &["line 1: left out: no JSON object (4 bytes)"], 1)]
    #[case::array(b"{}\n[{}]\n", "line 2: no JSON object (4 bytes)", &["line 2: left out: no JSON object (4 bytes)"], 1)]
    #[case::byte_order_mark(b"\xEF\xBB\xBF{}\n", "line 1: a byte-order mark", &["line 1: left out: a byte-order mark"], 1)]
    #[case::torn_end(b"{}\n{\"a\":\"x", "line 2: an unfinished record (7 bytes)", &["line 2: left out: an unfinished record (7 bytes)"], 1)]
    #[case::braces_in_a_torn_string(b"{\"t\":\"{} {\n{}\n", "line 1: an unfinished record (10 bytes)", &["line 1: left out: an unfinished record (10 bytes)"], 1)]
    #[case::nuls(b"{}\n\0\0\0{}\n", "line 2: 3 NUL bytes", &["line 2: left out: 3 NUL bytes"], 2)]
    #[case::nuls_after(b"{}\0\0\0\n", "line 1: a record, and after it 3 NUL bytes", &["line 1: left out: 3 NUL bytes"], 1)]
    #[case::invalid_utf8(b"{\"a\":\"\xFF\"}\n{}\n", "line 1: invalid UTF-8 (9 bytes)", &["line 1: left out: invalid UTF-8 (9 bytes)"], 1)]
    #[case::broken_string(b"{\"a\":\"x\ny\"}\n{}\n", "line 1: an unfinished record (7 bytes)", &["line 1: left out: an unfinished record (7 bytes)", "line 2: left out: no JSON object (3 bytes)"], 1)]
    fn broken_files(
        #[case] input: &[u8],
        #[case] refused: &str,
        #[case] found: &[&str],
        #[case] salvaged: usize,
    ) {
        let (_, error, _) = texts(input, false);
        assert_eq!(error.as_deref(), Some(refused));
        let (texts, error, findings) = texts(input, true);
        assert_eq!((texts.len(), error), (salvaged, None), "{texts:?}");
        assert_eq!(findings, found);
    }
}
