//! Tests of pods (named agents with a pointer to a session), of the names of pods, and of
//! `update_pod`.

use rstest::rstest;
use session_store_core::{Pod, PodName, PodStore, PodStoreExt, SegmentId, SessionId, StoreError};
use session_store_memory::MemoryStore;

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
fn invalid_names_are_rejected(#[case] name: &str) {
    let error = name.parse::<PodName>().unwrap_err();
    assert!(matches!(&error, StoreError::InvalidPodName(invalid) if invalid == name), "{error:?}");
}

#[rstest]
#[case("reviewer")]
#[case("...")]
#[case(".hidden")]
#[case("CON")]
#[case(" spaces ")]
#[case("日本語 🦀")]
#[case(&"x".repeat(255))]
fn valid_names_are_kept(#[case] name: &str) {
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
fn a_pointer_can_be_missing(#[case] text: &str) {
    assert_eq!(Pod::from_json(text).unwrap().active(), None);
}

#[rstest]
#[case::not_an_object("[]")]
#[case::not_a_pointer(r#"{"active":"somewhere"}"#)]
#[case::not_a_uuid(r#"{"active":{"session_id":"seven"}}"#)]
fn a_text_that_is_not_a_pod_is_rejected(#[case] text: &str) {
    assert!(matches!(Pod::from_json(text), Err(StoreError::Serde(_))));
}

#[test]
fn a_new_pod_without_a_segment_does_not_have_the_field() {
    let session_id = SessionId::new();
    let pod = Pod::new(session_id, None);
    assert_eq!(pod.as_json(), format!(r#"{{"active":{{"session_id":"{session_id}"}}}}"#));
}

#[test]
fn a_name_serializes_as_a_plain_string_and_is_validated() {
    let name: PodName = "coder".parse().unwrap();
    assert_eq!(serde_json::to_string(&name).unwrap(), r#""coder""#);
    assert_eq!(serde_json::from_str::<PodName>(r#""coder""#).unwrap(), name);
    assert!(serde_json::from_str::<PodName>(r#""a/b""#).is_err());
}

#[test]
fn an_update_keeps_the_fields_that_another_writer_adds_meanwhile() {
    let store = MemoryStore::new();
    let name: PodName = "coder".parse().unwrap();
    store.put_pod(&name, &Pod::from_json("{}").unwrap()).unwrap();
    let mut calls = 0;
    let updated = store.update_pod(&name, |stored: Option<&Pod>| {
        calls += 1;
        if calls == 1 {
            store.put_pod(&name, &Pod::from_json(r#"{"theirs":1}"#).unwrap()).unwrap();
        }
        let mut fields: serde_json::Map<_, _> = stored.unwrap().decode()?;
        fields.insert("ours".into(), 2.into());
        Pod::encode(&fields)
    });
    assert_eq!(updated.unwrap().as_json(), r#"{"ours":2,"theirs":1}"#);
    assert_eq!(calls, 2, "the first put conflicts with the put of the other writer");
}
