//! Reads entries line by line from standard input or a JSONL file.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use session_store::{LogEntry, StoreError};
use session_store_import::lines::{ReadLine, is_space, read_line, reason, too_long};

use crate::failure::{Context, Failure};
use crate::message::Kind;

/// An open file or standard input, with a name for messages.
pub(crate) struct Source {
    pub(crate) reader: Box<dyn BufRead>,
    pub(crate) name: String,
}

impl Source {
    pub(crate) fn stdin() -> Self {
        Self { reader: Box::new(io::stdin().lock()), name: "standard input".to_owned() }
    }

    /// Opens a file, or standard input if the path is `-`.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        if path == Path::new("-") {
            return Ok(Self::stdin());
        }
        let name = path.display().to_string();
        let file = File::open(path).context(|| format!("open {name}"))?;
        Ok(Self { reader: Box::new(BufReader::new(file)), name })
    }
}

/// Reads the lines of a JSONL text as entries. Skips blank lines.
pub(crate) struct Lines {
    source: Source,
    number: usize,
    max: usize,
}

impl Lines {
    /// Creates a reader of lines of up to `max` bytes.
    pub(crate) const fn new(source: Source, max: usize) -> Self {
        Self { source, number: 0, max }
    }

    /// Parses the next line that is not blank. Returns `None` at the end.
    pub(crate) fn next<T>(
        &mut self,
        parse: impl FnOnce(Vec<u8>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, Failure> {
        let Some(line) = self.next_line()? else { return Ok(None) };
        match parse(line) {
            Ok(entry) => Ok(Some(entry)),
            Err(error) => Err(self.invalid(reason(&error))),
        }
    }

    /// Parses all other lines.
    pub(crate) fn read_all(&mut self) -> Result<Vec<LogEntry>, Failure> {
        std::iter::from_fn(|| self.next(LogEntry::from_utf8).transpose()).collect()
    }

    fn operation(&self) -> String {
        format!("read line {} of {} as an entry", self.number, self.source.name)
    }

    fn invalid(&self, cause: impl Into<String>) -> Failure {
        Failure::cannot(self.operation(), cause.into()).with_kind(Kind::InvalidInput)
    }

    fn next_line(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        loop {
            let mut line = Vec::new();
            self.number += 1;
            let read = read_line(&mut self.source.reader, &mut line, self.max, true);
            match read.context(|| format!("read {}", self.source.name))? {
                ReadLine::End => return Ok(None),
                ReadLine::Complete => {}
                ReadLine::NotAnObject => {
                    return Err(self.invalid("it does not begin with {"));
                }
                ReadLine::TooLong => {
                    return Err(self.invalid(too_long(self.max)));
                }
            }
            // Remove the line break, because the parser would report an error after the line break
            // on line 2. `reason` expects the error on line 1.
            line.truncate(
                line.iter().rposition(|&byte| !is_space(byte)).map_or(0, |last| last + 1),
            );
            if !line.is_empty() {
                return Ok(Some(line));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use session_store::LogEntry;

    use super::*;

    fn read(text: &'static str) -> Vec<Result<String, String>> {
        let source = Source { reader: Box::new(text.as_bytes()), name: "the input".to_owned() };
        let mut lines = Lines::new(source, 20);
        let mut read = Vec::new();
        loop {
            match lines.next(LogEntry::from_utf8) {
                Ok(Some(entry)) => read.push(Ok(entry.as_json().to_owned())),
                Ok(None) => return read,
                Err(failure) => read.push(Err(session_store::error_chain(&failure))),
            }
        }
    }

    #[test]
    fn blank_lines_are_counted_and_skipped() {
        let read = read("{\"a\":1}\r\n\n \t\n[]\n{\"b\":2}");
        assert_eq!(read[0].as_deref(), Ok("{\"a\":1}"));
        assert!(read[1].as_ref().is_err_and(|why| why.contains("line 4 of the input")), "{read:?}");
        assert_eq!(read[2].as_deref(), Ok("{\"b\":2}"), "the last line does not need a newline");
        assert_eq!(read.len(), 3);
    }

    #[test]
    fn a_line_is_read_up_to_the_limit() {
        let limit = "{\"a\":\"0123456789ab\"}";
        assert_eq!(read("{\"a\":\"0123456789ab\"}\n"), [Ok(limit.to_owned())]);
        let why = read("{\"a\":\"0123456789abc\"}\n").remove(0).unwrap_err();
        assert!(why.contains("line 1 of the input") && why.contains("more than 20 bytes"), "{why}");
    }

    #[test]
    fn a_reason_contains_only_the_column() {
        let why = read("{\"a\":1}{}\n").remove(0).unwrap_err();
        assert!(why.ends_with("at column 8"), "{why}");
        assert!(!why.contains("at line"), "{why}");
    }
}
