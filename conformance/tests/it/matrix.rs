//! Tests of `conformance_matrix!`, with several backends in one test program.

use std::collections::BTreeSet;
use std::process::Command;

/// A matrix of three cases: two cases with different skips, and one case that is configured out.
mod in_cases {
    use session_store_conformance::conformance_matrix;

    use std::io;
    use std::sync::Arc;

    use session_store_core::{LogEntry, SegmentId, SessionId, Store};

    use crate::variant::{Inner, Result, Variant, memory, over_memory, shared};

    /// A store that fails one check: an append of a large entry returns an error without a reason.
    struct WithoutLargeEntries {
        inner: Arc<Inner>,
    }

    impl Variant for WithoutLargeEntries {
        over_memory! {}

        fn append(&self, s: SessionId, g: SegmentId, entry: &LogEntry) -> Result<()> {
            if entry.as_json().len() > 1 << 20 {
                return Err(io::Error::from(io::ErrorKind::Other).into());
            }
            self.inner.append(s, g, entry)
        }
    }

    conformance_matrix! {
        plain: {
            harness: memory,
            skip: {
                persistent: "a store in memory ends with its last handle",
                multi_process: "a store in memory exists in one process",
                only_open: "a store in memory has no place",
                maintenance: "there is nothing to check",
            },
        },
        without_large_entries: {
            harness: shared::<WithoutLargeEntries>,
            skip: {
                e4_sixty_four_mebibytes: "the store refuses large entries without a reason",
                only_open: "a store in memory has no place",
            },
        },
        #[cfg(any())]
        configured_out: { harness: a_backend_that_does_not_exist },
    }
}

/// Returns the names of the tests in this program that `arguments` select.
fn tests(arguments: &[&str]) -> BTreeSet<String> {
    let mut program = Command::new(std::env::current_exe().expect("a test program has a path"));
    let output = program.args(["--list", "matrix::in_cases::"]).args(arguments).output();
    let output = String::from_utf8(output.expect("the program runs").stdout);
    let output = output.expect("the names are UTF-8");
    output.lines().filter_map(|line| line.strip_suffix(": test")).map(String::from).collect()
}

#[test]
fn each_check_has_a_test_for_each_case() {
    let all = tests(&[]);
    for check in session_store_conformance::CHECKS {
        for case in ["case_1_plain", "case_2_without_large_entries"] {
            let name = format!("matrix::in_cases::{}::{case}", check.id);
            assert!(all.contains(&name), "{name}");
        }
    }
    assert!(all.iter().all(|name| !name.contains("configured_out")), "{all:?}");
}

#[test]
fn a_case_ignores_only_what_it_skips_itself() {
    let ignored = tests(&["--ignored"]);
    let is_ignored = |test: &str| ignored.contains(&format!("matrix::in_cases::{test}"));
    assert!(is_ignored("s2_appends_continue::case_1_plain"));
    assert!(!is_ignored("s2_appends_continue::case_2_without_large_entries"));
    assert!(is_ignored("e4_sixty_four_mebibytes::case_2_without_large_entries"));
    assert!(!is_ignored("e4_sixty_four_mebibytes::case_1_plain"));
    assert!(!is_ignored("a1_order_of_one_writer::case_1_plain"));
}
