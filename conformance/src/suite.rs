//! The checks as tests: `conformance_tests!` and the functions that its expansion calls.

use std::collections::BTreeSet;
use std::env;
use std::panic;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use session_store_core::{Store, StoreError};

use crate::all_checks::all_checks;
use crate::check::{Check, Outcome};
use crate::harness::{Harness, Storage};
use crate::report::run_with_skips;
use crate::requirement::Requirement;

/// Defines one `#[test]` for each check of the kit.
///
/// `harness` is an expression of a type that implements [`Harness`](crate::Harness), usually a
/// closure. `skip` lists unmet requirements of checks, and single checks, each with a reason. The
/// tests of those checks are ignored with that reason. A check that cannot run and is not listed
/// fails. The test `every_skip_is_needed` fails if a listed requirement is met or a listed check
/// passes.
///
/// A name under `skip` is the id of a check, a fact or a [`Requirement`](crate::Requirement). A
/// fact covers several requirements. There are two facts:
///
/// - `base_level`: the store has only the nine required methods, so it does not meet the
///   requirements in the first two groups below.
/// - `only_open`: the harness only opens handles in this process, so it does not meet the
///   requirements in the third group.
///
/// The requirements are:
///
/// - Guarantees that a store declares: `persistent`, `multi_process`, `epoch`, `atomic_batch`.
///   `own_batches` is met by `atomic_batch` or `conditional_append`. The capabilities that belong
///   to methods, such as `conditional_append`, are not requirements: without the capability, the
///   checks require that its methods return `Unsupported`.
/// - Other abilities of a store: `pods` and `maintenance`, if the store returns them, and `sizes`
///   and `times`, if `segment_info` has the size and the time of a new segment.
/// - Methods of [`Storage`](crate::Storage): `folder`, `log_file`, `overwrite`, `unlist`,
///   `raise_format`, `open_missing`. An address that another process can open meets `process`. An
///   address that is a path meets `files`.
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
///             only_open: "a store in memory has no place",
///             // and so on: a test that fails prints the lines to paste here
///         },
///     }
/// }
/// ```
#[macro_export]
macro_rules! conformance_tests {
    (harness: $harness:expr $(, skip: { $($skip:ident: $reason:literal),* $(,)? })? $(,)?) => {
        $crate::conformance_tests! { @tests ($) $harness, { $($($skip: $reason),*)? } }
    };
    // The inner macro needs `$` for its own fragments, but this macro would expand a `$` in its
    // text. So a `$` is passed as the token `$d`.
    (@tests ($d:tt) $harness:expr, { $($skip:ident: $reason:literal),* }) => {
        macro_rules! test_harness {
            () => {
                $crate::TestHarness::new(
                    $harness,
                    concat!(module_path!(), "::in_another_process"),
                    &[$((stringify!($skip), $reason)),*],
                )
            };
        }

        // Takes the id of a check and its requirements. The test is ignored if the id, a
        // requirement or the fact of a requirement is listed under `skip`. The rules try one
        // requirement after the other, and after each requirement its fact.
        macro_rules! conformance_test {
            $((@ $skip [$d($d requirement:ident)*]) => {
                conformance_test! { @ignored $skip $reason }
            };)*
            $((@ $d check:ident [$skip $d($d requirement:ident)*]) => {
                conformance_test! { @ignored $d check $reason }
            };)*
            (@ $d check:ident [$d requirement:ident $d($d others:ident)*]) => {
                $crate::with_fact! {
                    conformance_test! { @fact $d check } $d requirement [$d($d others)*]
                }
            };
            $((@fact $d check:ident $skip $d others:tt) => {
                conformance_test! { @ignored $d check $reason }
            };)*
            (@fact $d check:ident $d fact:ident $d others:tt) => {
                conformance_test! { @ $d check $d others }
            };
            (@ $d check:ident []) => {
                #[test]
                fn $d check() {
                    $crate::assert_holds(test_harness!(), stringify!($d check));
                }
            };
            (@ignored $d check:ident $d reason:literal) => {
                #[test]
                #[ignore = $d reason]
                fn $d check() {
                    $crate::assert_holds(test_harness!(), stringify!($d check));
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
            $crate::assert_skips_are_needed(test_harness!());
        }

        $crate::if_model! {
            #[test]
            fn agrees_with_the_model() {
                $crate::assert_holds(test_harness!(), "agrees_with_the_model");
            }
        }

        #[test]
        #[ignore = "prints the whole report: cargo test -- --ignored --nocapture report"]
        fn report() {
            $crate::write_report(test_harness!(), module_path!());
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

/// The environment variable that tells a helper process the name of its case.
const CASE: &str = "SESSION_STORE_CONFORMANCE_CASE";

/// Returns the name of the case for this helper process, or `None` if no check has started this
/// process.
#[must_use]
pub fn served_case() -> Option<String> {
    env::var(CASE).ok()
}

/// The lines under `skip`. Each line is a name and a reason.
type Skips = &'static [(&'static str, &'static str)];

/// A harness in a test program. Its helper process is the same program, and runs one ignored test.
#[derive(Debug)]
pub struct TestHarness<H> {
    harness: H,
    test: &'static str,
    case: Option<&'static str>,
    skips: Skips,
}

impl<H: Harness> TestHarness<H> {
    /// Creates the harness. `test` is the path of the test that calls [`serve`](crate::serve). The
    /// path begins with the name of the crate.
    pub fn new(harness: H, test: &'static str, skips: Skips) -> Self {
        Self { harness, test, case: None, skips }
    }

    /// Makes this the harness of one case of a matrix. The test in the helper process gets the case
    /// from [`served_case`].
    #[must_use]
    pub fn of_case(mut self, case: &'static str) -> Self {
        self.case = Some(case);
        self
    }

    /// Returns this value with its harness behind a pointer, so that all cases have one type.
    pub fn shared(self) -> TestHarness<Arc<dyn Harness>> {
        let Self { harness, test, case, skips } = self;
        TestHarness { harness: Arc::new(harness), test, case, skips }
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
    all_checks().find(|check| check.id == id)
}

/// Runs the check with this id.
///
/// # Panics
/// If the check fails or cannot run. If it is the first check in this process that cannot run, the
/// message has all lines for `skip`. The messages of later checks have one line each.
pub fn assert_holds<H: Harness>(harness: TestHarness<H>, id: &str) {
    let check = check(id).unwrap_or_else(|| panic!("the kit has no check {id}"));
    let (subject, skips) = ((harness.test, harness.case), harness.skips);
    let harness: Arc<dyn Harness> = Arc::new(harness);
    let reason = match check.run(&harness) {
        Outcome::Passed => return,
        Outcome::Failed(report) => fail(report),
        Outcome::CannotRun(reason) => reason,
    };
    static SHOWN: Mutex<BTreeSet<(&str, Option<&str>)>> = Mutex::new(BTreeSet::new());
    let is_first = || SHOWN.lock().unwrap_or_else(PoisonError::into_inner).insert(subject);
    let missing = |required: &Requirement| required.is_missing(&*harness).unwrap_or(false);
    let advice = if !check.requires.iter().any(missing) {
        format!("; list {id} under skip with a reason")
    } else if is_first() {
        format!("\n{}", block_to_paste(&*harness, skips))
    } else {
        String::from("; another failure has the lines for `skip`")
    };
    fail(format!("{check}\ncannot run: {reason}{advice}"))
}

/// Fails the test with a message. Unlike `panic!`, the function prints no backtrace, because the
/// backtrace would only show the kit.
fn fail(message: String) -> ! {
    eprintln!("{message}");
    panic::resume_unwind(Box::new(message))
}

/// Returns the block `skip` to paste. The block has the given lines, and a line for each other
/// requirement that the harness does not meet.
fn block_to_paste(harness: &dyn Harness, skips: &[(&str, &str)]) -> String {
    let names: Vec<_> = skips.iter().map(|(name, _)| *name).collect();
    let mut lines: Vec<_> =
        skips.iter().map(|(name, reason)| format!("{name}: {reason:?},")).collect();
    match Requirement::missing_lines(harness, &names) {
        Ok(missing) => lines.extend(missing),
        Err(error) => return format!("cannot open a fresh storage: {error}"),
    }
    if lines.is_empty() {
        return String::from("Every check can run: remove the block `skip`.");
    }
    format!(
        "These lines cover all checks that cannot run. Paste them, with your own reasons:\n    \
         skip: {{\n        {}\n    }}",
        lines.join("\n        ")
    )
}

/// The environment variable for the folder of reports.
const REPORTS: &str = "SESSION_STORE_CONFORMANCE_REPORTS";

/// Runs all checks that are not skipped, and prints the report. If
/// `SESSION_STORE_CONFORMANCE_REPORTS` is set, the function also writes the report as JSON to that
/// folder, in a file that is named after `subject`.
///
/// # Panics
/// If a check fails, or the file cannot be written.
pub fn write_report<H: Harness>(harness: TestHarness<H>, subject: &str) {
    let skips = harness.skips;
    let report = run_with_skips(harness, "", skips);
    println!("{report}");
    if let Some(folder) = env::var_os(REPORTS) {
        let file = Path::new(&folder).join(format!("{}.json", subject.replace("::", "-")));
        std::fs::write(&file, report.to_json())
            .unwrap_or_else(|error| panic!("cannot write {}: {error}", file.display()));
    }
    let failed: Vec<_> = report.failed().collect();
    assert!(failed.is_empty(), "checks failed: {failed:?}");
}

/// Checks that each name in a `skip` list is needed.
///
/// # Panics
/// If a listed check passes, a listed requirement is met, or a name is neither a check nor a
/// requirement nor a fact. The message has the whole block to paste in the place of the list.
pub fn assert_skips_are_needed<H: Harness>(harness: TestHarness<H>) {
    let skips = harness.skips;
    let harness: Arc<dyn Harness> = Arc::new(harness);
    let (mut needed, mut faults) = (Vec::new(), Vec::new());
    for &(name, reason) in skips {
        match fault_of_skip(&harness, name) {
            Some(fault) => faults.push(fault),
            None => needed.push((name, reason)),
        }
    }
    if !faults.is_empty() {
        fail(format!("{}\n{}", faults.join("\n"), block_to_paste(&*harness, &needed)));
    }
}

/// Returns why a name in a `skip` list is wrong, or `None` if the name is needed.
fn fault_of_skip(harness: &Arc<dyn Harness>, name: &str) -> Option<String> {
    if let Some(check) = check(name) {
        let passes = check.run(harness) == Outcome::Passed;
        return passes.then(|| format!("skip lists {name}, which passes: remove it from the list"));
    }
    let named: Vec<_> = Requirement::all_named(name).collect();
    if named.is_empty() {
        return Some(format!(
            "skip lists {name}, which is neither a check nor a requirement of the kit"
        ));
    }
    if named.iter().any(|requirement| matches!(requirement, Requirement::Operation(_))) {
        return Some(format!(
            "skip lists the operation {name}, but the checks of an undeclared operation run and \
             require Unsupported: remove it from the list"
        ));
    }
    let is_met = |requirement: &&Requirement| {
        let missing = requirement.is_missing(&**harness);
        !missing.unwrap_or_else(|error| panic!("cannot open a fresh storage: {error}"))
    };
    let met = named.iter().find(is_met)?;
    let advice = if named.len() == 1 {
        "remove it from the list"
    } else {
        "list the other requirements one by one"
    };
    Some(format!("skip lists {name}, but {met} is met: {advice}"))
}
