//! What a check is given: a fresh storage, handles on it, and the trail that they write.

use std::sync::Arc;

use crate::failure::{Failure, ensure};
use crate::harness::{Harness, Storage};
use crate::log::Ids;
use crate::recorded::Recorded;
use crate::trail::Trail;

/// One run of one check.
pub(crate) struct Run<'h> {
    harness: &'h dyn Harness,
    storage: Box<dyn Storage>,
    trail: Arc<Trail>,
}

impl<'h> Run<'h> {
    pub(crate) fn new(harness: &'h dyn Harness) -> Self {
        Self { harness, storage: harness.fresh(), trail: Arc::default() }
    }

    /// A second storage, which has nothing to do with the first; its operations go to the same trail.
    pub(crate) fn elsewhere(&self) -> Self {
        self.trail.record(String::from("a second, fresh storage"));
        Self {
            harness: self.harness,
            storage: self.harness.fresh(),
            trail: Arc::clone(&self.trail),
        }
    }

    /// A new handle on the storage.
    pub(crate) fn open(&self) -> Result<Recorded, Failure> {
        Ok(Recorded::new(self.storage.open()?, Arc::clone(&self.trail)))
    }

    /// So many handles on the storage.
    pub(crate) fn open_many(&self, handles: usize) -> Result<Vec<Recorded>, Failure> {
        (0..handles).map(|_| self.open()).collect()
    }

    pub(crate) fn harness(&self) -> &'h dyn Harness {
        self.harness
    }

    pub(crate) fn storage(&self) -> &dyn Storage {
        &*self.storage
    }

    pub(crate) fn trail(&self) -> &Trail {
        &self.trail
    }

    /// Damages a stored entry, in the log's file where there is one. No handle may be open.
    pub(crate) fn overwrite(
        &self,
        (session_id, segment_id): Ids,
        index: usize,
        bytes: &[u8],
    ) -> Result<(), Failure> {
        let shown = String::from_utf8_lossy(bytes);
        self.trail.record(format!("entry {index} overwritten from outside with {shown:?}"));
        if let Some(done) = self.storage.overwrite(session_id, segment_id, index, bytes) {
            return Ok(done?);
        }
        let path = self.storage.log_file(session_id, segment_id);
        let path = path.ok_or_else(|| Failure::new("the harness cannot overwrite an entry"))?;
        let log = std::fs::read(&path)?;
        let mut lines: Vec<_> = log.split(|&byte| byte == b'\n').collect();
        ensure!(index < lines.len(), "{} has no line {index}", path.display());
        lines[index] = bytes;
        Ok(std::fs::write(&path, lines.join(&b'\n'))?)
    }
}
