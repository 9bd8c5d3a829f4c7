//! Entries from standard input or a file: JSONL, read line by line.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use session_store::StoreError;

use crate::failure::{Context, Failure};

/// A file or standard input, and what messages call it.
pub(crate) struct Source {
    pub(crate) reader: Box<dyn BufRead>,
    pub(crate) name: String,
}

impl Source {
    pub(crate) fn stdin() -> Self {
        Self { reader: Box::new(io::stdin().lock()), name: "standard input".to_owned() }
    }

    /// A file, or standard input where the path is `-`.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        if path == Path::new("-") {
            return Ok(Self::stdin());
        }
        let name = path.display().to_string();
        let file = File::open(path).context(|| format!("open {name}"))?;
        Ok(Self { reader: Box::new(BufReader::new(file)), name })
    }
}

/// The lines of a JSONL text that are not blank, each read as a log or a trace entry.
pub(crate) struct Lines {
    source: Source,
    number: usize,
}

impl Lines {
    pub(crate) const fn new(source: Source) -> Self {
        Self { source, number: 0 }
    }

    /// The next line that is not blank, as `parse` reads it.
    pub(crate) fn next<T>(
        &mut self,
        parse: impl FnOnce(Vec<u8>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, Failure> {
        let Some(line) = self.next_line()? else { return Ok(None) };
        match parse(line) {
            Ok(entry) => Ok(Some(entry)),
            Err(error) => Err(Failure::cannot(
                format!("take line {} of {} as an entry", self.number, self.source.name),
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
            // Without its line break, a line that ends too early ends on line 1 for the parser too.
            line.truncate(
                line.iter().rposition(|&byte| !is_blank(byte)).map_or(0, |last| last + 1),
            );
            if !line.is_empty() {
                return Ok(Some(line));
            }
        }
    }
}

/// The white space of JSON, which has no form feed.
const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Why a line is no entry. `serde_json` counts lines too, and its "line 1" beside ours would mislead.
pub(crate) fn reason(error: &StoreError) -> String {
    let text = error.to_string();
    let StoreError::Serde(error) = error else { return text };
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
            Lines::new(Source { reader: Box::new(text.as_bytes()), name: "it".to_owned() });
        let mut read = Vec::new();
        loop {
            match lines.next(LogEntry::from_utf8) {
                Ok(Some(entry)) => read.push(Ok(entry.as_json().to_owned())),
                Ok(None) => return read,
                Err(failure) => read.push(Err(crate::failure::chain(&failure))),
            }
        }
    }

    #[test]
    fn blank_lines_count_but_are_no_entries() {
        let read = read("{\"a\":1}\r\n\n \t\n[]\n{\"b\":2}");
        assert_eq!(read[0].as_deref(), Ok("{\"a\":1}"));
        assert!(read[1].as_ref().is_err_and(|why| why.contains("line 4 of it")), "{read:?}");
        assert_eq!(read[2].as_deref(), Ok("{\"b\":2}"), "the last needs no newline");
        assert_eq!(read.len(), 3);
    }

    #[test]
    fn a_reason_names_the_column_only() {
        let why = read("{\"a\":1}{}\n").remove(0).unwrap_err();
        assert!(why.ends_with("at column 8"), "{why}");
        assert!(!why.contains("at line"), "{why}");
    }
}
