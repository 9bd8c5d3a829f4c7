//! Reads a backup file by file, and refuses everything that [`export`](super::export) does not
//! write.

use std::io::{self, BufRead, BufReader, Read, Seek};

use super::error::BackupError;
use super::file::File;
use super::seal::Unsealing;
use super::tar::{BLOCK, END, Heading, padding};
use super::total::Total;
use crate::digest::LineHasher;

/// The longest accepted line of `README` and `SHA256SUMS`. These files contain no entries.
const MAX_TEXT_LINE: u64 = 4096;

/// A backup during the read.
pub(super) struct Archive<R: Read> {
    stream: BufReader<Unsealing<R>>,
    last: Option<File>,
    /// The longest accepted line of all other files, in bytes.
    max_line: u64,
}

/// One file of a backup. [`finish`](Content::finish) must be called before the next file is read.
pub(super) struct Content<'a, R: Read> {
    archive: &'a mut Archive<R>,
    pub(super) file: File,
    left: u64,
    hasher: LineHasher,
    /// The number of the current line.
    line: usize,
}

impl<R: Read + Seek> Archive<R> {
    /// Starts at the beginning of the backup, regardless of the reader's position.
    pub(super) fn new(reader: R, max_line: u64) -> Result<Self, BackupError> {
        let stream = Unsealing::new(reader).map_err(BackupError::Read)?;
        Ok(Self { stream: BufReader::with_capacity(128 * 1024, stream), last: None, max_line })
    }
}

impl<R: Read> Archive<R> {
    /// Returns the first file. Returns `None` if the first file is not a README, because the
    /// archive is then not a backup.
    pub(super) fn first(&mut self) -> Result<Option<Content<'_, R>>, BackupError> {
        let heading = Heading::parse(&self.block()?);
        let readme = heading.filter(|heading| heading.file == File::Readme);
        Ok(readme.map(|heading| self.content(heading)))
    }

    /// Returns the next file, or `None` after a check of the end of the archive.
    pub(super) fn next(&mut self) -> Result<Option<Content<'_, R>>, BackupError> {
        let block = self.block()?;
        if block == END {
            return self.end().map(|()| None);
        }
        let Some(heading) = Heading::parse(&block) else {
            return Err(self.damaged("a header is not one that an export writes"));
        };
        let is_next = self.last.as_ref().is_none_or(|last| *last < heading.file);
        let content = self.content(heading);
        if is_next { Ok(Some(content)) } else { Err(content.misplaced()) }
    }

    fn content(&mut self, heading: Heading) -> Content<'_, R> {
        let Heading { file, bytes, .. } = heading;
        self.last = Some(file.clone());
        Content { archive: self, file, left: bytes, hasher: LineHasher::default(), line: 0 }
    }

    fn end(&mut self) -> Result<(), BackupError> {
        if self.last != Some(File::Sums) {
            return Err(self.damaged("the archive ends before its last file"));
        }
        if self.block()? != END {
            return Err(self.damaged("the archive's end is not marked"));
        }
        match self.stream.fill_buf().map(<[u8]>::is_empty) {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.damaged("something follows the archive's end")),
            Err(error) => Err(self.read_error(error)),
        }
    }

    /// Checks the end of the compressed file, after the last file of the archive.
    pub(super) fn finish(self) -> Result<(), BackupError> {
        self.stream.into_inner().finish()
    }

    fn block(&mut self) -> Result<[u8; BLOCK], BackupError> {
        let mut block = [0; BLOCK];
        match self.stream.read_exact(&mut block) {
            Ok(()) => Ok(block),
            Err(error) => Err(self.read_error(error)),
        }
    }

    fn read_error(&self, error: io::Error) -> BackupError {
        BackupError::of_read(error, || self.place())
    }

    fn damaged(&self, damage: &str) -> BackupError {
        BackupError::damaged(self.place(), damage)
    }

    fn place(&self) -> String {
        let position = self.stream.get_ref().position();
        match &self.last {
            Some(file) => format!("after {}, near byte {position} of the file", file.path()),
            None => format!("near byte {position} of the file"),
        }
    }
}

impl<R: Read> Content<'_, R> {
    /// Returns the next line, without its line feed.
    pub(super) fn line(&mut self) -> Result<Option<Vec<u8>>, BackupError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.line += 1;
        let is_text = matches!(self.file, File::Readme | File::Sums);
        // White space is refused later, with its own message.
        if !is_text && !matches!(self.first_byte()?, b'{' | b' ' | b'\t' | b'\r' | b'\n') {
            return Err(self.damaged("the line does not begin with {"));
        }
        let max = if is_text { MAX_TEXT_LINE } else { self.archive.max_line };
        let mut line = Vec::new();
        // A few kilobytes of a backup can contain a line of gigabytes, so the line is not read
        // further than the limit.
        let limit = self.left.min(max.saturating_add(1));
        let read = (&mut self.archive.stream).take(limit).read_until(b'\n', &mut line);
        self.left -= read.map_err(|error| self.read_error(error))? as u64;
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

    /// Returns the next byte without consuming it.
    fn first_byte(&mut self) -> Result<u8, BackupError> {
        let available = match self.archive.stream.fill_buf() {
            Ok([]) => Err(io::ErrorKind::UnexpectedEof.into()),
            result => result.map(|bytes| bytes[0]),
        };
        available.map_err(|error| self.read_error(error))
    }

    /// Returns the rest of the file, a text of at most `limit` bytes.
    pub(super) fn text(&mut self, limit: usize) -> Result<String, BackupError> {
        let bytes = usize::try_from(self.left).ok().filter(|bytes| *bytes <= limit);
        let mut text = vec![0; bytes.ok_or_else(|| self.damaged("it is too long"))?];
        let read = self.archive.stream.read_exact(&mut text);
        read.map_err(|error| self.read_error(error))?;
        self.left = 0;
        self.hasher.add(&text);
        String::from_utf8(text).map_err(|_| self.damaged("it is not UTF-8"))
    }

    /// Reads the rest of the file. Returns the total of the whole file.
    pub(super) fn finish(mut self) -> Result<Total, BackupError> {
        while self.left > 0 {
            self.skip()?;
        }
        let mut zeros = [0; BLOCK];
        let zeros = &mut zeros[..padding(self.hasher.bytes)];
        let read = self.archive.stream.read_exact(zeros);
        read.map_err(|error| self.read_error(error))?;
        if zeros.iter().any(|&byte| byte != 0) {
            return Err(self.damaged("the padding of its last block is not empty"));
        }
        Ok(Total::of(&self.hasher))
    }

    fn skip(&mut self) -> Result<(), BackupError> {
        let available = match self.archive.stream.fill_buf() {
            Ok([]) => Err(io::ErrorKind::UnexpectedEof.into()),
            result => result,
        };
        let skipped = available.map(|bytes| {
            let bytes = &bytes[..usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len())];
            self.hasher.add(bytes);
            bytes.len()
        });
        let skipped = skipped.map_err(|error| self.read_error(error))?;
        self.archive.stream.consume(skipped);
        self.left -= skipped as u64;
        Ok(())
    }

    fn read_error(&self, error: io::Error) -> BackupError {
        BackupError::of_read(error, || self.place())
    }

    /// Returns an error about the current line.
    pub(super) fn damaged(&self, damage: impl Into<String>) -> BackupError {
        BackupError::damaged(self.place(), damage)
    }

    /// Returns an error about the place of the whole file.
    pub(super) fn misplaced(&self) -> BackupError {
        self.damaged("the file is not in its place")
    }

    fn place(&self) -> String {
        let position = self.archive.stream.get_ref().position();
        let (path, line) = (self.file.path(), self.line.max(1));
        format!("{path}, line {line}, near byte {position} of the file")
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use session_store_core::{SegmentId, SegmentKey, SessionId};

    use super::super::file::SegmentFile;
    use super::super::manifest::readme;
    use super::super::seal::Sealing;
    use super::super::{Backup, BackupError};
    use super::*;

    const MIB: u64 = 1024 * 1024;

    /// Returns a small file that decompresses to a backup whose first log has one line: `start`,
    /// and then 64 MiB of `x`.
    fn bomb(start: &str) -> Cursor<Vec<u8>> {
        let mut file = Vec::new();
        let mut archive = Sealing::new(&mut file).unwrap();
        let heading = |file, bytes| Heading { file, bytes, time: 0 }.to_block();
        let text = readme();
        archive.write_all(&heading(File::Readme, text.len() as u64)).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
        archive.write_all(&vec![0; padding(text.len() as u64)]).unwrap();
        let log =
            File::Segment(SegmentKey::new(SessionId::new(), SegmentId::new()), SegmentFile::Log);
        archive.write_all(&heading(log, start.len() as u64 + 64 * MIB)).unwrap();
        archive.write_all(start.as_bytes()).unwrap();
        io::copy(&mut io::repeat(b'x').take(64 * MIB), &mut archive).unwrap();
        archive.finish().unwrap();
        Cursor::new(file)
    }

    #[test]
    fn a_line_above_the_limit_is_refused() {
        let bomb = bomb("{");
        assert!(bomb.get_ref().len() < 20_000, "{}", bomb.get_ref().len());
        let error = Backup::open_with_max_line(bomb, MIB, &mut |_| {}).unwrap_err();
        assert!(matches!(error, BackupError::LineTooLong { limit: MIB, .. }), "{error}");
    }

    #[test]
    fn a_line_that_is_not_an_object_is_refused_at_its_first_byte() {
        let error = Backup::open(bomb("["), &mut |_| {}).unwrap_err();
        assert!(error.to_string().contains("does not begin with {"), "{error}");
    }
}
