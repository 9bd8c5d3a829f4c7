//! The checks of the conformance kit over the file backend: with each durability, and with an
//! exclusive handle.

use std::io;
use std::path::PathBuf;

use session_store_conformance::{Harness, Storage, conformance_growth, conformance_matrix};
use session_store_core::{Durability, SegmentId, SessionId, Store, StoreError};
use session_store_fs::{FsOptions, FsStore};
use tempfile::TempDir;
use test_servers::{ExclusiveHandle, fast_folder};

/// Every storage is a new folder.
struct Folders {
    options: FsOptions,
    folder: fn() -> TempDir,
    is_exclusive: bool,
}

impl Folders {
    fn with(durability: Durability, folder: fn() -> TempDir) -> Self {
        let options = FsOptions::new().create(true).durability(durability);
        Self { options, folder, is_exclusive: false }
    }

    fn exclusive() -> Self {
        let options = FsOptions::new().create(true).exclusive(true);
        Self { options, folder: temporary_folder, is_exclusive: true }
    }
}

fn temporary_folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder can be created")
}

impl Harness for Folders {
    fn fresh(&self) -> Box<dyn Storage> {
        let exclusive = self.is_exclusive.then(ExclusiveHandle::default);
        Box::new(Folder { folder: (self.folder)(), options: self.options.clone(), exclusive })
    }

    fn open_at(&self, address: &str) -> Result<Box<dyn Store>, StoreError> {
        Ok(Box::new(self.options.open(address)?))
    }
}

struct Folder {
    folder: TempDir,
    options: FsOptions,
    /// The handle of an exclusive store.
    exclusive: Option<ExclusiveHandle<FsStore>>,
}

impl Folder {
    fn root(&self) -> PathBuf {
        self.folder.path().join("logs")
    }
}

impl Storage for Folder {
    fn open(&self) -> Result<Box<dyn Store>, StoreError> {
        let open = || self.options.open(self.root());
        Ok(match &self.exclusive {
            Some(handle) => Box::new(handle.open(open)?),
            None => Box::new(open()?),
        })
    }

    fn address(&self) -> Option<String> {
        let is_shared = self.exclusive.is_none();
        is_shared.then(|| self.root().to_str().map(String::from))?
    }

    fn keep(&mut self) -> Option<PathBuf> {
        self.folder.disable_cleanup(true);
        Some(self.root())
    }

    fn folder(&self) -> Option<PathBuf> {
        Some(self.root())
    }

    fn log_file(&self, session_id: SessionId, segment_id: SegmentId) -> Option<PathBuf> {
        Some(self.root().join(session_id.to_string()).join(format!("{segment_id}.jsonl")))
    }

    fn raise_format(&self) -> Option<io::Result<()>> {
        let sidecar = self.root().join(".session-store");
        let raise = || {
            std::fs::create_dir_all(&sidecar)?;
            std::fs::write(sidecar.join("format"), r#"{"version":999,"adopted":false}"#)
        };
        Some(raise())
    }

    fn open_missing(&self) -> Option<Result<Box<dyn Store>, StoreError>> {
        let opened = FsStore::open(self.folder.path().join("mistyped"));
        Some(opened.map(|store| Box::new(store) as Box<dyn Store>))
    }
}

conformance_growth! {
    harness: Folders::with(Durability::Process, temporary_folder),
}

conformance_matrix! {
    process: {
        harness: Folders::with(Durability::Process, temporary_folder),
        skip: {
            atomic_batch: "a killed writer can leave only the first entries of a batch",
            unlist: "there is no separate index that could lose a segment",
        },
    },
    power: {
        harness: Folders::with(Durability::Power, fast_folder),
        skip: {
            atomic_batch: "a killed writer can leave only the first entries of a batch",
            unlist: "there is no separate index that could lose a segment",
        },
    },
    exclusive: {
        harness: Folders::exclusive(),
        skip: {
            atomic_batch: "a killed writer can leave a part of a batch, which the error reports",
            unlist: "there is no index beside the folders",
            multi_process: "one handle makes all changes",
            process: "one handle makes all changes, and the torture kills its process",
            files: "one handle makes all changes, and the torture fills its disk",
        },
    },
}
