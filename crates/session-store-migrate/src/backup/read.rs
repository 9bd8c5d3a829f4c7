//! Reads a backup file by file. Refuses a backup with anything that [`export`](super::export) would
//! not write.

use std::io::{self, BufRead, Read, Seek};
use std::ops::Range;

use super::error::BackupError;
use super::file::File;
use super::frame_reader::{Frames, Stream};
use super::tar::{BLOCK, END, Heading, padding};
use super::total::Total;
use crate::digest::LineHasher;

/// The longest accepted line of `README` and `SHA256SUMS`. These files contain no entries.
pub(super) const MAX_TEXT_LINE: u64 = 4096;

/// Reads the files of a backup in their order.
pub(super) struct Archive<'a, R> {
    frames: &'a Frames<R>,
    /// The position after the content of the file that was returned last. The padding of this file
    /// follows, and then the next header.
    at: u64,
    /// The size of the padding at `at`.
    padding: usize,
    last: Option<File>,
    /// The longest accepted line of a file other than `README` and `SHA256SUMS`, in bytes.
    max_line: u64,
}

/// One file of a backup.
pub(super) struct Content<'a, R> {
    pub(super) file: File,
    stream: Stream<'a, R>,
    hasher: LineHasher,
    /// The number of the current line.
    line: usize,
    max_line: u64,
}

impl<'a, R: Read + Seek> Archive<'a, R> {
    pub(super) const fn new(frames: &'a Frames<R>, max_line: u64) -> Self {
        Self::starting_at(frames, 0, max_line)
    }

    /// Creates a reader that starts with the header at the position `at`.
    pub(super) const fn starting_at(frames: &'a Frames<R>, at: u64, max_line: u64) -> Self {
        Self { frames, at, padding: 0, last: None, max_line }
    }

    /// Returns the next file. After the last file, checks the end of the archive and returns
    /// `None`.
    pub(super) fn next(&mut self) -> Result<Option<Content<'a, R>>, BackupError> {
        let mut zeros = [0; BLOCK];
        let zeros = &mut zeros[..self.padding];
        self.read(zeros)?;
        if zeros.iter().any(|&byte| byte != 0) {
            return Err(self.damaged("the padding of its last block is not empty"));
        }
        let mut block = [0; BLOCK];
        self.read(&mut block)?;
        if block == END {
            return self.end().map(|()| None);
        }
        let Some(Heading { file, bytes, .. }) = Heading::parse(&block) else {
            return Err(self.damaged("a header is not one that an export writes"));
        };
        let is_next = self.last.as_ref().is_none_or(|last| *last < file);
        let place = self.at..self.at.saturating_add(bytes);
        (self.at, self.padding) = (place.end, padding(bytes));
        self.last = Some(file.clone());
        let content = Content::new(self.frames, file, place, self.max_line);
        if is_next { Ok(Some(content)) } else { Err(content.misplaced()) }
    }

    /// Returns the position of the next header.
    pub(super) const fn position(&self) -> u64 {
        self.at.saturating_add(self.padding as u64)
    }

    fn end(&mut self) -> Result<(), BackupError> {
        if self.last != Some(File::Sums) {
            return Err(self.damaged("the archive ends before its last file"));
        }
        let mut block = [0; BLOCK];
        self.read(&mut block)?;
        if block != END {
            return Err(self.damaged("the archive's end is not marked"));
        }
        if self.at < self.frames.size() {
            return Err(self.damaged("something follows the archive's end"));
        }
        Ok(())
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<(), BackupError> {
        let read = self.frames.stream(self.at..u64::MAX).read_exact(bytes);
        read.map_err(|error| BackupError::of_read(error, || self.place()))?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    fn damaged(&self, damage: &str) -> BackupError {
        BackupError::damaged(self.place(), damage)
    }

    fn place(&self) -> String {
        let position = self.frames.stream(self.at..self.at).position_in_file();
        match &self.last {
            Some(file) => format!("after {}, near byte {position} of the file", file.path()),
            None => format!("near byte {position} of the file"),
        }
    }
}

impl<'a, R: Read + Seek> Content<'a, R> {
    /// Returns a reader of a file. `place` is the range of the file's content, or of the rest of
    /// the content.
    pub(super) fn new(frames: &'a Frames<R>, file: File, place: Range<u64>, max_line: u64) -> Self {
        let is_text = matches!(file, File::Readme | File::Sums);
        let max_line = if is_text { MAX_TEXT_LINE } else { max_line };
        let stream = frames.stream(place);
        Self { file, stream, hasher: LineHasher::default(), line: 0, max_line }
    }

    /// Returns the next line, without its line feed.
    pub(super) fn line(&mut self) -> Result<Option<Vec<u8>>, BackupError> {
        let left = self.stream.left();
        if left == 0 {
            return Ok(None);
        }
        self.line += 1;
        let is_text = matches!(self.file, File::Readme | File::Sums);
        // Lines that begin with white space are refused later, with a message about white space.
        if !is_text && !matches!(self.first_byte()?, b'{' | b' ' | b'\t' | b'\r' | b'\n') {
            return Err(self.damaged("the line does not begin with {"));
        }
        let max = self.max_line;
        let mut line = Vec::new();
        // A few compressed kilobytes can contain a line of gigabytes, so the read of a line ends at
        // the limit.
        let limit = left.min(max.saturating_add(1));
        let read = (&mut self.stream).take(limit).read_until(b'\n', &mut line);
        read.map_err(|error| self.read_error(error))?;
        if line.last() != Some(&b'\n') {
            return Err(if line.len() as u64 > max {
                BackupError::LineTooLong { place: self.place(), limit: max }
            } else {
                self.damaged("the line has no end")
            });
        }
        self.hasher.add(&line);
        line.pop();
        Ok(Some(line))
    }

    /// Returns the position of the next line in the content of all frames.
    pub(super) const fn position(&self) -> u64 {
        self.stream.position()
    }

    /// Returns the next byte without consuming it.
    fn first_byte(&mut self) -> Result<u8, BackupError> {
        let available = available(&mut self.stream).map(|bytes| bytes[0]);
        available.map_err(|error| self.read_error(error))
    }

    /// Returns the rest of the file as text. Fails if the rest has more than `limit` bytes.
    pub(super) fn text(&mut self, limit: usize) -> Result<String, BackupError> {
        let bytes = usize::try_from(self.stream.left()).ok().filter(|bytes| *bytes <= limit);
        let mut text = vec![0; bytes.ok_or_else(|| self.damaged("it is too long"))?];
        let read = self.stream.read_exact(&mut text);
        read.map_err(|error| self.read_error(error))?;
        self.hasher.add(&text);
        String::from_utf8(text).map_err(|_| self.damaged("it is not UTF-8"))
    }

    /// Reads the rest of the file. Returns the total of everything that was read.
    pub(super) fn finish(mut self) -> Result<Total, BackupError> {
        while self.stream.left() > 0 {
            let bytes = available(&mut self.stream);
            let read = bytes.map(|bytes| {
                self.hasher.add(bytes);
                bytes.len()
            });
            let read = read.map_err(|error| self.read_error(error))?;
            self.stream.consume(read);
        }
        Ok(Total::of(&self.hasher))
    }

    fn read_error(&self, error: io::Error) -> BackupError {
        BackupError::of_read(error, || self.place())
    }

    /// Returns an error about the current line.
    pub(super) fn damaged(&self, damage: impl Into<String>) -> BackupError {
        BackupError::damaged(self.place(), damage)
    }

    /// Returns the error for a file that is not at its place in the backup.
    pub(super) fn misplaced(&self) -> BackupError {
        self.damaged("the file is not in its place")
    }

    fn place(&self) -> String {
        let position = self.stream.position_in_file();
        let (path, line) = (self.file.path(), self.line.max(1));
        format!("{path}, line {line}, near byte {position} of the file")
    }
}

/// Returns the next bytes of a stream that has not ended.
fn available(stream: &mut impl BufRead) -> io::Result<&[u8]> {
    match stream.fill_buf() {
        Ok([]) => Err(io::ErrorKind::UnexpectedEof.into()),
        result => result,
    }
}
