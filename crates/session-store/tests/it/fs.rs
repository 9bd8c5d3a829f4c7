//! The checks of the conformance kit over the file backend. Every storage is a new folder.

use std::io;
use std::path::PathBuf;

use session_store_conformance::{Storage, conformance_tests};
use session_store_core::{SegmentId, SessionId, Store, StoreError};
use session_store_fs::FsStore;
use tempfile::TempDir;

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder can be created"))
    }

    fn root(&self) -> PathBuf {
        self.0.path().join("logs")
    }
}

impl Storage for Folder {
    fn open(&self) -> Result<Box<dyn Store>, StoreError> {
        Ok(Box::new(FsStore::open_or_create(self.root())?))
    }

    fn address(&self) -> Option<String> {
        self.root().to_str().map(String::from)
    }

    fn open_at(address: &str) -> Result<Box<dyn Store>, StoreError> {
        Ok(Box::new(FsStore::open_or_create(address)?))
    }

    fn keep(&mut self) -> Option<PathBuf> {
        self.0.disable_cleanup(true);
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
        let opened = FsStore::open(self.0.path().join("mistyped"));
        Some(opened.map(|store| Box::new(store) as Box<dyn Store>))
    }
}

conformance_tests! {
    harness: Folder::new,
    skip: {
        atomic_batch: "a killed writer can leave a part of a batch, which the error reports",
        unlist: "the listings read the folders",
    }
}
