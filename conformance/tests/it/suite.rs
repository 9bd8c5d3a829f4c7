//! Tests of the functions behind `conformance_tests!`, of the filter of checks, and of the text of
//! failures.

use std::any::Any;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use session_store_conformance::{
    CHECKS, Harness, Outcome, Report, Storage, TestHarness, all_checks, assert_holds,
    assert_skips_are_needed, run_all, run_with_skips, write_report,
};
use session_store_core::{LogEntry, SegmentId, SessionId, Store};
use session_store_memory::MemoryStore;
use test_deadlines::{child_job, child_test};

use crate::variant::{Inner, Result, Variant, memory, over_memory, shared};

#[test]
fn ids_are_unique_and_start_with_their_clause() {
    let mut ids: Vec<_> = CHECKS.iter().map(|check| check.id).collect();
    ids.sort_unstable();
    assert!(ids.windows(2).all(|pair| pair[0] != pair[1]));
    for check in CHECKS {
        let clause = format!("{}_", check.clause.to_lowercase());
        assert!(check.id.starts_with(&clause), "{check}");
    }
}

#[test]
fn every_clause_of_the_kit_has_a_check() {
    let contract = include_str!("../../../crates/session-store-core/src/contract.rs");
    let listed = |clause: &str| CHECKS.iter().any(|check| check.clause == clause);
    // The benchmarks verify the clause about costs.
    let measured = ["C6"];
    // Tests of our own backends verify the clauses that are marked in this way.
    let lines = contract.lines().filter(|line| !line.contains("** (torture)"));
    let clauses = lines.filter_map(|line| line.split("**").nth(1));
    let clauses: Vec<_> = clauses
        .filter(|word| word.len() == 2 && word.as_bytes()[1].is_ascii_digit())
        .filter(|clause| !measured.contains(clause))
        .collect();
    assert!(clauses.len() > 40, "{clauses:?}");
    let without: Vec<_> = clauses.iter().filter(|clause| !listed(clause)).collect();
    assert!(without.is_empty(), "{without:?}");
}

/// Returns a harness over the memory store, with these skips.
fn skipping(skips: &'static [(&'static str, &'static str)]) -> TestHarness<impl Harness> {
    TestHarness::new(memory, "it::none", skips)
}

/// Returns the message with which the call panics, or an empty text.
fn panic_of(call: impl FnOnce()) -> String {
    let result = panic::catch_unwind(AssertUnwindSafe(call));
    let text = |cause: Box<dyn Any + Send>| cause.downcast_ref::<String>().cloned();
    result.err().and_then(text).unwrap_or_default()
}

#[test]
fn one_failure_shows_every_line_to_skip() {
    let harness = || {
        let skips = &[("log_file", "no files"), ("multi_process", "one process")];
        TestHarness::new(memory, "it::one_failure", skips)
    };
    let first = panic_of(|| assert_holds(harness(), "s2_appends_continue"));
    assert!(first.contains("cannot run: the store does not declare persistent"), "{first}");
    for line in [
        "\n    skip: {\n        log_file: \"no files\",\n",
        "\n        persistent: \"the store does not declare persistent\",\n",
        "\n        maintenance: \"the store has no maintenance\",\n",
        "\n        folder: \"the harness has no folder\", // or implement Storage::folder\n",
    ] {
        assert!(first.contains(line), "{line} is not in:\n{first}");
    }
    // The block keeps the existing lines with their reasons.
    assert!(first.contains("\n        multi_process: \"one process\",\n"), "{first}");
    assert_eq!(first.matches("log_file: ").count(), 1, "{first}");
    for covered in ["only_open:", "base_level:"] {
        assert!(!first.contains(covered), "{covered} is in:\n{first}");
    }
    let second = panic_of(|| assert_holds(harness(), "s7_a_newer_format_is_refused"));
    let line = "\ncannot run: the harness cannot raise the format version; another failure has the \
                lines for `skip`";
    assert!(second.ends_with(line), "{second}");
}

#[test]
fn requirements_that_follow_from_one_fact_are_one_line() {
    let harness = || TestHarness::new(memory, "it::facts", &[]);
    let lines = panic_of(|| assert_holds(harness(), "s2_appends_continue"));
    assert!(
        lines.contains("only_open: \"the harness only opens handles, in this process\""),
        "{lines}"
    );
    assert!(!lines.contains("log_file"), "{lines}");
}

#[test]
fn a_fact_can_be_skipped() {
    assert_skips_are_needed(skipping(&[("only_open", "")]));
}

#[test]
#[should_panic(expected = "skip lists base_level, but epoch is met: list the other")]
fn a_fact_cannot_be_skipped_if_a_part_of_it_is_met() {
    assert_skips_are_needed(skipping(&[("base_level", "")]));
}

#[test]
fn a_report_has_the_reasons_of_skips() {
    let skips = [("persistent", "it ends"), ("t2_past_the_end_is_refused", "not today")];
    let report = run_with_skips(memory, "", &skips);
    assert!(report.is_success(), "{report}");
    let text = report.to_string();
    assert!(text.contains("not run  s2_appends_continue: it ends\n"), "{text}");
    assert!(text.contains("not run  t2_past_the_end_is_refused: not today\n"), "{text}");
    assert!(text.contains("not run  s7_a_missing_place_is_an_error: the harness cannot"), "{text}");
    assert!(text.contains("ok       agrees_with_the_model\n"), "{text}");
}

#[test]
#[should_panic(expected = "checks failed: [\"e1_kept_by_append\"")]
fn a_report_with_a_failure_fails() {
    write_report(TestHarness::new(shared::<Loses>, "it::none", &[]), "none");
}

/// A storage that may be changed from outside only while no handle is open.
#[derive(Default)]
struct Exclusive(Arc<MemoryStore>);

impl Storage for Exclusive {
    fn open(&self) -> Result<Box<dyn Store>> {
        Ok(Box::new(Arc::clone(&self.0)))
    }

    fn raise_format(&self) -> Option<io::Result<()>> {
        assert_eq!(Arc::strong_count(&self.0), 1, "a handle is open");
        None
    }
}

#[test]
fn requirements_are_tested_while_no_handle_is_open() {
    let report = run_all(Exclusive::default, "s7_a_newer_format");
    assert!(matches!(report.results[..], [(_, Outcome::CannotRun(_))]), "{report}");
    let harness = TestHarness::new(Exclusive::default, "it::none", &[("raise_format", "")]);
    assert_skips_are_needed(harness);
}

#[test]
fn a_needed_skip_passes() {
    assert_skips_are_needed(skipping(&[
        ("s2_appends_continue", ""),
        ("r4_lines_are_physical", ""),
    ]));
}

#[test]
#[should_panic(expected = "skip lists a1_order_of_one_writer, which passes")]
fn a_skip_that_is_no_longer_needed_fails() {
    assert_skips_are_needed(skipping(&[
        ("s2_appends_continue", ""),
        ("a1_order_of_one_writer", ""),
    ]));
}

#[test]
fn a_wrong_skip_list_is_printed_as_it_must_be() {
    let skips = &[
        ("persistent", "it ends"),
        ("pods", ""),
        ("a1_order_of_one_writer", ""),
        ("a1_misspelt", ""),
        ("base_level", ""),
        ("only_open", "no place"),
    ];
    let message = panic_of(|| assert_skips_are_needed(skipping(skips)));
    let expected = "\
        skip lists pods, but pods is met: remove it from the list\n\
        skip lists a1_order_of_one_writer, which passes: remove it from the list\n\
        skip lists a1_misspelt, which is neither a check nor a requirement of the kit\n\
        skip lists base_level, but epoch is met: list the other requirements one by one\n\
        These lines cover all checks that cannot run. Paste them, with your own reasons:\n    \
        skip: {\n        \
        persistent: \"it ends\",\n        \
        only_open: \"no place\",\n        \
        multi_process: \"the store does not declare multi_process\",\n        \
        maintenance: \"the store has no maintenance\",\n    \
        }";
    assert_eq!(message, expected);
}

#[test]
fn a_requirement_that_is_not_met_can_be_skipped() {
    assert_skips_are_needed(skipping(&[("persistent", ""), ("process", ""), ("log_file", "")]));
}

#[test]
#[should_panic(expected = "skip lists pods, but pods is met: remove it from the list")]
fn a_requirement_that_is_met_cannot_be_skipped() {
    assert_skips_are_needed(skipping(&[("persistent", ""), ("pods", "")]));
}

#[test]
#[should_panic(expected = "skip lists the operation conditional_append, but the checks of")]
fn an_operation_cannot_be_skipped() {
    assert_skips_are_needed(skipping(&[("conditional_append", "")]));
}

#[test]
#[should_panic(
    expected = "skip lists a1_misspelt, which is neither a check nor a requirement of the kit"
)]
fn a_skip_that_names_no_check_fails() {
    assert_skips_are_needed(skipping(&[("a1_misspelt", "")]));
}

#[test]
fn a_report_without_checks_is_not_a_success() {
    assert!(!run_all(memory, "no check has this in its id").is_success());
}

#[test]
fn a_filter_selects_checks() {
    let report = run_all(memory, "t2_");
    assert_eq!(report.results.len(), 2);
    assert_eq!(
        report.to_string(),
        format!(
            "ok       t2_past_the_end_is_refused\n\
             ok       t2_the_current_length_counts\n\
             2 passed, 0 failed, 0 not run, of 2 checks (kit {})\n",
            Report::KIT
        )
    );
}

/// A store that loses every appended entry.
struct Loses {
    inner: Arc<Inner>,
}

impl Variant for Loses {
    over_memory! {}

    fn append(&self, s: SessionId, g: SegmentId, _: &LogEntry) -> Result<()> {
        self.inner.create_segment(s, g, &[])
    }
}

#[test]
fn a_failure_has_the_clause_the_calls_and_the_difference() {
    let report = run_all(shared::<Loses>, "a1_order_of_one_writer");
    let [(_, Outcome::Failed(text))] = &report.results[..] else { panic!("{report}") };
    for part in [
        "a1_order_of_one_writer [A1]: entries are read in the order in which one writer appended",
        "expected: 300 entries, number 0 is {\"n\":0}",
        "found:    0 entries, number 0 is nothing",
        "(the last 40 of 303)",
        "300. #1 append(s1, g2, LogEntry(9 bytes: {\"n\":298})) -> ok",
        "302. #1 read_all(s1, g2) -> 0 in the list",
    ] {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
}

/// A store whose lookups find no session.
struct Forgets {
    inner: Arc<Inner>,
}

impl Variant for Forgets {
    over_memory! {}

    fn lookup_session_of(&self, _: SegmentId) -> Result<Option<SessionId>> {
        Ok(None)
    }
}

#[test]
fn a_failure_uses_short_names_and_lists_the_ids() {
    let report = run_all(shared::<Forgets>, "l5_the_holder_is_found");
    let [(_, Outcome::Failed(text))] = &report.results[..] else { panic!("{report}") };
    assert!(text.contains("\n  expected: (Some(s2), Some(s2))\n"), "{text}");
    assert!(text.contains("\nids: g1 0"), "{text}");
    assert!(text.contains(", s2 0"), "{text}");
}

#[test]
fn a_sequence_that_differs_from_the_model_is_shrunk() {
    let report = run_all(shared::<Loses>, "agrees_with_the_model").to_string();
    for part in [
        "the store and the model differ",
        "append(s1, g2,",
        "seed: SESSION_STORE_CONFORMANCE_SEED=",
    ] {
        assert!(report.contains(part), "{part} is not in:\n{report}");
    }
    // The shortest sequence is one lost append and the reads that show the loss.
    assert_eq!(report.matches(" append(").count(), 1, "{report}");
}

/// A storage that counts how many times its data was kept.
struct CountsKept(Box<dyn Storage>, &'static AtomicUsize);

impl Storage for CountsKept {
    fn open(&self) -> Result<Box<dyn Store>> {
        self.0.open()
    }

    fn keep(&mut self) -> Option<PathBuf> {
        self.1.fetch_add(1, Relaxed);
        None
    }
}

#[test]
fn only_the_shrunk_sequence_keeps_its_data() {
    static KEPT: AtomicUsize = AtomicUsize::new(0);
    let harness = || CountsKept(Box::new(shared::<Loses>()), &KEPT);
    assert!(!run_all(harness, "agrees_with_the_model").is_success());
    assert_eq!(KEPT.load(Relaxed), 1);
}

/// A store that panics when it counts.
struct Panics {
    inner: Arc<Inner>,
}

impl Variant for Panics {
    over_memory! {}

    fn read_entry_count(&self, _: SessionId, _: SegmentId) -> Result<usize> {
        panic!("the count is gone");
    }
}

#[test]
fn a_panic_of_the_store_is_a_failure() {
    let report = run_all(shared::<Panics>, "c4_unknown_is_not_found");
    let [(_, Outcome::Failed(text))] = &report.results[..] else { panic!("{report}") };
    assert!(text.contains("c4_unknown_is_not_found [C4]: counting an unknown segment"), "{text}");
    assert!(text.contains("the store panicked: the count is gone"), "{text}");
    let place = "#1 read_entry_count(s3, g4) -> panicked at conformance/tests/it/suite.rs:";
    assert!(text.contains(place), "{text}");
}

#[test]
#[ignore = "a helper process of the test of backtraces"]
fn panics_of_a_store_in_another_process() {
    assert_eq!(child_job(), "panic");
    let report = run_all(shared::<Panics>, "c4_");
    assert_eq!(report.failed().count(), 3, "{report}");
    assert_holds(TestHarness::new(shared::<Panics>, "it::none", &[]), "c4_unknown_is_not_found");
}

#[test]
fn panics_at_one_place_print_one_backtrace() {
    let mut test = child_test("suite::panics_of_a_store_in_another_process", "panic");
    let output = test.env("RUST_BACKTRACE", "1").output().expect("the program runs");
    let printed = String::from_utf8(output.stderr).expect("the messages are UTF-8");
    assert!(!output.status.success(), "{printed}");
    assert_eq!(printed.matches("stack backtrace:").count(), 1, "{printed}");
    let report = "c4_unknown_is_not_found [C4]: counting an unknown segment returns NotFound\n\
                  the store panicked: the count is gone\n";
    assert!(printed.contains(report), "{printed}");
}

/// A store that never returns from a count.
struct Hangs {
    inner: Arc<Inner>,
}

impl Variant for Hangs {
    over_memory! {}

    fn read_entry_count(&self, _: SessionId, _: SegmentId) -> Result<usize> {
        loop {
            thread::park();
        }
    }
}

#[test]
fn a_store_that_hangs_fails_the_check() {
    let harness: Arc<dyn Harness> = Arc::new(shared::<Hangs>);
    let check = all_checks().find(|check| check.id == "c4_unknown_is_not_found").unwrap();
    let outcome = check.run_within(Duration::from_millis(200), &harness);
    let Outcome::Failed(text) = outcome else { panic!("{outcome:?}") };
    assert!(text.contains("the check did not end within 0.2 seconds"), "{text}");
    assert!(
        text.contains("\ncalls that have not returned\n        #1 read_entry_count(s3, g4)"),
        "{text}"
    );
}

#[test]
fn a_panic_of_the_harness_fails_the_check() {
    let broken = || -> fn() -> MemoryStore { panic!("the server is gone") };
    let report = run_all(broken, "t2_").to_string();
    assert!(report.contains("t2_past_the_end_is_refused [T2]"), "{report}");
    assert!(report.contains("the check or its harness panicked: the server is gone"), "{report}");
}

/// A store that lists only one page of sessions.
struct ListsAPage {
    inner: Arc<Inner>,
}

impl Variant for ListsAPage {
    over_memory! {}

    fn list_sessions(&self) -> Result<Vec<SessionId>> {
        Ok(self.inner.list_sessions()?.into_iter().take(1_000).collect())
    }
}

#[test]
fn a_failure_has_the_first_difference_of_long_lists() {
    let report = run_all(shared::<ListsAPage>, "l6_many_sessions").to_string();
    assert!(report.contains("(first difference at id 1000, counted from 0)"), "{report}");
    assert!(report.contains("  found:    1000 ids, number 1000 is nothing\n"), "{report}");
}
