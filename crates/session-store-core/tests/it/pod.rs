//! Pods and their names (P1, P3).

use rstest::rstest;
use session_store_core::{Pod, PodName, SegmentId, SessionId, StoreError};

#[rstest]
#[case("")]
#[case(".")]
#[case("..")]
#[case("a/b")]
#[case("../../etc")]
#[case("a\\b")]
#[case("a\0b")]
#[case("line\nbreak")]
#[case("bell\u{7}")]
#[case("c1\u{85}")]
#[case(&"x".repeat(256))]
#[case(&"é".repeat(128))]
fn names_that_are_refused(#[case] name: &str) {
    let error = name.parse::<PodName>().unwrap_err();
    assert!(matches!(&error, StoreError::InvalidPodName(refused) if refused == name), "{error:?}");
}

#[rstest]
#[case("reviewer")]
#[case("...")]
#[case(".hidden")]
#[case("CON")]
#[case(" spaces ")]
#[case("日本語 🦀")]
#[case(&"x".repeat(255))]
fn names_that_are_kept(#[case] name: &str) {
    assert_eq!(name.parse::<PodName>().unwrap().as_str(), name);
}

#[test]
fn a_pod_keeps_its_owners_fields_and_reads_its_pointer() {
    let (session_id, segment_id) = (SessionId::new(), SegmentId::new());
    let text = format!(
        r#"{{"pod_name":"x","active":{{"session_id":"{session_id}","segment_id":"{segment_id}"}},"n":1.0}}"#
    );
    let pod = Pod::from_json(text.clone()).unwrap();
    assert_eq!(pod.as_json(), text);
    let active = pod.active().unwrap();
    assert_eq!((active.session_id, active.segment_id), (session_id, Some(segment_id)));
}

#[rstest]
#[case::no_pointer_yet("{}")]
#[case::null(r#"{"active":null}"#)]
fn a_pointer_may_be_missing(#[case] text: &str) {
    assert_eq!(Pod::from_json(text).unwrap().active(), None);
}

#[rstest]
#[case::no_object("[]")]
#[case::no_pointer(r#"{"active":"somewhere"}"#)]
#[case::no_uuid(r#"{"active":{"session_id":"seven"}}"#)]
fn what_is_no_pod_is_refused(#[case] text: &str) {
    assert!(matches!(Pod::from_json(text), Err(StoreError::Serde(_))));
}

#[test]
fn a_new_pod_without_a_segment_has_no_such_field() {
    let session_id = SessionId::new();
    let pod = Pod::new(session_id, None);
    assert_eq!(pod.as_json(), format!(r#"{{"active":{{"session_id":"{session_id}"}}}}"#));
}
