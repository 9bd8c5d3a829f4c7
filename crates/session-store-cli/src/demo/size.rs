//! The size of a store on disk.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use serde::Serialize;

use crate::text::plural;

/// A number of files, and their size.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Size {
    files: usize,
    bytes: u64,
}

impl Size {
    /// Returns the size of a file, or of all files below a directory. Hidden files and directories
    /// are skipped, because they do not contain entries.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        if !metadata.is_dir() {
            return Ok(Self { files: 1, bytes: metadata.len() });
        }
        let mut total = Self { files: 0, bytes: 0 };
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            if !entry.file_name().as_encoded_bytes().starts_with(b".") {
                let Self { files, bytes } = Self::of(&entry.path())?;
                total = Self { files: total.files + files, bytes: total.bytes + bytes };
            }
        }
        Ok(total)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { files, bytes } = self;
        let files = plural(*files, "file", "files");
        write!(f, "{files}, {}.{} kB", bytes / 1000, bytes % 1000 / 100)
    }
}
