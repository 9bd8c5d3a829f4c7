//! How much is measured, with what, and where.

use std::env;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::Answer;
use crate::finding::Finding;
use crate::load::Load;

/// A benchmark: a few findings that belong together.
#[derive(Clone, Copy)]
pub(crate) struct Bench {
    /// The backend and the operation.
    pub(crate) name: &'static str,
    /// What is compared with what.
    pub(crate) about: &'static str,
    pub(crate) run: fn(&Plan) -> Answer<Vec<Finding>>,
}

/// The circumstances that all benchmarks share.
pub(crate) struct Plan {
    /// As little as it takes to see that everything runs.
    pub(crate) quick: bool,
    /// Those of 1 KB, and those of the corpus.
    pub(crate) loads: [Load; 2],
    folder: TempDir,
}

impl Plan {
    /// Files are made in a folder of its own in the one given, else in the system's for temporary ones.
    pub(crate) fn new(quick: bool, loads: [Load; 2], parent: Option<&Path>) -> Answer<Self> {
        let parent = parent.map_or_else(env::temp_dir, Path::to_owned);
        let folder = tempfile::Builder::new().prefix("session-store-bench-").tempdir_in(parent)?;
        Ok(Self { quick, loads, folder })
    }

    /// Entries of 1 KB.
    pub(crate) fn kilobyte(&self) -> &Load {
        &self.loads[0]
    }

    /// Entries of the sizes that real logs have.
    pub(crate) fn corpus(&self) -> &Load {
        &self.loads[1]
    }

    pub(crate) fn rounds(&self, full: usize) -> usize {
        if self.quick { 2 } else { full }
    }

    /// A size that a quick run does not need: a hundredth will do.
    pub(crate) fn amount(&self, full: usize) -> usize {
        if self.quick { (full / 100).max(1) } else { full }
    }

    /// A fresh folder. All are removed together at the very end: ext4 does not use the inodes of deleted
    /// files again for minutes, and passes over each when it makes a file, so that what came after the
    /// removal of many files would seem slow (symlinks took 2 ms each).
    pub(crate) fn folder(&self) -> Answer<PathBuf> {
        Ok(tempfile::tempdir_in(&self.folder)?.keep())
    }
}
