//! The checks as tests: `conformance_tests!`, and what its expansion calls.

use crate::check::{Check, Outcome};
use crate::harness::Harness;
use crate::list::CHECKS;

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
        macro_rules! conformance_test {
            $(($id) => {
                #[test]
                #[ignore = $reason]
                fn $id() {
                    $crate::assert_holds(&$harness, stringify!($id));
                }
            };)*
            ($d id:ident) => {
                #[test]
                fn $d id() {
                    $crate::assert_holds(&$harness, stringify!($d id));
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
            $crate::assert_skips_are_needed(&$harness, &[$(stringify!($id)),*]);
        }
    };
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
