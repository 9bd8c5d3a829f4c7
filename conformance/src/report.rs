//! Runs all checks and reports their outcomes, for programs that test a store outside of a test
//! binary or publish the results.

use std::fmt;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::all_checks::all_checks;
use crate::check::{Check, Outcome};
use crate::harness::Harness;

/// Runs every check whose id contains `filter`. The comparison with a model counts as a check here.
/// Each check runs on a fresh storage. An empty filter selects everything.
///
/// The function returns even if the store or the harness panics or hangs. So a program can test its
/// store at run time, with a filter for the checks that matter.
pub fn run_all(harness: impl Harness, filter: &str) -> Report {
    run_with_skips(harness, filter, &[])
}

/// Runs checks as [`run_all`] does, except the checks that `skips` names.
///
/// A skip is a name and a reason. The names are the same as for `skip` in
/// [`conformance_tests!`](crate::conformance_tests). A check that is left out has the outcome
/// [`Outcome::CannotRun`] with the reason.
pub fn run_with_skips(harness: impl Harness, filter: &str, skips: &[(&str, &str)]) -> Report {
    let harness: Arc<dyn Harness> = Arc::new(harness);
    let chosen = all_checks().filter(|check| check.id.contains(filter));
    let outcome = |check: &'static Check| {
        let skip = skips.iter().find(|(name, _)| check.is_named_by(name));
        skip.map_or_else(
            || check.run(&harness),
            |(_, reason)| Outcome::CannotRun((*reason).to_owned()),
        )
    };
    chosen.map(|check| (check, outcome(check))).collect()
}

/// The outcomes of a run. `Display` prints a text for people, and [`to_json`](Report::to_json)
/// returns JSON for programs.
#[must_use]
#[derive(Debug)]
#[non_exhaustive]
pub struct Report {
    /// Each check with its outcome, in the order of [`all_checks`].
    pub results: Vec<(&'static Check, Outcome)>,
}

/// A program can run the checks one by one and collect their outcomes in a report, for example to
/// show its progress or to stop between two checks.
impl FromIterator<(&'static Check, Outcome)> for Report {
    fn from_iter<I: IntoIterator<Item = (&'static Check, Outcome)>>(results: I) -> Self {
        Self { results: results.into_iter().collect() }
    }
}

impl Report {
    /// The version of the kit. A result holds only for one version of the checks.
    pub const KIT: &'static str = env!("CARGO_PKG_VERSION");

    /// Returns whether at least one check passed and none failed.
    ///
    /// A return value of `true` does not prove that the store is correct. Checks that could not run
    /// do not count.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.passed() > 0 && self.failed().next().is_none()
    }

    /// Returns the ids of the checks that failed.
    pub fn failed(&self) -> impl Iterator<Item = &'static str> {
        self.ids(|outcome| matches!(outcome, Outcome::Failed(_)))
    }

    /// Returns the ids of the checks that could not run.
    pub fn not_run(&self) -> impl Iterator<Item = &'static str> {
        self.ids(|outcome| matches!(outcome, Outcome::CannotRun(_)))
    }

    fn ids(&self, of: fn(&Outcome) -> bool) -> impl Iterator<Item = &'static str> {
        self.results.iter().filter(move |(_, outcome)| of(outcome)).map(|(check, _)| check.id)
    }

    fn passed(&self) -> usize {
        self.ids(|outcome| *outcome == Outcome::Passed).count()
    }

    /// Returns the report as one JSON object.
    ///
    /// The object has these fields:
    /// - `kit`: the version,
    /// - `passed`, `failed`, `not_run`: the numbers of checks with this outcome,
    /// - `checks`: a list of objects with the fields `id`, `clause`, `promise` and `outcome`
    ///   (`passed`, `failed` or `not_run`). If the check did not pass, the object also has a
    ///   `message`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let checks: Vec<_> =
            self.results.iter().map(|(check, outcome)| to_value(check, outcome)).collect();
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

fn to_value(check: &Check, outcome: &Outcome) -> Value {
    let (outcome, message) = match outcome {
        Outcome::Passed => ("passed", None),
        Outcome::CannotRun(reason) => ("not_run", Some(reason)),
        Outcome::Failed(report) => ("failed", Some(report)),
    };
    let mut value = json!({
        "id": check.id, "clause": check.clause, "promise": check.promise, "outcome": outcome,
    });
    if let Some(message) = message {
        value["message"] = json!(message);
    }
    value
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
