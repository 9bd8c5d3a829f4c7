//! The moment of a fault, in the middle of a call. Half of the moments are in a call that rewrites.
//! Every change except an append is such a call.

use std::hint;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::{Duration, Instant};

use session_store_conformance::{Random, RemoteStore};

use crate::round::Progress;

/// The longest wait for a call of the required kind. After this time the fault happens in any call.
const GIVE_UP_AFTER: Duration = Duration::from_secs(2);

/// A moment in the run of one writer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// The minimum number of calls that the writer has begun.
    calls: usize,
    /// Whether the current call must be a change other than an append.
    rewrites: bool,
    /// The time from the start of the call to the fault.
    delay: Duration,
}

impl Moment {
    /// Returns a random moment. Four of five delays are below `usual_delay`, so that most faults
    /// happen in the middle of a call.
    pub(crate) fn random(random: &mut Random, usual_delay: Duration) -> Self {
        let longest = usize::try_from(usual_delay.as_nanos()).unwrap_or(usize::MAX);
        let delay = match random.below(5) {
            0 => longest * 4,
            _ => longest,
        };
        Self {
            calls: 1 + random.below(16),
            rewrites: random.below(2) == 0,
            delay: Duration::from_nanos(random.below(delay) as u64),
        }
    }

    /// Waits for the moment.
    pub(crate) fn wait(&self, progress: &Progress, process: &RemoteStore) {
        let begun = Instant::now();
        let is_late = || begun.elapsed() > GIVE_UP_AFTER || progress.ended.load(SeqCst);
        let is_call = || {
            progress.calls.load(SeqCst) >= self.calls
                && (!self.rewrites || progress.rewrites.load(SeqCst))
        };
        while !is_call() && !is_late() {
            thread::yield_now();
        }
        // The writer has sent a call. Wait until the process reports the start of a call, so that
        // the fault happens during the call. The wait also ends when the writer begins its next
        // call.
        let (call, started) = (progress.calls.load(SeqCst), process.calls_started());
        let has_started =
            || process.calls_started() > started || progress.calls.load(SeqCst) > call;
        while !has_started() && !is_late() {
            thread::yield_now();
        }
        // Wait in a loop without a sleep, because a sleep is too inexact for a moment in a short
        // call.
        let started = Instant::now();
        while started.elapsed() < self.delay {
            hint::spin_loop();
        }
    }
}
