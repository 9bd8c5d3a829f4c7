//! Writes a backup file by file.

use std::io::{self, Read, Write};
use std::time::{Duration, SystemTime};

use super::error::BackupError;
use super::file::File;
use super::frame_writer::Sealing;
use super::spool::Spool;
use super::tar::{END, Heading, padding};
use super::total::Total;

/// A backup that is being written.
pub(super) struct Archive<W: Write> {
    stream: Sealing<W>,
    created: Duration,
}

impl<W: Write> Archive<W> {
    pub(super) fn new(writer: W, created: SystemTime) -> Result<Self, BackupError> {
        let stream = Sealing::new(writer).map_err(BackupError::Write)?;
        let created = created.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Ok(Self { stream, created })
    }

    pub(super) fn add(&mut self, file: File, content: Spool) -> Result<Total, BackupError> {
        let (total, content) = content.finish().map_err(BackupError::Spool)?;
        self.write(file, total.bytes, content).map_err(BackupError::Write)?;
        Ok(total)
    }

    fn write(&mut self, file: File, bytes: u64, mut content: impl Read) -> io::Result<()> {
        let heading = Heading { file, bytes, time: self.created.as_secs() };
        self.stream.write_all(&heading.to_block())?;
        io::copy(&mut content, &mut self.stream)?;
        self.stream.write_all(&END[..padding(bytes)])
    }

    /// Ends the backup. Returns its size.
    pub(super) fn finish(mut self) -> Result<u64, BackupError> {
        let end = self.stream.write_all(&[END, END].concat());
        end.and_then(|()| self.stream.finish()).map_err(BackupError::Write)
    }
}
