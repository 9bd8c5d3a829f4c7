//! What a check is given: a fresh storage, handles on it, and the trail that they write.

use std::fmt::Write as _;
use std::io;
use std::process::Command;
use std::sync::Arc;
use std::sync::OnceLock;

use crate::failure::{Failure, ensure};
use crate::harness::{Harness, Storage};
use crate::log::Ids;
use crate::random::Random;
use crate::recorded::Recorded;
use crate::remote::Remote;
use crate::trail::Trail;

/// One run of one check.
pub(crate) struct Run<'h> {
    harness: &'h dyn Harness,
    storage: Box<dyn Storage>,
    trail: Arc<Trail>,
    seed: OnceLock<u64>,
}

impl<'h> Run<'h> {
    pub(crate) fn new(harness: &'h dyn Harness) -> Self {
        Self { harness, storage: harness.fresh(), trail: Arc::default(), seed: OnceLock::new() }
    }

    /// A second storage, which has nothing to do with the first; its operations go to the same trail.
    pub(crate) fn elsewhere(&self) -> Self {
        self.trail.record(String::from("a second, fresh storage"));
        Self {
            harness: self.harness,
            storage: self.harness.fresh(),
            trail: Arc::clone(&self.trail),
            seed: OnceLock::new(),
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

    /// A process of its own, which has nothing open yet.
    pub(crate) fn start_process(&self) -> Result<Arc<Remote>, Failure> {
        self.start(self.helper()?)
    }

    /// A process that can't make a file longer than so many KiB.
    pub(crate) fn start_confined_process(&self, file_kib: usize) -> Result<Arc<Remote>, Failure> {
        let helper = self.helper()?;
        let mut confined = Command::new("sh");
        // The unit of `ulimit -f` is 512 bytes. An ignored signal stays ignored in the program.
        let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", 2 * file_kib);
        confined.arg("-c").arg(script).arg(helper.get_program()).args(helper.get_args());
        for (name, value) in helper.get_envs() {
            value.map(|value| confined.env(name, value));
        }
        self.start(confined)
    }

    fn helper(&self) -> Result<Command, Failure> {
        self.harness.helper().ok_or_else(|| Failure::new("the harness starts no process"))
    }

    fn start(&self, helper: Command) -> Result<Arc<Remote>, Failure> {
        self.trail.record(format!("another process: {helper:?}"));
        let started = Remote::start(helper);
        let lost = |error: io::Error| {
            Failure::new(format!("the process that a check needs did not come up: {error}"))
        };
        started.map(Arc::new).map_err(lost)
    }

    /// The handle that `process` opens on the storage.
    pub(crate) fn open_in(&self, process: &Arc<Remote>) -> Result<Recorded, Failure> {
        process.open(&self.address()?)?;
        Ok(Recorded::new(Box::new(Arc::clone(process)), Arc::clone(&self.trail)))
    }

    /// So many handles on the storage, each in a process of its own.
    pub(crate) fn open_processes(&self, processes: usize) -> Result<Vec<Recorded>, Failure> {
        (0..processes).map(|_| self.open_in(&self.start_process()?)).collect()
    }

    pub(crate) fn address(&self) -> Result<String, Failure> {
        self.storage.address().ok_or_else(|| Failure::new("the harness names no address"))
    }

    /// Numbers that differ from run to run, unless the seed is given; a failure tells it.
    pub(crate) fn random(&self) -> Random {
        Random::new(*self.seed.get_or_init(crate::random::seed))
    }

    /// What is told of a run that failed like this, whose data is kept where the harness can.
    pub(crate) fn into_story(mut self, failure: &str) -> String {
        let mut story = self.trail.story(failure);
        if let Some(seed) = self.seed.get() {
            let _ = write!(story, "\nseed: {}={seed}", crate::random::SEED);
        }
        if let Some(path) = self.storage.keep() {
            let _ = write!(story, "\ndata: {}", path.display());
        }
        story
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
