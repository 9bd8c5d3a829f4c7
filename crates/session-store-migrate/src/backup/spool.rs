//! One file of a backup, kept aside until its size is known: in memory while it is small.

use std::io::{self, BufWriter, Read, Seek, Write};

use tempfile::SpooledTempFile;

use super::digest::Total;
use crate::digest::LineHasher;

/// What is larger goes into a temporary file.
const IN_MEMORY: usize = 8 * 1024 * 1024;

pub(super) struct Spool {
    file: BufWriter<SpooledTempFile>,
    hasher: LineHasher,
}

impl Spool {
    pub(super) fn new() -> Self {
        let file = BufWriter::new(SpooledTempFile::new(IN_MEMORY));
        Self { file, hasher: LineHasher::default() }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.add(bytes);
        self.file.write_all(bytes)
    }

    pub(super) fn line(&mut self, text: &str) -> io::Result<()> {
        self.write(text.as_bytes())?;
        self.write(b"\n")
    }

    pub(super) const fn lines(&self) -> usize {
        self.hasher.lines
    }

    /// What was written so far.
    pub(super) fn total(&self) -> Total {
        Total::of(&self.hasher)
    }

    /// What was written, to be read from its beginning.
    pub(super) fn finish(self) -> io::Result<(Total, impl Read)> {
        let total = self.total();
        let mut file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        Ok((total, file))
    }
}
