//! Reading entries line by line from standard input or a JSONL file.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use session_store::StoreError;

use crate::failure::{Context, Failure};

/// An open file or standard input, with its name for messages.
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

/// Reads the lines of a JSONL text as entries. Blank lines are skipped.
pub(crate) struct Lines {
    source: Source,
    number: usize,
}

impl Lines {
    pub(crate) const fn new(source: Source) -> Self {
        Self { source, number: 0 }
    }

    /// Parses the next line that is not blank. Returns `None` at the end.
    pub(crate) fn next<T>(
        &mut self,
        parse: impl FnOnce(Vec<u8>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, Failure> {
        let Some(line) = self.next_line()? else { return Ok(None) };
        match parse(line) {
            Ok(entry) => Ok(Some(entry)),
            Err(error) => Err(Failure::cannot(
                format!("read line {} of {} as an entry", self.number, self.source.name),
                reason(&error),
            )),
        }
    }

    fn next_line(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        loop {
            let mut line = Vec::new();
            self.number += 1;
            let read = self.source.reader.read_until(b'\n', &mut line);
            if read.context(|| format!("read {}", self.source.name))? == 0 {
                return Ok(None);
            }
            // The line break is removed, so that the parser reports an early end on line 1 as well.
            line.truncate(
                line.iter().rposition(|&byte| !is_space(byte)).map_or(0, |last| last + 1),
            );
            if !line.is_empty() {
                return Ok(Some(line));
            }
        }
    }
}

/// Returns whether JSON treats the byte as white space. A form feed is not white space in JSON.
pub(crate) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Returns why a line is not an entry. The line number of `serde_json` is removed: it is always 1,
/// and messages name the line of the file.
pub(crate) fn reason(error: &StoreError) -> String {
    let StoreError::Serde(error) = error else { return error.to_string() };
    let text = error.to_string();
    match text.strip_suffix(&format!(" at line {} column {}", error.line(), error.column())) {
        Some(reason) => format!("{reason} at column {}", error.column()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use session_store::LogEntry;

    use super::*;

    fn read(text: &'static str) -> Vec<Result<String, String>> {
        let mut lines =
            Lines::new(Source { reader: Box::new(text.as_bytes()), name: "the input".to_owned() });
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
    fn a_reason_contains_only_the_column() {
        let why = read("{\"a\":1}{}\n").remove(0).unwrap_err();
        assert!(why.ends_with("at column 8"), "{why}");
        assert!(!why.contains("at line"), "{why}");
    }
}
