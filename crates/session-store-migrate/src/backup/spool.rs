//! The content of one file of a backup, in memory or in a temporary file. The content is collected
//! before it is written to the archive, because an archive contains the size of a file before the
//! content.

use std::io::{self, BufWriter, Read, Seek, Write};

use tempfile::SpooledTempFile;

use super::total::Total;
use crate::digest::LineHasher;

/// Content up to this size is held in memory. Larger content is written to a temporary file.
const IN_MEMORY: usize = 8 * 1024 * 1024;

/// Content that is written once and then read once.
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

    /// Returns the total of the bytes that were written so far.
    pub(super) fn total(&self) -> Total {
        Total::of(&self.hasher)
    }

    /// Returns the total, and a reader of the whole content.
    pub(super) fn finish(self) -> io::Result<(Total, impl Read)> {
        let total = self.total();
        let mut file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        Ok((total, file))
    }
}
