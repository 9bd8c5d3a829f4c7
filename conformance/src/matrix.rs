//! `conformance_matrix!`: the checks as rstest functions, with a case for each configuration.

/// Defines one rstest function for each check of the kit, with one case for each configuration.
///
/// A test is named after its check and its case, such as `a1_order_of_one_writer::case_2_power`.
/// The crate that calls the macro needs the dependency `rstest`.
///
/// A case has a name, a `harness`, and optionally `skip`. Harness and skip are as in
/// [`conformance_tests!`](crate::conformance_tests). A skipped check is ignored in its case, with
/// the reason. A case can begin with `#[cfg(…)]`, for example for the backend of a feature. At
/// least one case must remain. A module can contain only one call of the macro.
///
/// ```
/// mod conformance {
///     use session_store_memory::MemoryStore;
///
///     session_store_conformance::conformance_matrix! {
///         plain: {
///             harness: || {
///                 let store = MemoryStore::new();
///                 move || store.clone()
///             },
///             skip: { persistent: "a store in memory ends with its last handle" },
///         },
///         shared: {
///             harness: || {
///                 let store = std::sync::Arc::new(MemoryStore::new());
///                 move || store.clone()
///             },
///             skip: { persistent: "a store in memory ends with its last handle" },
///         },
///     }
/// }
/// ```
#[macro_export]
macro_rules! conformance_matrix {
    ($(
        $(#[cfg($when:meta)])?
        $case:ident: {
            harness: $harness:expr
            $(, skip: { $($skip:ident: $reason:literal),* $(,)? })?
            $(,)?
        }
    ),* $(,)?) => {
        $crate::conformance_matrix! {
            @cases ($) $([all($($when)?)] $case ($harness) { $($($skip $reason)*)? })*
        }
    };
    // `$d` is a `$` for the inner macros, as in `conformance_tests!`. `$when` is the condition of a
    // case. The condition is in `cfg_attr` before `case`, because a plain `cfg` there would remove
    // the whole function.
    (@cases ($d:tt) $(
        [$when:meta] $case:ident ($harness:expr) { $($skip:ident $reason:literal)* }
    )*) => {
        fn harness_of_case(
            case: &str,
        ) -> $crate::TestHarness<std::sync::Arc<dyn $crate::Harness>> {
            $(
                #[cfg($when)]
                if case == stringify!($case) {
                    let test = concat!(module_path!(), "::in_another_process");
                    let skips = &[$((stringify!($skip), $reason)),*];
                    let harness = $crate::TestHarness::new($harness, test, skips);
                    return harness.of_case(stringify!($case)).shared();
                }
            )*
            panic!("the matrix has no case {case}");
        }

        // Defines the function of one check. `[$check $need …]` has the names that a `skip` line
        // can have: the id of the check, and its requirements. For each case, the rules compare
        // these names, and the facts of the requirements, with the case's `skip` lines. If a name
        // is skipped, the case is ignored. Otherwise the case runs.
        macro_rules! check_in_cases {
            $($((
                @ $case [$skip $d($d rest:ident)*]
                $d words:tt { $d($d done:tt)* } $d($d left:tt)*
            ) => {
                check_in_cases! {
                    $d words {
                        $d($d done)*
                        #[cfg_attr($when, ignore = $reason, case::$case(stringify!($case)))]
                    } $d($d left)*
                }
            };)*
            (@ $case [] $d words:tt { $d($d done:tt)* } $d($d left:tt)*) => {
                check_in_cases! {
                    $d words {
                        $d($d done)*
                        #[cfg_attr($when, case::$case(stringify!($case)))]
                    } $d($d left)*
                }
            };)*
            (@ $d case:ident [$d word:ident $d($d rest:ident)*] $d($d more:tt)*) => {
                $crate::with_fact! {
                    check_in_cases! { @fact $d case } $d word { [$d($d rest)*] $d($d more)* }
                }
            };
            $($((@fact $case $skip { [$d($d rest:ident)*] $d($d more:tt)* }) => {
                check_in_cases! { @ $case [$skip] $d($d more)* }
            };)*)*
            (@fact $d case:ident $d fact:ident { $d($d rest:tt)* }) => {
                check_in_cases! { @ $d case $d($d rest)* }
            };
            ([$d check:ident $d($d need:ident)*] { $d($d cases:tt)* }) => {
                #[rstest::rstest]
                $d($d cases)*
                fn $d check(#[case] case: &str) {
                    $crate::assert_holds(harness_of_case(case), stringify!($d check));
                }
            };
            ([$d($d word:ident)*] $d done:tt $d next:ident $d($d left:ident)*) => {
                check_in_cases! { @ $d next [$d($d word)*] [$d($d word)*] $d done $d($d left)* }
            };
        }

        macro_rules! all_checks {
            ($d($d module:ident {
                $d(
                    #[doc = $d promise:literal]
                    $d check:ident $d clause:ident [$d($d requirement:ident),*];
                )*
            })*) => {
                $d($d(check_in_cases! { [$d check $d($d requirement)*] {} $($case)* })*)*
            };
        }

        $crate::for_each_check!(all_checks);

        #[rstest::rstest]
        $(#[cfg_attr($when, case::$case(stringify!($case)))])*
        fn every_skip_is_needed(#[case] case: &str) {
            $crate::assert_skips_are_needed(harness_of_case(case));
        }

        $crate::if_model! {
            #[rstest::rstest]
            $(#[cfg_attr($when, case::$case(stringify!($case)))])*
            fn agrees_with_the_model(#[case] case: &str) {
                $crate::assert_holds(harness_of_case(case), "agrees_with_the_model");
            }
        }

        #[rstest::rstest]
        $(#[cfg_attr($when, case::$case(stringify!($case)))])*
        #[ignore = "prints the whole report: cargo test -- --ignored --nocapture report"]
        fn report(#[case] case: &str) {
            let subject = format!("{}-{case}", env!("CARGO_PKG_NAME"));
            $crate::write_report(harness_of_case(case), &subject);
        }

        #[test]
        #[ignore = "a helper process that the checks start"]
        fn in_another_process() {
            if let Some(case) = $crate::served_case() {
                let served = $crate::serve(&harness_of_case(&case));
                served.expect("the process that started this one reads its replies");
            }
        }
    };
}
