//! The checks as tests: `conformance_tests!`, and what its expansion calls.

use std::env;
use std::path::Path;
use std::process::Command;

use session_store_core::{Store, StoreError};

use crate::check::{Check, Outcome};
use crate::harness::{Harness, Storage};
use crate::list::CHECKS;
use crate::report::run_all;

/// Makes one `#[test]` of each check of the kit.
///
/// `harness` is an expression that gives a [`Harness`](crate::Harness): a closure, most often. `skip` names
/// the checks that can't run here, each with its reason; they are reported as ignored. A check that can't
/// run and is not listed fails, and so does the test `every_skip_is_needed` when one that is listed would
/// pass.
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
///             s2_appends_continue: "a store in memory ends with its last handle",
///             // and so on: the tests that fail say what belongs here
///         },
///     }
/// }
/// ```
#[macro_export]
macro_rules! conformance_tests {
    (harness: $harness:expr $(, skip: { $($id:ident: $reason:literal),* $(,)? })? $(,)?) => {
        $crate::conformance_tests! { @tests ($) $harness, { $($($id: $reason),*)? } }
    };
    // A macro that is made here can't name its own fragments with a `$` of this one, so it gets a `$` as a token.
    (@tests ($d:tt) $harness:expr, { $($id:ident: $reason:literal),* }) => {
        macro_rules! in_tests {
            () => {
                $crate::InTests::new($harness, concat!(module_path!(), "::in_another_process"))
            };
        }

        macro_rules! conformance_test {
            $(($id) => {
                #[test]
                #[ignore = $reason]
                fn $id() {
                    $crate::assert_holds(&in_tests!(), stringify!($id));
                }
            };)*
            ($d id:ident) => {
                #[test]
                fn $d id() {
                    $crate::assert_holds(&in_tests!(), stringify!($d id));
                }
            };
            ($d($d module:ident {
                $d($d check:ident $d clause:ident [$d($d need:expr),*] $d promise:literal;)*
            })*) => {
                $d($d(conformance_test! { $d check })*)*
            };
        }

        $crate::for_each_check!(conformance_test);

        #[test]
        fn every_skip_is_needed() {
            $crate::assert_skips_are_needed(&in_tests!(), &[$(stringify!($id)),*]);
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
pub fn assert_holds(harness: &dyn Harness, id: &str) {
    let check = check(id).unwrap_or_else(|| panic!("the kit has no check {id}"));
    match check.run(harness) {
        Outcome::Passed => {}
        Outcome::CannotRun(reason) => {
            panic!("{check}\ncannot run here: {reason}; list it under skip")
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

/// Runs the checks of these ids, which a test module skips.
///
/// # Panics
/// If one of them passes, or is no check.
pub fn assert_skips_are_needed(harness: &dyn Harness, skipped: &[&str]) {
    for id in skipped {
        let Some(check) = check(id) else {
            panic!("skip names {id}, which is no check of the kit");
        };
        let passes = check.run(harness) == Outcome::Passed;
        assert!(!passes, "skip names {id}, which passes: take it off the list");
    }
}
