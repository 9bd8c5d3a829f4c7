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
    /// The byte ranges to move out of the file, in ascending order.
    pub(crate) bad: Vec<Range<u64>>,
    /// The number of lines that contain several entries. The repair gives each entry a line.
    pub(crate) split: usize,
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
    /// A line that begins with NUL. If a power cut interrupts a truncation, NULs can remain after
    /// the new end of the log. The truncation should have deleted this line and all lines after it.
    Cut,
}

impl Line {
    fn of(line: &[u8]) -> Self {
        if line.starts_with(&[0]) {
            return Self::Cut;
        }
        if is_blank(line) || str::from_utf8(line).is_ok_and(LogEntry::is_valid) {
            return Self::Good;
        }
        entries_in(line).map_or(Self::Bad, Self::Several)
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
                Line::Cut => plan.bad.push(range.start..end),
            }
            Ok(())
        })?;
        Ok(plan)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bad.is_empty() && self.split == 0
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
        Line::Bad | Line::Cut => Ok(()),
    });
    copied.map_err(io::Error::other)
}

/// Calls `visit` with each line of the readable part of the file. Stops after a line that begins
/// with NUL.
fn each_line(
    log: &Log,
    mut visit: impl FnMut(&[u8], Line) -> io::Result<()>,
) -> Result<(), StoreError> {
    let mut read = || {
        let mut file: &File = &Arc::clone(&log.file);
        file.rewind()?;
        let mut lines = BufReader::new(file.take(log.state.index.readable()));
        let mut bytes = Vec::new();
        while lines.read_until(b'\n', &mut bytes)? > 0 {
            let line = Line::of(&bytes);
            let is_cut = matches!(line, Line::Cut);
            visit(&bytes, line)?;
            if is_cut {
                break;
            }
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
            Line::Cut => "cut".to_owned(),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn a_line_of_invalid_utf8_is_bad() {
        assert!(matches!(Line::of(b"{\"a\":\"\xff\"}"), Line::Bad));
    }
}
