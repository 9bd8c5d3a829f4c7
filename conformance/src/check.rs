//! `Check` tests one promise of the store [contract](session_store_core::contract), and lists its
//! requirements for the store and the harness.

use std::any::Any;
use std::env;
use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::call_log::CallLog;
use crate::check_result::{CheckError, CheckResult};
use crate::environment::repetitions;
use crate::harness::Harness;
use crate::panics;
use crate::requirement::{Declared, Requirement};
use crate::run::Run;
use crate::threads::is_concurrent;
use crate::unsupported;

/// One check of the kit.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Check {
    /// The identifier. Tests and functions are named after the identifier, and filters match it, so
    /// it never changes.
    pub id: &'static str,
    /// The clause of the [contract](session_store_core::contract).
    pub clause: &'static str,
    /// The promise of the store, in one sentence.
    pub promise: &'static str,
    /// The requirements for the store and the harness.
    pub requires: &'static [Requirement],
    pub(crate) body: fn(&Run<'_>) -> CheckResult,
}

/// The outcome of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The check found no violation of the promise.
    Passed,
    /// The check does not apply to this store or harness, for the given reason.
    CannotRun(String),
    /// The store broke the promise. The text contains the expected result, the actual result, and
    /// the calls before the failure.
    Failed(String),
}

/// The time limit of a check, unless the environment sets another limit. On a loaded machine with
/// two cores, the slowest check of a backend needs a tenth of this time.
const TIME_LIMIT: Duration = Duration::from_secs(300);

/// The environment variable that sets the time limit of a check, in seconds.
const TIME_LIMIT_VARIABLE: &str = "SESSION_STORE_CONFORMANCE_SECONDS";

fn time_limit() -> Duration {
    let given = env::var(TIME_LIMIT_VARIABLE).ok().and_then(|seconds| seconds.parse().ok());
    given.map_or(TIME_LIMIT, Duration::from_secs)
}

impl Check {
    /// Runs the check on a fresh storage, for at most 300 seconds.
    ///
    /// The check fails if it panics or does not end in time. The environment variable
    /// `SESSION_STORE_CONFORMANCE_SECONDS` sets another limit. The variable
    /// `SESSION_STORE_CONFORMANCE_REPEAT` sets the number of runs of a check with concurrent calls
    /// or killed processes. The check fails if one of these runs fails.
    #[must_use]
    pub fn run(&self, harness: &Arc<dyn Harness>) -> Outcome {
        let (mut outcome, is_concurrent) = self.run_once(harness);
        let repetitions = if is_concurrent { repetitions() } else { 1 };
        for n in 2..=repetitions {
            if outcome != Outcome::Passed {
                break;
            }
            outcome = match self.run_once(harness).0 {
                Outcome::Failed(report) => {
                    Outcome::Failed(format!("{report}\nrun {n} of {repetitions}"))
                }
                other => other,
            };
        }
        outcome
    }

    /// Runs the check once. Also returns whether the check had concurrent calls or another process.
    /// If so, another run can have another outcome.
    #[doc(hidden)]
    #[must_use]
    pub fn run_once(&self, harness: &Arc<dyn Harness>) -> (Outcome, bool) {
        self.run_in_thread(time_limit(), harness)
    }

    /// Runs the check on a fresh storage, for at most the given time.
    ///
    /// A check that does not end in time fails. Its thread is left behind, because a thread cannot
    /// be stopped from outside.
    #[must_use]
    pub fn run_within(&self, limit: Duration, harness: &Arc<dyn Harness>) -> Outcome {
        self.run_in_thread(limit, harness).0
    }

    fn run_in_thread(&self, limit: Duration, harness: &Arc<dyn Harness>) -> (Outcome, bool) {
        panics::print_each_place_once();
        let call_log = Arc::<CallLog>::default();
        let (sender, outcome) = mpsc::channel();
        let started = {
            let (check, harness, call_log) = (*self, Arc::clone(harness), Arc::clone(&call_log));
            thread::Builder::new().name(self.id.to_owned()).spawn(move || {
                let outcome = check.run_in_this_thread(&*harness, call_log);
                // Ignore an error, because it means that the check ran longer than the limit and
                // the receiver was dropped.
                let _ = sender.send((outcome, is_concurrent()));
            })
        };
        let thread = match started {
            Ok(thread) => thread,
            Err(error) => {
                return (Outcome::CannotRun(format!("cannot start a thread: {error}")), false);
            }
        };
        match outcome.recv_timeout(limit) {
            Ok(outcome) => {
                // The thread ends at once, because sending the outcome is its last step. The thread
                // catches all panics, so joining it does not fail.
                let _ = thread.join();
                outcome
            }
            Err(error) => {
                let message = match error {
                    RecvTimeoutError::Timeout => {
                        format!("the check did not end within {} seconds", limit.as_secs_f32())
                    }
                    RecvTimeoutError::Disconnected => {
                        String::from("the thread of the check ended without an outcome")
                    }
                };
                let report = format!("{self}\n{}", call_log.failure_report(&message));
                (Outcome::Failed(report), true)
            }
        }
    }

    /// Returns whether a skip with this name covers the check.
    pub(crate) fn is_named_by(&self, name: &str) -> bool {
        self.id == name || self.requires.iter().any(|requirement| requirement.is_named_by(name))
    }

    fn run_in_this_thread(&self, harness: &dyn Harness, call_log: Arc<CallLog>) -> Outcome {
        let log = Arc::clone(&call_log);
        let caught = panic::catch_unwind(AssertUnwindSafe(|| {
            let run = Run::with_call_log(harness, call_log);
            let outcome = match panic::catch_unwind(AssertUnwindSafe(|| self.result(&run))) {
                Ok(Ok(())) => return Outcome::Passed,
                Ok(Err(CheckError::CannotRun(reason))) => return Outcome::CannotRun(reason),
                Ok(Err(error)) => error.to_string(),
                Err(cause) => panic_text(&*cause, &log),
            };
            Outcome::Failed(self.report(&outcome, run))
        }));
        caught.unwrap_or_else(|cause| {
            let text = format!("cannot create or drop a storage: {}", panic_text(&*cause, &log));
            Outcome::Failed(format!("{self}\n{}", log.failure_report(&text)))
        })
    }

    fn result(&self, run: &Run<'_>) -> CheckResult {
        if !self.requires.is_empty() {
            // Only a trial shows whether a harness can damage a storage. So let it damage a second
            // storage, which the check never opens.
            let storage = run.harness().fresh();
            let declared = Declared::by(&*storage.open()?);
            for requirement in self.requires {
                if let Some(operation) = requirement.undeclared(declared) {
                    return unsupported::must_be_unsupported(run, operation);
                }
                if let Some(reason) = requirement.missing(run.harness(), &*storage, declared) {
                    return Err(CheckError::cannot_run(reason));
                }
            }
        }
        (self.body)(run)
    }

    fn report(&self, message: &str, run: Run<'_>) -> String {
        format!("{self}\n{}", run.into_failure_report(message))
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]: {}", self.id, self.clause, self.promise)
    }
}

/// Describes a panic. A panic during a call was caused by the store, and any other panic by the
/// check or its harness.
fn panic_text(cause: &(dyn Any + Send), call_log: &CallLog) -> String {
    let text = cause.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| cause.downcast_ref::<String>().cloned());
    let who = if call_log.has_panicked_call() { "the store" } else { "the check or its harness" };
    format!("{who} panicked: {}", text.unwrap_or_else(|| String::from("without a message")))
}
