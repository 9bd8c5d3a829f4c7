//! One round of a run: several writers change the same logs, traces and pods until a fault ends the
//! round. After each round, the auditor checks the contents.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};

use session_store::SessionId;

use crate::report::{Tally, Violation};
use crate::target::{Content, Kind, Target};

/// The number of rounds that are reserved for each storage, so that rounds on different storages
/// have different numbers.
pub(crate) const ROUNDS_OF_STORAGE: usize = 1_000;

/// The state that the writers of a round share with the actor and the auditor.
#[derive(Debug)]
pub(crate) struct Round {
    /// The number of the round. Each entry contains this number, so that entries of different
    /// rounds differ.
    pub(crate) number: usize,
    /// The logs, traces and pods that the writers change. The first target is a log that all
    /// writers share. Each writer also has three targets of its own. These targets are a log, a
    /// trace and a pod, or three logs if the store has no pods.
    pub(crate) targets: Vec<Target>,
    pub(crate) progress: Vec<Progress>,
    /// Set when all writers must end after their current call.
    pub(crate) over: AtomicBool,
    /// Set when a full disk has room again. Calls that start later must not fail for lack of room.
    pub(crate) has_room_again: AtomicBool,
    /// Set when the power is cut. Calls that return later count as calls of unknown outcome.
    pub(crate) power_is_off: AtomicBool,
    tally: Mutex<Tally>,
    violations: Mutex<Vec<Violation>>,
}

/// The progress of one writer. An actor reads the progress to choose the moment of a fault.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// The number of calls that the writer has begun.
    pub(crate) calls: AtomicUsize,
    /// Whether the current call is a change other than an append.
    pub(crate) rewrites: AtomicBool,
    /// The number of changes that were acknowledged.
    pub(crate) acknowledged: AtomicUsize,
    /// The number of changes that were refused because of a fault.
    pub(crate) refused: AtomicUsize,
    pub(crate) ended: AtomicBool,
}

impl Round {
    /// Returns the first round on an empty storage. Without `has_pods`, all targets are logs.
    pub(crate) fn first(number: usize, writers: usize, has_pods: bool) -> Self {
        let session = SessionId::new();
        let own = if has_pods { [Kind::Log, Kind::Trace, Kind::Pod] } else { [Kind::Log; 3] };
        let kinds = [Kind::Log].into_iter().chain((0..writers).flat_map(|_| own));
        let mut targets: Vec<_> = kinds.map(|kind| Target::new(kind, session)).collect();
        // In every fourth storage, the shared log has large entries. In every storage, the first
        // log of one writer has large entries. More large logs could fill a small disk.
        targets[0].is_large = (number / ROUNDS_OF_STORAGE).is_multiple_of(4);
        targets[1].is_large = true;
        Self::on(number, writers, targets)
    }

    /// Returns the next round on the same storage. `contents` are the contents of the targets now.
    pub(crate) fn next(self, contents: Vec<Content>) -> Self {
        let writers = self.progress.len();
        let targets = self.targets.into_iter().zip(contents);
        let targets = targets.map(|(target, content)| target.continued(content)).collect();
        Self::on(self.number + 1, writers, targets)
    }

    fn on(number: usize, writers: usize, targets: Vec<Target>) -> Self {
        Self {
            number,
            targets,
            progress: (0..writers).map(|_| Progress::default()).collect(),
            over: AtomicBool::new(false),
            has_room_again: AtomicBool::new(false),
            power_is_off: AtomicBool::new(false),
            tally: Mutex::default(),
            violations: Mutex::default(),
        }
    }

    /// Returns a target for the next call of the writer with this number. `chance` is a random
    /// number that chooses the target: half of the calls go to the shared log.
    pub(crate) fn target_of(&self, writer: usize, chance: usize) -> &Target {
        let own = 1 + 3 * writer;
        &self.targets[match chance % 8 {
            0..4 => 0,
            4 | 5 => own,
            6 => own + 1,
            _ => own + 2,
        }]
    }

    pub(crate) fn count(&self, count: impl FnOnce(&mut Tally)) {
        count(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn violated(&self, violation: Violation) {
        self.violations.lock().unwrap_or_else(PoisonError::into_inner).push(violation);
    }

    /// Returns the counts, or the first violation of the writers.
    pub(crate) fn result(&self) -> Result<Tally, Violation> {
        match self.violations.lock().unwrap_or_else(PoisonError::into_inner).first() {
            Some(violation) => Err(violation.clone()),
            None => Ok(self.tally.lock().unwrap_or_else(PoisonError::into_inner).clone()),
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(SeqCst)
    }
}
