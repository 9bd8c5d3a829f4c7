//! Reading a backup, file after file, and refusing whatever was not written by us.

use std::io::{self, BufRead, BufReader, Read, Seek};

use super::digest::Total;
use super::error::BackupError;
use super::file::File;
use super::seal::Unsealing;
use super::tar::{BLOCK, END, Heading, padding};
use crate::digest::LineHasher;

/// The longest line there can be: the largest entry, and its end.
const MAX_LINE: u64 = 1 << 32;

/// A backup that is being read.
pub(super) struct Archive<R: Read> {
    stream: BufReader<Unsealing<R>>,
    last: Option<File>,
}

/// One file of it. It has to be read to its end before the next one.
pub(super) struct Content<'a, R: Read> {
    archive: &'a mut Archive<R>,
    pub(super) file: File,
    left: u64,
    hasher: LineHasher,
    /// The number of the line that was last begun.
    line: usize,
}

impl<R: Read + Seek> Archive<R> {
    /// A backup that is read from its beginning, wherever the reader is.
    pub(super) fn new(reader: R) -> Result<Self, BackupError> {
        let stream = Unsealing::new(reader).map_err(BackupError::Read)?;
        Ok(Self { stream: BufReader::with_capacity(128 * 1024, stream), last: None })
    }
}

impl<R: Read> Archive<R> {
    /// The first file; `None` where the archive begins otherwise, and so is none of ours.
    pub(super) fn first(&mut self) -> Result<Option<Content<'_, R>>, BackupError> {
        let heading = Heading::parse(&self.block()?);
        let readme = heading.filter(|heading| heading.file == File::Readme);
        Ok(readme.map(|heading| self.content(heading)))
    }

    /// The next file, or `None` at the end of a backup that ends as it should.
    pub(super) fn next(&mut self) -> Result<Option<Content<'_, R>>, BackupError> {
        let block = self.block()?;
        if block == END {
            return self.end().map(|()| None);
        }
        let Some(heading) = Heading::parse(&block) else {
            return Err(self.damaged("a header is not one that was written for a backup"));
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
            Err(error) => Err(self.unread(error)),
        }
    }

    /// After the last file: whether the file around the archive ends as it should, too.
    pub(super) fn finish(self) -> Result<(), BackupError> {
        self.stream.into_inner().finish()
    }

    fn block(&mut self) -> Result<[u8; BLOCK], BackupError> {
        let mut block = [0; BLOCK];
        match self.stream.read_exact(&mut block) {
            Ok(()) => Ok(block),
            Err(error) => Err(self.unread(error)),
        }
    }

    fn unread(&self, error: io::Error) -> BackupError {
        BackupError::unread(error, || self.place())
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
    /// The next line, without its end.
    pub(super) fn line(&mut self) -> Result<Option<Vec<u8>>, BackupError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.line += 1;
        let mut line = Vec::new();
        let limit = self.left.min(MAX_LINE);
        let read = (&mut self.archive.stream).take(limit).read_until(b'\n', &mut line);
        self.left -= read.map_err(|error| self.unread(error))? as u64;
        if line.last() != Some(&b'\n') {
            return Err(self.damaged("the line has no end"));
        }
        self.hasher.add(&line);
        line.pop();
        Ok(Some(line))
    }

    /// All that is left of a file that is a text of at most so many bytes.
    pub(super) fn text(&mut self, limit: usize) -> Result<String, BackupError> {
        let bytes = usize::try_from(self.left).ok().filter(|bytes| *bytes <= limit);
        let mut text = vec![0; bytes.ok_or_else(|| self.damaged("it is too long"))?];
        let read = self.archive.stream.read_exact(&mut text);
        read.map_err(|error| self.unread(error))?;
        self.left = 0;
        self.hasher.add(&text);
        String::from_utf8(text).map_err(|_| self.damaged("it is no UTF-8"))
    }

    /// Reads what nobody has read, and says what the whole was.
    pub(super) fn finish(mut self) -> Result<Total, BackupError> {
        while self.left > 0 {
            self.pass()?;
        }
        let mut zeros = [0; BLOCK];
        let zeros = &mut zeros[..padding(self.hasher.bytes)];
        let read = self.archive.stream.read_exact(zeros);
        read.map_err(|error| self.unread(error))?;
        if zeros.iter().any(|&byte| byte != 0) {
            return Err(self.damaged("what fills up its last block is not empty"));
        }
        Ok(Total::of(&self.hasher))
    }

    fn pass(&mut self) -> Result<(), BackupError> {
        let available = match self.archive.stream.fill_buf() {
            Ok([]) => Err(io::ErrorKind::UnexpectedEof.into()),
            result => result,
        };
        let passed = available.map(|bytes| {
            let bytes = &bytes[..usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len())];
            self.hasher.add(bytes);
            bytes.len()
        });
        let passed = passed.map_err(|error| self.unread(error))?;
        self.archive.stream.consume(passed);
        self.left -= passed as u64;
        Ok(())
    }

    fn unread(&self, error: io::Error) -> BackupError {
        BackupError::unread(error, || self.place())
    }

    /// An error in the line that was last begun.
    pub(super) fn damaged(&self, damage: impl Into<String>) -> BackupError {
        BackupError::damaged(self.place(), damage)
    }

    /// The whole file has no business here.
    pub(super) fn misplaced(&self) -> BackupError {
        self.damaged("the file is not in its place")
    }

    fn place(&self) -> String {
        let position = self.archive.stream.get_ref().position();
        let (path, line) = (self.file.path(), self.line.max(1));
        format!("{path}, line {line}, near byte {position} of the file")
    }
}
