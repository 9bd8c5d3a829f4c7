//! `Check` tests one promise of the store [contract](session_store_core::contract), and lists its
//! requirements for the store and the harness.

use std::any::Any;
use std::fmt;
use std::panic::{self, AssertUnwindSafe};

use crate::check_result::{CheckError, CheckResult};
use crate::harness::Harness;
use crate::requirement::{Declared, Requirement};
use crate::run::Run;
use crate::unsupported;

/// One check of the kit.
#[derive(Debug)]
#[non_exhaustive]
pub struct Check {
    /// The identifier. Tests and functions are named after it, and filters match it. It never
    /// changes.
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
    /// The check does not apply to this store or harness, for this reason.
    CannotRun(String),
    /// The store broke the promise. The text says what was expected, what was found, and which
    /// calls led to the failure.
    Failed(String),
}

impl Check {
    /// Runs the check on a fresh storage. A panic is a failure.
    #[must_use]
    pub fn run(&self, harness: &dyn Harness) -> Outcome {
        let created = panic::catch_unwind(AssertUnwindSafe(|| Run::new(harness)));
        let run = match created {
            Ok(run) => run,
            Err(cause) => {
                let text = panic_text(&*cause);
                return Outcome::Failed(format!("{self}\ncannot create a fresh storage: {text}"));
            }
        };
        match panic::catch_unwind(AssertUnwindSafe(|| self.result(&run))) {
            Ok(Ok(())) => Outcome::Passed,
            Ok(Err(CheckError::CannotRun(reason))) => Outcome::CannotRun(reason),
            Ok(Err(error)) => Outcome::Failed(self.report(&error.to_string(), run)),
            Err(cause) => Outcome::Failed(self.report(&panic_text(&*cause), run)),
        }
    }

    fn result(&self, run: &Run<'_>) -> CheckResult {
        if !self.requires.is_empty() {
            // The only way to learn whether a harness can damage a storage is to try it. So this
            // tries it on a second storage, which the check never opens.
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

fn panic_text(cause: &(dyn Any + Send)) -> String {
    let text = cause.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| cause.downcast_ref::<String>().cloned());
    format!("panicked: {}", text.unwrap_or_else(|| String::from("without a message")))
}
