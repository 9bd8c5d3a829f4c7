//! The lines of a log file: entries, blank lines, bad lines and a torn tail.

use std::io::BufRead;
use std::ops::Range;

use session_store_core::{LogEntry, PageBudget, SegmentId, StoreError};

use super::Flaw;
use crate::variant::Result;

/// The bytes of a log file.
pub(crate) struct Lines {
    pub(crate) bytes: Vec<u8>,
    segment_id: SegmentId,
    flaw: Flaw,
}

/// The end of a log file.
pub(crate) enum Tail {
    /// The file ends with a newline.
    None,
    /// The last entry has no newline.
    Whole,
    /// The file is torn from that byte on.
    Torn(usize),
}

impl Lines {
    pub(crate) fn new(bytes: Vec<u8>, segment_id: SegmentId, flaw: Flaw) -> Self {
        Self { bytes, segment_id, flaw }
    }

    /// Returns every line without its newline, including blank lines.
    fn all(&self) -> Vec<Range<usize>> {
        let (mut lines, mut start) = (Vec::new(), 0);
        while start < self.bytes.len() {
            // The search of the standard library is fast in a debug build too.
            let length = (&self.bytes[start..]).skip_until(b'\n').expect("memory can be read");
            let ends = self.bytes[start + length - 1] == b'\n';
            lines.push(start..start + length - usize::from(ends));
            start += length;
        }
        lines
    }

    fn is_blank(&self, line: &Range<usize>) -> bool {
        self.bytes[line.clone()].iter().all(u8::is_ascii_whitespace)
    }

    /// Returns the entries and the bad lines, each with its physical line number, counted from 1.
    fn solid(&self) -> Vec<(usize, Range<usize>)> {
        let end = match self.tail() {
            Tail::Torn(start) => start,
            _ => self.bytes.len(),
        };
        let numbered = (1..).zip(self.all());
        let readable = numbered.map(|(number, line)| (number, line.start..line.end.min(end)));
        readable.filter(|(_, line)| line.start < end && !self.is_blank(line)).collect()
    }

    /// Returns the end of the log. An unterminated last line is torn if it does not begin with a
    /// whole object, and so is its part from the first NUL on.
    pub(crate) fn tail(&self) -> Tail {
        let Some(last) = self.all().pop() else { return Tail::None };
        let start = last.start;
        if self.is_blank(&last) {
            return Tail::None;
        }
        let text = &self.bytes[last];
        let nul = text.iter().position(|&byte| byte == 0);
        let torn = match nul {
            None if self.bytes.ends_with(b"\n") => return Tail::None,
            _ if begins_with_object(&text[..nul.unwrap_or(text.len())]) => nul,
            _ => Some(0),
        };
        match self.flaw {
            Flaw::TornTailsAreFatal if torn.is_some() => Tail::None,
            Flaw::HidesWholeTails => Tail::Torn(start),
            _ => torn.map_or(Tail::Whole, |at| Tail::Torn(start + at)),
        }
    }

    pub(crate) fn count(&self) -> usize {
        match self.flaw {
            Flaw::CountsBlankLines => self.all().len(),
            _ => self.solid().len(),
        }
    }

    /// Returns the bytes of the first `entries` entries.
    pub(crate) fn first(&self, entries: usize) -> &[u8] {
        let end = self.solid().get(entries).map_or(self.bytes.len(), |(_, line)| line.start);
        &self.bytes[..end]
    }

    /// Returns the log without its bad lines, and the bad lines.
    pub(crate) fn split_bad(&self) -> (Vec<u8>, Vec<u8>) {
        let bad: Vec<_> = (self.solid().into_iter())
            .map(|(_, line)| line)
            .filter(|line| self.entry(&self.bytes[line.clone()]).is_err())
            .collect();
        let (mut good, mut moved, mut end) = (Vec::new(), Vec::new(), 0);
        for line in bad {
            // A bad line is moved with its newline.
            let next = self.bytes.len().min(line.end + 1);
            good.extend_from_slice(&self.bytes[end..line.start]);
            moved.extend_from_slice(&self.bytes[line.start..next]);
            end = next;
        }
        good.extend_from_slice(&self.bytes[end..]);
        (good, moved)
    }

    pub(crate) fn entries(&self) -> Result<Vec<LogEntry>> {
        self.page(0, PageBudget::new(usize::MAX))
    }

    pub(crate) fn page(&self, start: usize, mut budget: PageBudget) -> Result<Vec<LogEntry>> {
        let mut entries = Vec::new();
        for (number, (line, range)) in self.solid().into_iter().enumerate().skip(start) {
            let text = &self.bytes[range];
            if !budget.admits(text.trim_ascii().len()) {
                break;
            }
            match self.entry(text) {
                Ok(entry) => entries.push(entry),
                Err(_) if self.flaw == Flaw::SkipsBadLines => {}
                Err(error) => return Err(self.corrupt(number, line, &error)),
            }
        }
        Ok(entries)
    }

    fn entry(&self, text: &[u8]) -> Result<LogEntry> {
        let split = "\u{2028}".as_bytes();
        if self.flaw == Flaw::SplitsOnLineSeparators
            && let Some(at) = text.windows(split.len()).position(|window| window == split)
        {
            return LogEntry::from_utf8(text[..at].to_vec());
        }
        LogEntry::from_utf8(text.to_vec())
    }

    fn corrupt(&self, number: usize, line: usize, error: &StoreError) -> StoreError {
        let line = match self.flaw {
            Flaw::CountsLinesFromZero => line - 1,
            Flaw::NumbersEntriesNotLines => number + 1,
            _ => line,
        };
        let message = format!("segment {}, line {line}: {error}", self.segment_id);
        StoreError::Corrupt { line, message }
    }
}

/// Returns whether the text begins with a whole object.
fn begins_with_object(text: &[u8]) -> bool {
    let mut ends = (1..).zip(text).filter(|(_, byte)| **byte == b'}');
    ends.any(|(end, _)| LogEntry::from_utf8(text[..end].to_vec()).is_ok())
}
