//! All checks in one go, and what came of each: for programs that try a store outside of a test binary, and
//! for those who publish the result.

use std::fmt;

use serde_json::{Value, json};

use crate::check::{Check, Outcome};
use crate::harness::Harness;
use crate::list::CHECKS;

/// Runs every check whose id contains `filter`, each on a fresh storage; with an empty filter, all.
#[must_use]
pub fn run_all(harness: &dyn Harness, filter: &str) -> Report {
    let chosen = CHECKS.iter().filter(|check| check.id.contains(filter));
    chosen.map(|check| (check, check.run(harness))).collect()
}

/// What came of the checks that were run. `Display` is a text for people, [`to_json`](Report::to_json) one
/// for programs.
#[derive(Debug)]
#[non_exhaustive]
pub struct Report {
    /// Each check with its outcome, in the order of [`CHECKS`].
    pub results: Vec<(&'static Check, Outcome)>,
}

/// For programs that run the checks one by one, to show how far they are or to stop between two.
impl FromIterator<(&'static Check, Outcome)> for Report {
    fn from_iter<I: IntoIterator<Item = (&'static Check, Outcome)>>(results: I) -> Self {
        Self { results: results.into_iter().collect() }
    }
}

impl Report {
    /// The version of the kit, which a result is worth nothing without.
    pub const KIT: &'static str = env!("CARGO_PKG_VERSION");

    /// Whether some checks passed and none failed. It says that the store was not caught, not that it is
    /// right; and nothing about the checks that could not run.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.passed() > 0 && self.failed().next().is_none()
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

    fn passed(&self) -> usize {
        self.ids(|outcome| *outcome == Outcome::Passed).count()
    }

    /// The report as one JSON object: `kit`, the version; `passed`, `failed` and `not_run`, counts; and
    /// `checks`, a list of objects with `id`, `clause`, `promise`, `outcome` (`passed`, `failed` or
    /// `not_run`) and, where it did not pass, `message`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let checks: Vec<_> =
            self.results.iter().map(|(check, outcome)| told(check, outcome)).collect();
        let report = json!({
            "kit": Self::KIT,
            "passed": self.passed(),
            "failed": self.failed().count(),
            "not_run": self.not_run().count(),
            "checks": checks,
        });
        format!("{report:#}")
    }
}

fn told(check: &Check, outcome: &Outcome) -> Value {
    let (outcome, message) = match outcome {
        Outcome::Passed => ("passed", None),
        Outcome::CannotRun(reason) => ("not_run", Some(reason)),
        Outcome::Failed(report) => ("failed", Some(report)),
    };
    let mut told = json!({
        "id": check.id, "clause": check.clause, "promise": check.promise, "outcome": outcome,
    });
    if let Some(message) = message {
        told["message"] = json!(message);
    }
    told
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
        let (passed, kit) = (self.passed(), Self::KIT);
        writeln!(
            f,
            "{passed} passed, {failed} failed, {not_run} not run, of {all} checks (kit {kit})"
        )
    }
}
