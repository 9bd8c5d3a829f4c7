//! Tests of `StoreError`: the texts of errors, and the methods that classify errors.

use std::io;

use rstest::rstest;
use session_store_core::{
    BackendError, Capability, Head, SegmentId, StoreError, error_chain, event_trace, segment_log,
};

#[test]
fn an_io_error_names_the_operation_and_keeps_kind_and_cause() {
    let full = io::Error::from_raw_os_error(28);
    let (kind, cause) = (full.kind(), full.to_string());
    let error = StoreError::io("append to /logs/a.jsonl", full);
    let text = format!("I/O error: cannot append to /logs/a.jsonl: {cause}");
    assert_eq!(error.to_string(), text);
    assert_eq!(error_chain(&error), text, "the chain has each cause once");
    let StoreError::Io(inner) = error else { panic!("not an I/O error") };
    assert_eq!(inner.kind(), kind);
}

#[test]
fn a_partial_append_is_indeterminate_by_its_cause_and_never_transient() {
    let lost =
        StoreError::Indeterminate { operation: "append".into(), source: "reply lost".into() };
    let partial = StoreError::Partial { appended: 3, source: Box::new(lost) };
    assert!(partial.is_indeterminate() && !partial.is_transient());
    assert_eq!(
        partial.to_string(),
        "only the first 3 entries were appended: outcome unknown: append: reply lost; the change \
         happened once or not at all, so read before you retry"
    );

    let busy =
        StoreError::from(BackendError::new("append to table entry", true, "database is locked"));
    assert!(busy.is_transient());
    // A repeated call would store the first entry a second time, so the error is not transient.
    let partial = StoreError::Partial { appended: 1, source: Box::new(busy) };
    assert!(!partial.is_transient() && !partial.is_indeterminate());
}

#[test]
fn only_errors_that_need_no_repair_are_transient() {
    let io = |kind: io::ErrorKind| StoreError::from(io::Error::from(kind));
    assert!(io(io::ErrorKind::TimedOut).is_transient());
    assert!(!io(io::ErrorKind::StorageFull).is_transient());
    assert!(!StoreError::NotFound(SegmentId::new()).is_transient());
}

/// Programs compare these texts, so the texts must not change by even one letter.
#[test]
fn the_five_variants_of_the_original_trait_have_their_original_texts() {
    let segment: SegmentId = "0190a7c2-0000-7000-8000-0000000000ff".parse().unwrap();
    let io = StoreError::from(io::Error::other("disk on fire"));
    assert_eq!(io.to_string(), "I/O error: disk on fire");
    let serde = StoreError::from(serde_json::from_str::<u8>("x").unwrap_err());
    assert_eq!(serde.to_string(), "serialization error: expected value at line 1 column 1");
    assert_eq!(
        StoreError::NotFound(segment).to_string(),
        "segment not found: 0190a7c2-0000-7000-8000-0000000000ff"
    );
    let corrupt = StoreError::Corrupt { line: 2, message: "not an entry".into() };
    assert_eq!(corrupt.to_string(), "log corrupted at line 2: not an entry");
    let name = StoreError::InvalidPodName("a/b".into());
    assert_eq!(name.to_string(), "invalid pod name: a/b");
    assert_eq!(
        StoreError::past_the_end(segment, 5, 3).to_string(),
        "log corrupted at line 5: cannot truncate segment 0190a7c2-0000-7000-8000-0000000000ff \
         to 5 entries; only 3 entries stored"
    );
}

#[test]
fn both_types_of_entries_have_their_original_module_paths() {
    let entry = segment_log::LogEntry::from_json("{}").unwrap();
    let trace = event_trace::TraceEntry::from_json("{}").unwrap();
    assert_eq!(entry.as_json(), trace.as_json());
}

#[test]
fn other_errors_name_the_heads_or_the_capability() {
    let conflict = StoreError::Conflict { expected: None, actual: Some(Head::new(3, 0xab)) };
    assert!(conflict.is_conflict());
    assert_eq!(
        conflict.to_string(),
        "head conflict: expected no such segment, found the head \
         3@000000000000000000000000000000ab"
    );
    let unsupported =
        StoreError::Unsupported { operation: "sync", capability: Capability::DurableSync };
    assert_eq!(
        unsupported.to_string(),
        "sync needs the capability durable_sync, which this store does not have"
    );
}

#[test]
fn an_unknown_outcome_is_wrapped_once() {
    let busy = || StoreError::from(BackendError::new("append", true, "database is locked"));
    let unknown = StoreError::indeterminate("append to segment S", busy());
    assert!(unknown.is_indeterminate());
    let text = unknown.to_string();
    assert_eq!(StoreError::indeterminate("another operation", unknown).to_string(), text);
}

#[rstest]
#[case::same_text("refused", "refused", "refused")]
#[case::cause_with_more_text("locked", "Error code 5: locked", "Error code 5: locked")]
#[case::cause_inside_the_text("no file: a.db", "a.db", "no file: a.db")]
#[case::another_cause("cannot go", "locked", "cannot go: locked")]
fn a_chain_has_each_cause_once(
    #[case] text: &'static str,
    #[case] cause: &'static str,
    #[case] chain: &str,
) {
    let cause = Box::new(WithCause { text: cause, source: None });
    assert_eq!(error_chain(&WithCause { text, source: Some(cause) }), chain);
}

#[derive(Debug, thiserror::Error)]
#[error("{text}")]
struct WithCause {
    text: &'static str,
    source: Option<Box<WithCause>>,
}
