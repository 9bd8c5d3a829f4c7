//! The checks as tests: `conformance_tests!` and the functions that its expansion calls.

use std::env;
use std::path::Path;
use std::process::Command;

use session_store_core::{Store, StoreError};

use crate::check::{Check, Outcome};
use crate::harness::{Harness, Storage};
use crate::list::CHECKS;
use crate::report::run_all;
use crate::requirement::Requirement;

/// Defines one `#[test]` for each check of the kit.
///
/// `harness` is an expression of a type that implements [`Harness`](crate::Harness), usually a
/// closure. `skip` lists requirements that the store or the harness does not meet, and single
/// checks, each with a reason. The tests of those checks are ignored with that reason. A check that
/// cannot run and is not listed fails. The test `every_skip_is_needed` fails if a listed
/// requirement is met or a listed check passes.
///
/// These are the names of the [`Requirement`](crate::Requirement)s:
///
/// - Guarantees that a store declares: `persistent`, `multi_process`, `epoch`, `atomic_batch`.
///   `own_batches` is met by `atomic_batch` or `conditional_append`. Operations cannot be skipped:
///   if one is not declared, its checks require `Unsupported`.
/// - Other abilities of a store: `pods` and `maintenance`, if it returns them; `sizes` and `times`,
///   if `segment_info` has the size and the time of a new segment.
/// - Methods of [`Storage`](crate::Storage): `folder`, `log_file`, `overwrite`, `unlist`,
///   `raise_format`, `open_missing`. `process` is met by an address that another process can open,
///   and `files` by an address that is a path.
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
///             // and so on: the tests that fail name the requirements to list here
///         },
///     }
/// }
/// ```
#[macro_export]
macro_rules! conformance_tests {
    (harness: $harness:expr $(, skip: { $($skip:ident: $reason:literal),* $(,)? })? $(,)?) => {
        $crate::conformance_tests! { @tests ($) $harness, { $($($skip: $reason),*)? } }
    };
    // The inner macro needs `$` for its own fragments, but this macro would expand a `$` that is
    // written here. So pass a `$` as a token, and write it as `$d`.
    (@tests ($d:tt) $harness:expr, { $($skip:ident: $reason:literal),* }) => {
        macro_rules! test_harness {
            () => {
                $crate::TestHarness::new($harness, concat!(module_path!(), "::in_another_process"))
            };
        }

        // Takes the id of a check and its requirements. The test is ignored if the id or one of the
        // requirements is listed under `skip`. The rules try the requirements one after another.
        macro_rules! conformance_test {
            $((@ $skip [$d($d requirement:ident)*]) => {
                conformance_test! { @ignored $skip $reason }
            };)*
            $((@ $d check:ident [$skip $d($d requirement:ident)*]) => {
                conformance_test! { @ignored $d check $reason }
            };)*
            (@ $d check:ident [$d requirement:ident $d($d others:ident)*]) => {
                conformance_test! { @ $d check [$d($d others)*] }
            };
            (@ $d check:ident []) => {
                #[test]
                fn $d check() {
                    $crate::assert_holds(&test_harness!(), stringify!($d check));
                }
            };
            (@ignored $d check:ident $d reason:literal) => {
                #[test]
                #[ignore = $d reason]
                fn $d check() {
                    $crate::assert_holds(&test_harness!(), stringify!($d check));
                }
            };
            ($d($d module:ident {
                $d(
                    #[doc = $d promise:literal]
                    $d check:ident $d clause:ident [$d($d requirement:ident),*];
                )*
            })*) => {
                $d($d(conformance_test! { @ $d check [$d($d requirement)*] })*)*
            };
        }

        $crate::for_each_check!(conformance_test);

        #[test]
        fn every_skip_is_needed() {
            $crate::assert_skips_are_needed(&test_harness!(), &[$(stringify!($skip)),*]);
        }

        $crate::if_model! {
            #[test]
            fn agrees_with_the_model() {
                if let Err(report) = $crate::agrees_with_the_model(&$harness) {
                    panic!("{report}");
                }
            }
        }

        #[test]
        #[ignore = "prints the whole report: cargo test -- --ignored --nocapture report"]
        fn report() {
            $crate::write_report(&test_harness!(), module_path!());
        }

        #[test]
        #[ignore = "a helper process that the checks start"]
        fn in_another_process() {
            $crate::serve(&$harness).expect("the process that started this one reads its replies");
        }
    };
}

/// Keeps the items, because the kit was built with the model.
#[cfg(feature = "model")]
#[doc(hidden)]
#[macro_export]
macro_rules! if_model {
    ($($item:item)*) => {
        $($item)*
    };
}

/// Removes the items, because the kit was built without the model.
#[cfg(not(feature = "model"))]
#[doc(hidden)]
#[macro_export]
macro_rules! if_model {
    ($($item:item)*) => {};
}

/// The environment variable that names the case that a helper process serves.
const CASE: &str = "SESSION_STORE_CONFORMANCE_CASE";

/// Returns the name of the case that this helper process serves, or `None` in a process that no
/// check has started.
#[must_use]
pub fn served_case() -> Option<String> {
    env::var(CASE).ok()
}

/// A harness in a test program. Its helper process is the same program, and runs one ignored test.
#[derive(Debug)]
pub struct TestHarness<H> {
    harness: H,
    test: &'static str,
    case: Option<&'static str>,
}

impl<H: Harness> TestHarness<H> {
    /// Creates the harness. `test` is the path of a test that calls [`serve`](crate::serve), with
    /// the name of the crate.
    pub fn new(harness: H, test: &'static str) -> Self {
        Self { harness, test, case: None }
    }

    /// Creates the harness of one case of a matrix. The test in the helper process learns the case
    /// from [`served_case`].
    pub fn of_case(harness: H, test: &'static str, case: &'static str) -> Self {
        Self { harness, test, case: Some(case) }
    }
}

impl<H: Harness> Harness for TestHarness<H> {
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
        helper.envs(self.case.map(|case| (CASE, case)));
        Some(helper)
    }
}

fn check(id: &str) -> Option<&'static Check> {
    CHECKS.iter().find(|check| check.id == id)
}

/// Runs the check with that id.
///
/// # Panics
/// If the check fails or cannot run.
#[track_caller]
pub fn assert_holds(harness: &dyn Harness, id: &str) {
    let check = check(id).unwrap_or_else(|| panic!("the kit has no check {id}"));
    match check.run(harness) {
        Outcome::Passed => {}
        Outcome::CannotRun(reason) => {
            let missing = |required: &&Requirement| required.is_missing(harness).unwrap_or(false);
            let requirement = check.requires.iter().find(missing);
            let name = requirement.map_or_else(|| id.to_owned(), ToString::to_string);
            let methods = requirement.and_then(|requirement| requirement.methods());
            let or = methods.map(|methods| format!("implement {methods}, or ")).unwrap_or_default();
            panic!("{check}\ncannot run: {reason}; {or}list {name} under skip with a reason")
        }
        Outcome::Failed(report) => panic!("{report}"),
    }
}

/// The environment variable for the folder of reports.
const REPORTS: &str = "SESSION_STORE_CONFORMANCE_REPORTS";

/// Runs all checks and prints the report. If `SESSION_STORE_CONFORMANCE_REPORTS` is set, the
/// function also writes the report as JSON to that folder, in a file that is named after `subject`.
///
/// # Panics
/// If the file cannot be written.
pub fn write_report(harness: &dyn Harness, subject: &str) {
    let report = run_all(harness, "");
    println!("{report}");
    if let Some(folder) = env::var_os(REPORTS) {
        let file = Path::new(&folder).join(format!("{}.json", subject.replace("::", "-")));
        std::fs::write(&file, report.to_json())
            .unwrap_or_else(|error| panic!("cannot write {}: {error}", file.display()));
    }
}

/// Checks that each name in a `skip` list must be there.
///
/// # Panics
/// If a listed check passes, a listed requirement is met, or a name is neither.
#[track_caller]
pub fn assert_skips_are_needed(harness: &dyn Harness, skipped: &[&str]) {
    for name in skipped {
        if let Some(check) = check(name) {
            let passes = check.run(harness) == Outcome::Passed;
            assert!(!passes, "skip lists {name}, which passes: remove it from the list");
        } else if let Some(requirement) = Requirement::named(name) {
            let missing = requirement.is_missing(harness);
            let missing =
                missing.unwrap_or_else(|error| panic!("cannot open a fresh storage: {error}"));
            assert!(missing, "skip lists {name}, which is met: remove it from the list");
        } else {
            panic!("skip lists {name}, which is neither a check nor a requirement of the kit");
        }
    }
}
