//! Errors: the questions they answer, and that the cause is told once.

use std::error::Error;
use std::io;

use session_store_core::{BackendError, Capability, Head, SegmentId, StoreError};

#[test]
fn an_io_error_says_what_was_tried_and_keeps_kind_and_cause() {
    let full = io::Error::from_raw_os_error(28);
    let (kind, cause) = (full.kind(), full.to_string());
    let error = StoreError::io("append to /logs/a.jsonl", full);
    assert_eq!(error.to_string(), "append to /logs/a.jsonl");
    assert_eq!(error.source().unwrap().to_string(), cause);
    let StoreError::Io(inner) = error else { panic!("not an I/O error") };
    assert_eq!(inner.kind(), kind);
}

#[test]
fn questions_look_through_a_partial_append() {
    let lost =
        StoreError::Indeterminate { operation: "append".into(), source: "reply lost".into() };
    let partial = StoreError::Partial { appended: 3, source: Box::new(lost) };
    assert!(partial.is_indeterminate() && !partial.is_transient());
    assert_eq!(partial.to_string(), "only the first 3 entries were appended");

    let busy =
        StoreError::from(BackendError::new("append to table entry", true, "database is locked"));
    let partial = StoreError::Partial { appended: 1, source: Box::new(busy) };
    assert!(partial.is_transient() && !partial.is_indeterminate());
}

#[test]
fn only_what_passes_by_itself_is_transient() {
    let io = |kind: io::ErrorKind| StoreError::from(io::Error::from(kind));
    assert!(io(io::ErrorKind::TimedOut).is_transient());
    assert!(!io(io::ErrorKind::StorageFull).is_transient());
    assert!(!StoreError::NotFound(SegmentId::new()).is_transient());
}

#[test]
fn messages_name_the_thing() {
    let segment = SegmentId::new();
    assert_eq!(
        StoreError::NotFound(segment).to_string(),
        format!("segment {segment} does not exist")
    );
    let conflict = StoreError::Conflict { expected: None, actual: Some(Head::new(3, 0xab)) };
    assert!(conflict.is_conflict());
    assert_eq!(
        conflict.to_string(),
        "expected no such segment, found the head 3@000000000000000000000000000000ab"
    );
    let unsupported =
        StoreError::Unsupported { operation: "sync", capability: Capability::DurableSync };
    assert_eq!(
        unsupported.to_string(),
        "sync needs the capability durable_sync, which this store does not have"
    );
    let past = StoreError::past_the_end(segment, usize::MAX, 3).to_string();
    assert!(past.contains("18446744073709551615") && past.contains("has 3"), "{past}");
}

#[test]
fn a_bad_line_is_named_once() {
    let corrupt =
        |message: &str| StoreError::Corrupt { line: 2, message: message.into() }.to_string();
    assert_eq!(corrupt("line 2 of a.jsonl is no entry"), "line 2 of a.jsonl is no entry");
    assert_eq!(corrupt("a12b is no entry"), "line 2: a12b is no entry");
}
