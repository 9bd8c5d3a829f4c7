//! The checks as tests: `conformance_tests!`, and what its expansion calls.

use std::env;
use std::path::Path;
use std::process::Command;

use session_store_core::{Store, StoreError};

use crate::check::{Check, Outcome};
use crate::harness::{Harness, Storage};
use crate::list::CHECKS;
use crate::need::Need;
use crate::report::run_all;

/// Makes one `#[test]` of each check of the kit.
///
/// `harness` is an expression that gives a [`Harness`](crate::Harness): a closure, most often. `skip` names
/// what is missing here, so that the checks that need it can't run, or a single check, each with the reason;
/// those checks are reported as ignored. A check that can't run and is not listed fails, and so does the test
/// `every_skip_is_needed` when something that is listed is there, or a check that is listed would pass.
///
/// What can be missing, by the [`Need`](crate::Need) that it is:
///
/// - what a store declares: `persistent`, `multi_process`, `epoch`, `atomic_batch`; `own_batches` for one of
///   `atomic_batch` and `conditional_append`; and that it keeps `pods`. An operation that is not declared is
///   nothing to skip: its checks demand `Unsupported`;
/// - what a [`Storage`](crate::Storage) implements: `folder`, `log_file`, `overwrite`, `raise_format`,
///   `open_missing`; `process` for an address that another process can open, `files` if that is a path.
///
/// ```
/// mod conformance {
///     use session_store_memory::MemoryStore;
///
///     session_store_conformance::conformance_tests! {
///         harness: || {
///             let store = MemoryStore::new();
///             move || store.clone()
///         },
///         skip: {
///             persistent: "a store in memory ends with its last handle",
///             // and so on: the tests that fail say what belongs here
///         },
///     }
/// }
/// ```
#[macro_export]
macro_rules! conformance_tests {
    (harness: $harness:expr $(, skip: { $($skip:ident: $reason:literal),* $(,)? })? $(,)?) => {
        $crate::conformance_tests! { @tests ($) $harness, { $($($skip: $reason),*)? } }
    };
    // A macro that is made here can't name its own fragments with a `$` of this one, so it gets a `$` as a token.
    (@tests ($d:tt) $harness:expr, { $($skip:ident: $reason:literal),* }) => {
        macro_rules! in_tests {
            () => {
                $crate::InTests::new($harness, concat!(module_path!(), "::in_another_process"))
            };
        }

        // A check by its name and what it needs: skipped as that, or for the first need that is; else a test.
        macro_rules! conformance_test {
            $((@ $skip [$d($d need:ident)*]) => {
                conformance_test! { @ignored $skip $reason }
            };)*
            $((@ $d check:ident [$skip $d($d need:ident)*]) => {
                conformance_test! { @ignored $d check $reason }
            };)*
            (@ $d check:ident [$d need:ident $d($d needs:ident)*]) => {
                conformance_test! { @ $d check [$d($d needs)*] }
            };
            (@ $d check:ident []) => {
                #[test]
                fn $d check() {
                    $crate::assert_holds(&in_tests!(), stringify!($d check));
                }
            };
            (@ignored $d check:ident $d reason:literal) => {
                #[test]
                #[ignore = $d reason]
                fn $d check() {
                    $crate::assert_holds(&in_tests!(), stringify!($d check));
                }
            };
            ($d($d module:ident {
                $d($d check:ident $d clause:ident [$d($d need:ident),*] $d promise:literal;)*
            })*) => {
                $d($d(conformance_test! { @ $d check [$d($d need)*] })*)*
            };
        }

        $crate::for_each_check!(conformance_test);

        #[test]
        fn every_skip_is_needed() {
            $crate::assert_skips_are_needed(&in_tests!(), &[$(stringify!($skip)),*]);
        }

        $crate::model_test! { $harness }

        #[test]
        #[ignore = "the report, on request: cargo test -- --ignored --nocapture report"]
        fn report() {
            $crate::write_report(&in_tests!(), module_path!());
        }

        #[test]
        #[ignore = "what checks run in processes of their own"]
        fn in_another_process() {
            $crate::serve(&$harness).expect("the process that started this one listens");
        }
    };
}

/// The test of the model, where the kit has one.
#[cfg(feature = "model")]
#[doc(hidden)]
#[macro_export]
macro_rules! model_test {
    ($harness:expr) => {
        #[test]
        fn agrees_with_the_model() {
            if let Err(story) = $crate::agrees_with_the_model(&$harness) {
                panic!("{story}");
            }
        }
    };
}

/// The test of the model, where the kit has one.
#[cfg(not(feature = "model"))]
#[doc(hidden)]
#[macro_export]
macro_rules! model_test {
    ($harness:expr) => {};
}

/// A harness in a test program, whose processes are started anew as one of its tests.
#[derive(Debug)]
pub struct InTests<H> {
    harness: H,
    test: &'static str,
}

impl<H: Harness> InTests<H> {
    /// `test` is the path, crate included, of a test that calls [`serve`](crate::serve).
    pub fn new(harness: H, test: &'static str) -> Self {
        Self { harness, test }
    }
}

impl<H: Harness> Harness for InTests<H> {
    fn fresh(&self) -> Box<dyn Storage> {
        self.harness.fresh()
    }

    fn open_at(&self, address: &str) -> Result<Box<dyn Store>, StoreError> {
        self.harness.open_at(address)
    }

    fn helper(&self) -> Option<Command> {
        let (_crate, test) = self.test.split_once("::")?;
        let mut helper = Command::new(env::current_exe().ok()?);
        helper.args([test, "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
        Some(helper)
    }
}

fn check(id: &str) -> Option<&'static Check> {
    CHECKS.iter().find(|check| check.id == id)
}

/// Runs the check of that id.
///
/// # Panics
/// If the store fails it, or it can't run.
#[track_caller]
pub fn assert_holds(harness: &dyn Harness, id: &str) {
    let check = check(id).unwrap_or_else(|| panic!("the kit has no check {id}"));
    match check.run(harness) {
        Outcome::Passed => {}
        Outcome::CannotRun(reason) => {
            let missing = |need: &&Need| need.is_missing(harness).unwrap_or(false);
            let need = check.needs.iter().find(missing);
            let word = need.map_or_else(|| id.to_owned(), ToString::to_string);
            let methods = need.and_then(|need| need.methods());
            let or = methods.map(|methods| format!("implement {methods}, or ")).unwrap_or_default();
            panic!(
                "{check}\ncannot run here: {reason}; {or}list {word} under skip, with the reason"
            )
        }
        Outcome::Failed(report) => panic!("{report}"),
    }
}

/// The environment variable that names a folder for reports.
const REPORTS: &str = "SESSION_STORE_CONFORMANCE_REPORTS";

/// Runs all checks and prints the report; writes it as JSON too, named after the test's module, into the
/// folder that `SESSION_STORE_CONFORMANCE_REPORTS` names.
///
/// # Panics
/// If that folder can't be written.
pub fn write_report(harness: &dyn Harness, module: &str) {
    let report = run_all(harness, "");
    println!("{report}");
    if let Some(folder) = env::var_os(REPORTS) {
        let file = Path::new(&folder).join(format!("{}.json", module.replace("::", "-")));
        std::fs::write(&file, report.to_json())
            .unwrap_or_else(|error| panic!("{} can't be written: {error}", file.display()));
    }
}

/// Looks whether what a test module skips, checks or what they need, must be skipped.
///
/// # Panics
/// If one of the checks passes, or something is there; if a name is neither.
#[track_caller]
pub fn assert_skips_are_needed(harness: &dyn Harness, skipped: &[&str]) {
    for name in skipped {
        if let Some(check) = check(name) {
            let passes = check.run(harness) == Outcome::Passed;
            assert!(!passes, "skip names {name}, which passes: take it off the list");
        } else if let Some(need) = Need::named(name) {
            let missing = need.is_missing(harness);
            let missing = missing.unwrap_or_else(|error| panic!("a fresh storage: {error}"));
            assert!(missing, "skip names {name}, which is not missing: take it off the list");
        } else {
            panic!(
                "skip names {name}, which is no check of the kit and nothing that a check needs"
            );
        }
    }
}
