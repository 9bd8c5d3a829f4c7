//! All checks in one go, and what came of each: for programs that try a store outside of a test binary.

use std::fmt;

use crate::check::{Check, Outcome};
use crate::harness::Harness;
use crate::list::CHECKS;

/// Runs every check whose id contains `filter`, each on a fresh storage; with an empty filter, all.
#[must_use]
pub fn run_all(harness: &dyn Harness, filter: &str) -> Report {
    let chosen = CHECKS.iter().filter(|check| check.id.contains(filter));
    Report { results: chosen.map(|check| (check, check.run(harness))).collect() }
}

/// What came of the checks that were run. `Display` is a text for people.
#[derive(Debug)]
#[non_exhaustive]
pub struct Report {
    /// Each check with its outcome, in the order of [`CHECKS`].
    pub results: Vec<(&'static Check, Outcome)>,
}

impl Report {
    /// Whether no check failed. It says that the store was not caught, not that it is right; and nothing
    /// about the checks that could not run.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.failed().next().is_none()
    }

    /// The ids of the checks that failed.
    pub fn failed(&self) -> impl Iterator<Item = &'static str> {
        self.ids(|outcome| matches!(outcome, Outcome::Failed(_)))
    }

    /// The ids of the checks that could not run.
    pub fn not_run(&self) -> impl Iterator<Item = &'static str> {
        self.ids(|outcome| matches!(outcome, Outcome::CannotRun(_)))
    }

    fn ids(&self, of: fn(&Outcome) -> bool) -> impl Iterator<Item = &'static str> {
        self.results.iter().filter(move |(_, outcome)| of(outcome)).map(|(check, _)| check.id)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (check, outcome) in &self.results {
            match outcome {
                Outcome::Passed => writeln!(f, "ok       {}", check.id)?,
                Outcome::CannotRun(reason) => writeln!(f, "not run  {}: {reason}", check.id)?,
                Outcome::Failed(report) => writeln!(f, "FAILED   {report}\n")?,
            }
        }
        let (all, failed, not_run) =
            (self.results.len(), self.failed().count(), self.not_run().count());
        let passed = all - failed - not_run;
        writeln!(f, "{passed} passed, {failed} failed, {not_run} not run, of {all} checks")
    }
}
