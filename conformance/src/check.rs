//! A check: one promise of one clause, and what it takes to run it.

use std::any::Any;
use std::fmt;
use std::panic::{self, AssertUnwindSafe};

use crate::failure::{Failure, Verdict};
use crate::harness::Harness;
use crate::need::{Declared, Need};
use crate::run::Run;
use crate::unsupported;

/// One check of the kit.
#[derive(Debug)]
#[non_exhaustive]
pub struct Check {
    /// Its one identifier: name of the test, of the function, and what filters match. It never changes.
    pub id: &'static str,
    /// The clause of the [contract](session_store_core::contract).
    pub clause: &'static str,
    /// What the store promises, in a sentence.
    pub promise: &'static str,
    /// What the check can't do without.
    pub needs: &'static [Need],
    pub(crate) body: fn(&Run<'_>) -> Verdict,
}

/// What a check comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The store was not caught breaking the promise.
    Passed,
    /// The check says nothing about this store, and why.
    CannotRun(String),
    /// The store broke the promise: what was expected and found, and the operations that led there.
    Failed(String),
}

impl Check {
    /// Runs the check on a fresh storage. A panic is a failure.
    #[must_use]
    pub fn run(&self, harness: &dyn Harness) -> Outcome {
        let made = panic::catch_unwind(AssertUnwindSafe(|| Run::new(harness)));
        let run = match made {
            Ok(run) => run,
            Err(cause) => {
                let text = panic_text(&*cause);
                return Outcome::Failed(format!("{self}\nno fresh storage: {text}"));
            }
        };
        match panic::catch_unwind(AssertUnwindSafe(|| self.verdict(&run))) {
            Ok(Ok(())) => Outcome::Passed,
            Ok(Err(Failure::CannotRun(reason))) => Outcome::CannotRun(reason),
            Ok(Err(failure)) => Outcome::Failed(self.report(&failure.to_string(), run)),
            Err(cause) => Outcome::Failed(self.report(&panic_text(&*cause), run)),
        }
    }

    fn verdict(&self, run: &Run<'_>) -> Verdict {
        if !self.needs.is_empty() {
            // Asking what can be done to a storage may do it, so a storage of its own is asked.
            let storage = run.harness().fresh();
            let declared = Declared::by(&*storage.open()?);
            if let Some(operation) = self.needs.iter().find_map(|need| need.undeclared(declared)) {
                return unsupported::must_be_refused(run, operation);
            }
            let missing = |need: &Need| need.missing(run.harness(), &*storage, declared);
            if let Some(reason) = self.needs.iter().find_map(missing) {
                return Err(Failure::cannot_run(reason));
            }
        }
        (self.body)(run)
    }

    fn report(&self, failure: &str, run: Run<'_>) -> String {
        format!("{self}\n{}", run.into_story(failure))
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
    format!("a panic: {}", text.unwrap_or_else(|| String::from("without words")))
}
