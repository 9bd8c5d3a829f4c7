//! `Run`: the environment of one check. It has a fresh storage, opens handles, and records their
//! calls in a call log.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::OnceLock;

use session_store_core::SegmentKey;
use session_store_protocol::RemoteStore;

use crate::call_log::CallLog;
use crate::check_result::{CheckError, ensure};
use crate::harness::{Harness, Storage};
use crate::process::start_process;
use crate::random::{self, Random};
use crate::recording::RecordingStore;
use crate::threads::set_concurrent;

/// One run of one check.
pub(crate) struct Run<'h> {
    harness: &'h dyn Harness,
    storage: Box<dyn Storage>,
    call_log: Arc<CallLog>,
    seed: OnceLock<u64>,
}

impl<'h> Run<'h> {
    #[cfg(feature = "model")]
    pub(crate) fn new(harness: &'h dyn Harness) -> Self {
        Self::with_call_log(harness, Arc::default())
    }

    pub(crate) fn with_call_log(harness: &'h dyn Harness, call_log: Arc<CallLog>) -> Self {
        Self { harness, storage: harness.fresh(), call_log, seed: OnceLock::new() }
    }

    /// Creates a second, independent storage. Its calls go to the same call log.
    pub(crate) fn second_storage(&self) -> Self {
        self.call_log.record(String::from("a second, fresh storage"));
        Self::with_call_log(self.harness, Arc::clone(&self.call_log))
    }

    /// Opens a new handle on the storage.
    pub(crate) fn open(&self) -> Result<RecordingStore, CheckError> {
        let opening = self.call_log.start("open");
        let store = self.storage.open();
        opening.end();
        Ok(RecordingStore::new(store?, Arc::clone(&self.call_log)))
    }

    /// Opens several handles on the storage.
    pub(crate) fn open_many(&self, handles: usize) -> Result<Vec<RecordingStore>, CheckError> {
        (0..handles).map(|_| self.open()).collect()
    }

    /// Starts a process that can open a handle.
    pub(crate) fn start_process(&self) -> Result<Arc<RemoteStore>, CheckError> {
        self.start(self.helper()?)
    }

    /// Starts a process that cannot write files longer than `file_kib` KiB.
    ///
    /// A write past this size fails with `EFBIG`, as a write to a full disk fails with `ENOSPC`.
    pub(crate) fn start_process_with_file_limit(
        &self,
        file_kib: usize,
    ) -> Result<Arc<RemoteStore>, CheckError> {
        let helper = self.helper()?;
        let mut limited = Command::new("sh");
        // The unit of `ulimit -f` is 512 bytes. Ignore SIGXFSZ, because it would kill the process.
        // An ignored signal remains ignored after `exec`.
        let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", 2 * file_kib);
        limited.arg("-c").arg(script).arg(helper.get_program()).args(helper.get_args());
        for (name, value) in helper.get_envs() {
            value.map(|value| limited.env(name, value));
        }
        self.start(limited)
    }

    fn helper(&self) -> Result<Command, CheckError> {
        self.harness.helper().ok_or_else(|| CheckError::new("the harness has no helper process"))
    }

    fn start(&self, helper: Command) -> Result<Arc<RemoteStore>, CheckError> {
        set_concurrent();
        self.call_log.record(format!("another process: {helper:?}"));
        let started = start_process(helper);
        let failed =
            |error: io::Error| CheckError::new(format!("cannot start the helper process: {error}"));
        started.map(Arc::new).map_err(failed)
    }

    /// Opens a handle on the storage in `process`.
    pub(crate) fn open_in(&self, process: &Arc<RemoteStore>) -> Result<RecordingStore, CheckError> {
        process.open(&self.address()?)?;
        Ok(RecordingStore::new(Box::new(Arc::clone(process)), Arc::clone(&self.call_log)))
    }

    /// Opens several handles on the storage, each in its own process.
    pub(crate) fn open_processes(
        &self,
        processes: usize,
    ) -> Result<Vec<RecordingStore>, CheckError> {
        (0..processes).map(|_| self.open_in(&self.start_process()?)).collect()
    }

    fn address(&self) -> Result<String, CheckError> {
        self.storage.address().ok_or_else(|| CheckError::new("the harness has no address"))
    }

    /// Returns the folder of the storage.
    pub(crate) fn folder(&self) -> Result<PathBuf, CheckError> {
        self.storage.folder().ok_or_else(|| CheckError::new("the harness has no folder"))
    }

    /// Returns the path of the segment's log.
    pub(crate) fn log_file(&self, key: SegmentKey) -> Result<PathBuf, CheckError> {
        let path = self.storage.log_file(key.session_id, key.segment_id);
        path.ok_or_else(|| CheckError::new("the harness has no log file"))
    }

    /// Returns random numbers. They differ from run to run, unless the environment sets the seed. A
    /// failure prints the seed.
    pub(crate) fn random(&self) -> Random {
        Random::new(self.seed())
    }

    /// Returns the seed of the run. A failure prints the seed.
    pub(crate) fn seed(&self) -> u64 {
        *self.seed.get_or_init(random::seed)
    }

    /// Ends a run that failed with `message`. Returns the report. Keeps the data if the harness
    /// supports that.
    pub(crate) fn into_failure_report(mut self, message: &str) -> String {
        let mut report = self.call_log.failure_report(message);
        if let Some(seed) = self.seed.get() {
            let _ = write!(report, "\nseed: {}={seed}", random::SEED);
        }
        if let Some(path) = self.storage.keep() {
            let _ = write!(report, "\ndata: {}", path.display());
        }
        report
    }

    pub(crate) fn harness(&self) -> &'h dyn Harness {
        self.harness
    }

    pub(crate) fn storage(&self) -> &dyn Storage {
        &*self.storage
    }

    pub(crate) fn call_log(&self) -> &CallLog {
        &self.call_log
    }

    /// Removes a segment from the index that the listings read. No handle may be open.
    pub(crate) fn unlist(&self, key: SegmentKey) -> Result<(), CheckError> {
        self.call_log.record(format!("{key} removed from the index from outside"));
        let done = self.storage.unlist(key.session_id, key.segment_id);
        let done = done.ok_or_else(|| CheckError::new("the harness cannot unlist a segment"))?;
        Ok(done?)
    }

    /// Overwrites a stored entry. If the log is a file, overwrites the line of the entry. No handle
    /// may be open.
    pub(crate) fn overwrite(
        &self,
        key: SegmentKey,
        index: usize,
        bytes: &[u8],
    ) -> Result<(), CheckError> {
        let shown = String::from_utf8_lossy(bytes);
        self.call_log.record(format!("entry {index} overwritten from outside with {shown:?}"));
        if let Some(done) = self.storage.overwrite(key.session_id, key.segment_id, index, bytes) {
            return Ok(done?);
        }
        let path = self.log_file(key)?;
        let log = fs::read(&path)?;
        let mut lines: Vec<_> = log.split(|&byte| byte == b'\n').collect();
        ensure!(index < lines.len(), "{} has no line {index}", path.display());
        lines[index] = bytes;
        Ok(fs::write(&path, lines.join(&b'\n'))?)
    }
}
