//! Stores that are broken on purpose. Each store must fail exactly the checks in its list.
//!
//! If a check fails that is not in the list of the store, the check or the list is wrong. The
//! stores show that the checks can fail, because a check that never fails is useless. The tests run
//! only the listed checks, because all checks over all stores take minutes. `cargo xtask
//! conformance` runs all checks.
//!
//! The set of checks that a store fails must not depend on the schedule of threads and processes.
//! Two rules ensure this:
//! - A flaw that needs a race is forced: the store pauses in the middle of a call until another
//!   thread or process has seen or changed its state.
//! - If other checks would catch a flaw only in some schedules, the flaw is limited to certain
//!   entries: the entries of the checks that must catch the flaw.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use session_store_conformance::{CHECKS, Check, Harness, Outcome, repetitions};
use session_store_core::{LogEntry, StoreError};

/// Declares the modules with the broken stores, and a constant with their sources.
macro_rules! modules {
    ($($module:ident)*) => {
        $(mod $module;)*

        const SOURCES: &[&str] = &[$(include_str!(concat!(stringify!($module), ".rs"))),*];
    };
}

modules! {
    appends batches capabilities coming_and_going conditions content counts creates cuts deletes
    files handles heads ids index infos listing lookups maintenance oddities pages pods reads
    refusals returned_heads same_ids traces
}

/// The checks that no store can fail, because the types of the core crate enforce their promises.
const ENFORCED_BY_TYPES: [&str; 2] = ["e3_anything_else_is_refused", "p3_bad_names_touch_nothing"];

/// The environment variable for the folder of the results. Every check then runs over every store.
const KILL_TABLE: &str = "SESSION_STORE_KILL_TABLE";

/// A broken store: its name, its flaw, and the checks that must catch it.
pub(crate) struct BrokenStore {
    pub(crate) name: &'static str,
    pub(crate) flaw: &'static str,
    pub(crate) caught_by: &'static [&'static str],
}

impl BrokenStore {
    /// Fails unless the named checks catch the store. With the environment variable for the kill
    /// table, also fails if other checks catch the store. With the variable for repetitions, each
    /// named check that depends on a schedule must catch the store in every run.
    pub(crate) fn must_be_caught(&self, harness: impl Harness) {
        let harness: Arc<dyn Harness> = Arc::new(harness);
        let expected: BTreeSet<_> = self.caught_by.iter().copied().collect();
        let mut caught = BTreeSet::new();
        let all = std::env::var_os(KILL_TABLE).is_some();
        for check in CHECKS.iter().filter(|check| all || expected.contains(check.id)) {
            let runs = if expected.contains(check.id) { repetitions() } else { 1 };
            let failed = failed_runs(check, &harness, runs);
            if failed > 0 {
                println!("{} failed in {failed} runs\n", check.id);
            }
            if failed == runs {
                caught.insert(check.id);
            }
        }
        let missed: Vec<_> = expected.difference(&caught).collect();
        let unexpected: Vec<_> = caught.difference(&expected).collect();
        assert!(
            missed.is_empty() && unexpected.is_empty(),
            "missed by {missed:#?}, unexpectedly caught by {unexpected:#?}"
        );
        self.publish(&expected);
    }

    /// Writes the result to a file with the name of the store, for `cargo xtask conformance`.
    fn publish(&self, caught_by: &BTreeSet<&str>) {
        if let Some(folder) = std::env::var_os(KILL_TABLE) {
            let result = serde_json::json!({ "flaw": self.flaw, "caught_by": caught_by });
            let file = Path::new(&folder).join(format!("{}.json", self.name));
            std::fs::write(file, result.to_string())
                .expect("the folder of the kill table can be written");
        }
    }
}

/// Returns how many of the runs of a check fail. The outcome of a check without concurrent calls is
/// always the same, so such a check runs only once.
fn failed_runs(check: &Check, harness: &Arc<dyn Harness>, runs: usize) -> usize {
    let mut failed = 0;
    for _ in 0..runs {
        let (outcome, is_concurrent) = check.run_once(harness);
        if let Outcome::Failed(report) = &outcome {
            println!("{report}\n");
            failed += 1;
        }
        if !is_concurrent {
            return failed * runs;
        }
    }
    failed
}

/// Defines the test of a broken store over memory. The parts are the flaw, the name, whether all
/// handles share one state, the replaced methods, the state, and the checks that must catch the
/// store.
macro_rules! broken {
    (
        #[doc = $flaw:literal]
        $test:ident in $reach:ident { $($body:tt)* }
        $(state { $($field:ident: $type:ty),* $(,)? })?
        caught by { $($id:ident)* }
    ) => {
        #[test]
        fn $test() {
            struct Broken { inner: std::sync::Arc<$crate::variant::Inner>, $($($field: $type),*)? }

            impl $crate::variant::Variant for Broken {
                $crate::variant::over_memory! { $($($field),*)? }

                $($body)*
            }

            let store = $crate::gallery::BrokenStore {
                name: stringify!($test),
                flaw: $flaw.trim_ascii(),
                caught_by: &[$(stringify!($id)),*],
            };
            store.must_be_caught($crate::variant::$reach::<Broken>);
        }
    };
}

pub(crate) use broken;

/// Returns an entry that a broken store makes from another one.
fn entry(text: impl Into<String>) -> LogEntry {
    LogEntry::from_json(text).expect("the changed text of an entry is an entry")
}

/// Returns a definite error.
fn definite_error() -> StoreError {
    std::io::Error::from(std::io::ErrorKind::Other).into()
}

#[test]
fn every_check_catches_a_broken_store() {
    let separates = |c: char| !c.is_ascii_alphanumeric() && c != '_';
    let named: BTreeSet<_> = SOURCES.iter().flat_map(|source| source.split(separates)).collect();
    let unused = CHECKS.iter().map(|check| check.id).filter(|id| !named.contains(id));
    assert_eq!(unused.collect::<Vec<_>>(), ENFORCED_BY_TYPES);
}
