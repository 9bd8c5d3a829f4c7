//! The store under test: its backend and durability, and how it is opened.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use clap::ValueEnum;
use session_store::{Durability, OpenError, Store, StoreError};

use crate::planted::{self, Flaw};

/// The backends that can be tortured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Backend {
    /// JSONL files.
    Fs,
    /// An SQLite database.
    Sqlite,
    /// One Redis server.
    Redis,
    /// A Redis Cluster.
    Cluster,
    /// A PostgreSQL server.
    Postgres,
}

/// The store under test.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject {
    pub(crate) backend: Backend,
    pub(crate) durability: Durability,
    /// Whether the first process of a round has an exclusive handle. With files, the other
    /// processes then only read. With SQLite, the first process is the only one, and makes the
    /// calls of all writers.
    pub(crate) is_exclusive: bool,
    /// The planted bug, if the store is not one of ours.
    pub(crate) flaw: Option<Flaw>,
}

impl Subject {
    /// Returns the address of a file store or a database for [`open_or_create`].
    pub(crate) fn address(&self, path: &Path) -> String {
        let scheme = if self.backend == Backend::Fs { "fs" } else { "sqlite" };
        let exclusive = if self.is_exclusive { "&exclusive=true" } else { "" };
        let url = format!("{scheme}:{}?durability={}{exclusive}", path.display(), self.durability);
        match self.flaw {
            Some(flaw) => planted::address(flaw, path, &url),
            None => url,
        }
    }

    /// Returns whether the process with this number only reads.
    pub(crate) fn only_reads(&self, number: usize) -> bool {
        self.is_exclusive && self.backend == Backend::Fs && number > 0
    }

    /// Returns the number of processes of a round with this number of writers.
    pub(crate) fn processes(&self, writers: usize) -> usize {
        if self.is_exclusive && self.backend == Backend::Sqlite { 1 } else { writers }
    }

    /// Returns the number of processes that write, of `processes` in a round.
    pub(crate) fn writers(&self, processes: usize) -> usize {
        if self.is_exclusive { 1 } else { processes }
    }

    /// Returns the number of logs for which the file store keeps a checkpoint of its scan. A new
    /// handle starts its first scan of such a log at the checkpoint.
    pub(crate) fn checkpoints(&self, path: &Path) -> usize {
        let found = fs::read_dir(path.join(".session-store/checkpoints"));
        found.map_or(0, |files| files.filter(Result::is_ok).count())
    }

    /// Returns whether the store has traces and pods. The stores with planted bugs have logs only.
    pub(crate) fn has_pods(&self) -> bool {
        self.flaw.is_none()
    }

    /// Returns whether an interrupted batch can be stored in part.
    pub(crate) fn stores_in_parts(&self) -> bool {
        self.backend == Backend::Fs
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.flaw {
            Some(flaw) => write!(f, "{flaw:?}"),
            None => {
                let exclusive = if self.is_exclusive { ", exclusive" } else { "" };
                write!(f, "{:?} with durability {}{exclusive}", self.backend, self.durability)
            }
        }
    }
}

/// Opens a storage. Creates the storage if it does not exist.
pub(crate) fn open_or_create(address: &str) -> Result<Box<dyn Store>, StoreError> {
    match planted::open(address) {
        Some(store) => store,
        None => Ok(Box::new(session_store::open_or_create(address).map_err(to_store_error)?)),
    }
}

fn to_store_error(error: OpenError) -> StoreError {
    match error {
        OpenError::Store { source, .. } => *source,
        error => io::Error::other(error).into(),
    }
}
