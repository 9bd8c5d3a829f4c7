//! The repair of a log or trace with bad lines. A bad line is a line that is not an entry. The
//! repair moves bad lines to a quarantine file and keeps all entries.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, Write};
use std::ops::Range;
use std::sync::Arc;

use session_store_core::{LogEntry, StoreError};

use crate::error::Context;
use crate::log::Log;
use crate::tail::{is_blank, object_len};

/// The changes that a repair has to make to a file.
#[derive(Default)]
pub(crate) struct Plan {
    /// The byte ranges of bad lines, in ascending order. The repair moves them out of the file.
    pub(crate) bad: Vec<Range<u64>>,
    /// The rest of an interrupted truncation, which the repair also moves out of the file.
    pub(crate) cut: Option<CutRest>,
    /// The number of lines that contain several entries. The repair gives each entry a line.
    pub(crate) split: usize,
}

/// A line that begins with NUL, and all later lines.
pub(crate) struct CutRest {
    pub(crate) bytes: Range<u64>,
    /// The number of entries in the lines. Each of them was deleted by the truncation, or was
    /// appended after it. Nothing in the file shows which.
    pub(crate) entries: usize,
}

/// A line of a file, by its content.
enum Line {
    /// An entry, or white space. The repair does not change the line.
    Good,
    /// Several whole entries, for example because a program appended to an entry without a newline.
    /// The repair keeps all entries and gives each one a line.
    Several(Vec<LogEntry>),
    /// Any other text.
    Bad,
    /// A line that begins with NUL, or a later line, with the number of its entries. If a power cut
    /// interrupts a truncation, NULs can remain after the new end of the log. The truncation should
    /// have deleted this line and all lines after it.
    Cut(usize),
}

impl Line {
    fn of(line: &[u8]) -> Self {
        if line.starts_with(&[0]) {
            return Self::Cut(0);
        }
        if is_blank(line) || str::from_utf8(line).is_ok_and(LogEntry::is_valid) {
            return Self::Good;
        }
        entries_in(line).map_or(Self::Bad, Self::Several)
    }

    /// Returns the line with these bytes as a line after NULs.
    fn after_cut(self, bytes: &[u8]) -> Self {
        Self::Cut(match self {
            Self::Good => usize::from(!is_blank(bytes)),
            Self::Several(entries) => entries.len(),
            Self::Bad | Self::Cut(_) => 0,
        })
    }
}

/// Returns the entries of a line, or `None` if the line also contains other text.
fn entries_in(mut line: &[u8]) -> Option<Vec<LogEntry>> {
    let mut entries = Vec::new();
    loop {
        // `trim_ascii_start` would also remove form feeds, which are not white space in JSON.
        let Some(start) = line.iter().position(|byte| !is_blank(&[*byte])) else {
            return Some(entries);
        };
        line = &line[start..];
        let (entry, rest) = line.split_at(object_len(line)?);
        entries.push(LogEntry::from_utf8(entry.to_vec()).ok()?);
        line = rest;
    }
}

impl Plan {
    /// Reads the file and finds the lines to repair.
    pub(crate) fn of(log: &Log) -> Result<Self, StoreError> {
        let mut plan = Self::default();
        let end = log.state.index.readable();
        let mut at = 0;
        each_line(log, |bytes, line| {
            let range = at..at + bytes.len() as u64;
            at = range.end;
            match line {
                Line::Good => {}
                Line::Several(_) => plan.split += 1,
                Line::Bad => plan.bad.push(range),
                Line::Cut(entries) => {
                    let bytes = range.start..end;
                    plan.cut.get_or_insert(CutRest { bytes, entries: 0 }).entries += entries;
                }
            }
            Ok(())
        })?;
        Ok(plan)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bad.is_empty() && self.cut.is_none() && self.split == 0
    }

    /// Returns the byte ranges to move out of the file, in ascending order.
    pub(crate) fn moved(&self) -> impl Iterator<Item = &Range<u64>> {
        self.bad.iter().chain(self.cut.iter().map(|cut| &cut.bytes))
    }
}

/// Writes all entries of the log to another file, each on one line.
pub(crate) fn write_good_lines(log: &Log, mut into: impl Write) -> io::Result<()> {
    let copied = each_line(log, |bytes, line| match line {
        Line::Good => {
            into.write_all(bytes)?;
            // The last line of the file can lack its newline.
            if bytes.ends_with(b"\n") { Ok(()) } else { into.write_all(b"\n") }
        }
        Line::Several(entries) => {
            entries.iter().try_for_each(|entry| writeln!(into, "{}", entry.as_json()))
        }
        Line::Bad | Line::Cut(_) => Ok(()),
    });
    copied.map_err(io::Error::other)
}

/// Calls `visit` with each line of the readable part of the file.
fn each_line(
    log: &Log,
    mut visit: impl FnMut(&[u8], Line) -> io::Result<()>,
) -> Result<(), StoreError> {
    let mut read = || {
        let mut file: &File = &Arc::clone(&log.file);
        file.rewind()?;
        let mut lines = BufReader::new(file.take(log.state.index.readable()));
        let (mut bytes, mut is_cut) = (Vec::new(), false);
        while lines.read_until(b'\n', &mut bytes)? > 0 {
            let mut line = Line::of(&bytes);
            is_cut |= matches!(line, Line::Cut(_));
            if is_cut {
                line = line.after_cut(&bytes);
            }
            visit(&bytes, line)?;
            bytes.clear();
        }
        Ok::<(), io::Error>(())
    };
    read().context("read the lines of", &log.path)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::entry("{\"a\":1}", "good")]
    #[case::blank(" \t", "good")]
    #[case::glued("{\"a\":1} {\"b\":\"}{\"}", "2")]
    #[case::glued_to_garbage("{\"a\":1}x", "bad")]
    #[case::form_feed("\x0c\n", "bad")]
    #[case::form_feed_at_the_end("{\"a\":1}\x0c\n", "bad")]
    #[case::form_feed_between("{\"a\":1}\x0c{\"b\":2}\n", "bad")]
    #[case::half("{\"a\":", "bad")]
    #[case::array("[1]", "bad")]
    #[case::nul("\0\0{}", "cut")]
    #[case::nul_inside("{\"a\":\0}", "bad")]
    fn a_line_is_classified(#[case] line: &str, #[case] expected: &str) {
        let found = match Line::of(line.as_bytes()) {
            Line::Good => "good".to_owned(),
            Line::Several(entries) => entries.len().to_string(),
            Line::Bad => "bad".to_owned(),
            Line::Cut(_) => "cut".to_owned(),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn a_line_of_invalid_utf8_is_bad() {
        assert!(matches!(Line::of(b"{\"a\":\"\xff\"}"), Line::Bad));
    }
}
