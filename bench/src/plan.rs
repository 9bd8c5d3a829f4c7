//! The settings that all benchmarks share: sizes, entries and folders.

use std::env;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::Fallible;
use crate::load::Load;
use crate::measurement::Measurement;

/// A benchmark: a function that returns some measurements.
#[derive(Clone, Copy)]
pub(crate) struct Bench {
    /// The backend and the operation.
    pub(crate) name: &'static str,
    /// The operation, and the floors to which it is compared.
    pub(crate) about: &'static str,
    pub(crate) run: fn(&Plan) -> Fallible<Vec<Measurement>>,
}

/// The settings that all benchmarks share.
pub(crate) struct Plan {
    /// Whether to run only small versions, as a test of the program.
    pub(crate) quick: bool,
    /// Entries of 1 KB, and entries of the sizes in real logs.
    pub(crate) loads: [Load; 2],
    folder: TempDir,
}

impl Plan {
    /// Creates a folder for all files in `parent`, or in the system's folder for temporary files.
    pub(crate) fn new(quick: bool, loads: [Load; 2], parent: Option<&Path>) -> Fallible<Self> {
        let parent = parent.map_or_else(env::temp_dir, Path::to_owned);
        let folder = tempfile::Builder::new().prefix("session-store-bench-").tempdir_in(parent)?;
        Ok(Self { quick, loads, folder })
    }

    /// Returns the measurements of `measure` with each load.
    pub(crate) fn each_load<M: IntoIterator<Item = Measurement>>(
        &self,
        measure: impl Fn(&Load) -> Fallible<M>,
    ) -> Fallible<Vec<Measurement>> {
        let measurements = self.loads.iter().map(measure).collect::<Fallible<Vec<_>>>()?;
        Ok(measurements.into_iter().flatten().collect())
    }

    /// Returns entries of 1 KB.
    pub(crate) fn kilobyte(&self) -> &Load {
        &self.loads[0]
    }

    /// Returns entries of the sizes in real logs.
    pub(crate) fn corpus(&self) -> &Load {
        &self.loads[1]
    }

    pub(crate) fn rounds(&self, full: usize) -> usize {
        if self.quick { 2 } else { full }
    }

    /// Returns the size, or a hundredth of it in a quick run.
    pub(crate) fn amount(&self, full: usize) -> usize {
        if self.quick { (full / 100).max(1) } else { full }
    }

    /// Creates a new folder. All folders are removed at the end of the program.
    ///
    /// No files are deleted between two benchmarks. For some minutes, ext4 does not reuse the
    /// inodes of deleted files, and skips each such inode when it creates a file. After many
    /// deletions, creating a file is slow: a symlink took 2 ms.
    pub(crate) fn folder(&self) -> Fallible<PathBuf> {
        Ok(tempfile::tempdir_in(&self.folder)?.keep())
    }
}
