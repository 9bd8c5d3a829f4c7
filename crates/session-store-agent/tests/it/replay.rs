//! Tests of records, and of the state that `replay` computes from them.

use std::error::Error;

use rstest::rstest;
use serde_json::json;
use session_store_agent::{
    Json, Kind, Lineage, Origin, Record, ReplayError, RestoredState, replay,
};
use session_store_core::{LogEntry, SegmentId, SessionId, StoreError};

use crate::{entry, record};

fn log(texts: &[&str]) -> Vec<LogEntry> {
    texts.iter().map(|text| entry(text)).collect()
}

/// A conversation with every kind, an unknown kind, and payloads that must be kept as text.
const CONVERSATION: [&str; 16] = [
    r#"{"kind":"segment_start","ts":1,"session_id":"019a0000-0000-7000-8000-000000000001","system_prompt":{"text":"\ud800"},"config":{"temperature":1.0},"new_field":7}"#,
    r#"{"kind":"invoke","ts":2}"#,
    r#"{"kind":"user_input","ts":3,"text":"hi","n":1e999,"n":2}"#,
    r#"{"kind":"assistant_item","ts":4,"tool_call":{"id":"t"}}"#,
    r#"{"kind":"tool_result","ts":5,"output":12345678901234567890123}"#,
    r#"{"kind":"llm_usage","ts":6,"input_tokens":100,"output_tokens":20,"model":"m","cost":0.5}"#,
    r#"{"kind":"turn_end","ts":7}"#,
    r#"{"kind":"run_completed","ts":8}"#,
    r#"{"kind":"from_the_future","x":[1e999]}"#,
    r#"{"kind":"config_changed","ts":9,"config":{"temperature":-0.0}}"#,
    r#"{"kind":"extension","ts":10,"name":"todo","payload":null}"#,
    r#"{"kind":"extension","ts":11,"name":"todo","payload":[1.0]}"#,
    r#"{"kind":"system_item","ts":12,"text":"note"}"#,
    r#"{"kind":"llm_usage","ts":13,"input_tokens":1,"cached_tokens":5}"#,
    r#"{"kind":"run_errored","ts":14,"message":"no"}"#,
    r#"{"kind":"paused_turn_abandoned","ts":15}"#,
];

fn texts(values: &[Json]) -> Vec<&str> {
    values.iter().map(Json::as_json).collect()
}

#[test]
fn every_kind_has_its_effect() {
    let state = replay(log(&CONVERSATION)).unwrap();
    let session: SessionId = "019a0000-0000-7000-8000-000000000001".parse().unwrap();
    assert_eq!(state.session_id, Some(session));
    assert_eq!(state.lineage, None);
    assert_eq!(state.system_prompt.unwrap().as_json(), r#"{"text":"\ud800"}"#);
    assert_eq!(state.config.unwrap().as_json(), r#"{"temperature":-0.0}"#);
    let items = [CONVERSATION[2], CONVERSATION[3], CONVERSATION[4], CONVERSATION[12]];
    assert_eq!(texts(&state.history), items, "whole records, byte for byte");
    assert_eq!((state.turn_count, state.turn_index, state.entry_count), (1, 1, 16));
    assert!(!state.interrupted);
    let usage: Vec<_> = state.usage.iter().map(|(name, n)| (name.as_str(), *n)).collect();
    assert_eq!(usage, [("cached_tokens", 5), ("input_tokens", 101), ("output_tokens", 20)]);
    assert_eq!(state.extensions["todo"].as_json(), "[1.0]");
}

/// The records of another program with the same layout. Newer versions of the other program write a
/// prefix before some kinds. `{}` is a placeholder for this prefix.
const OTHER_PROGRAM: [&str; 11] = [
    r#"{"kind":"{}segment_start","ts":1,"session_id":"019a0000-0000-7000-8000-000000000001","system_prompt":null,"config":{"max_tokens":1024},"history":[{"item":"seed"}],"compacted_from":{"segment_id":"019a0000-0000-7000-8000-000000000002","at_turn_index":3}}"#,
    r#"{"kind":"active_run_checkpoint","ts":2,"active_turn_count":3,"total_turn_count":9}"#,
    r#"{"kind":"invoke","ts":3,"trigger":"user_send"}"#,
    r#"{"kind":"{}user_input","ts":4,"segments":[{"kind":"text","text":"hi"}],"extensions":[{"domain":"memory","payload":{"at":1}},{"domain":"plan","payload":[]}],"history":[]}"#,
    r#"{"kind":"llm_usage","ts":5,"history_len":7,"input_total_tokens":50,"cache_read_tokens":0,"cache_write_tokens":0,"output_tokens":10}"#,
    r#"{"kind":"{}assistant_item","ts":6,"entry":{"item":"call"}}"#,
    r#"{"kind":"{}tool_result","ts":7,"entry":{"item":"result"}}"#,
    r#"{"kind":"{}system_item","ts":8,"entry":{"item":"note"}}"#,
    r#"{"kind":"extension","ts":9,"domain":"memory","payload":{"at":2}}"#,
    r#"{"kind":"turn_end","ts":10,"turn_count":11}"#,
    r#"{"kind":"run_completed","ts":11,"interrupted":true,"result":"paused","active_run_turn_count":2}"#,
];

#[rstest]
#[case::older("")]
#[case::newer("annotated_")]
fn the_records_of_another_program_are_understood(#[case] prefix: &str) {
    let log: Vec<_> =
        OTHER_PROGRAM.iter().map(|text| entry(&text.replacen("{}", prefix, 1))).collect();
    assert!(log.iter().all(|entry| Kind::of(entry).is_some()));
    assert!(replay(&log[..2]).unwrap().interrupted, "the run goes on in the compacted segment");

    let mut state = replay(&log).unwrap();
    assert_eq!((state.turn_count, state.turn_index, state.history.len()), (11, 1, 5));
    assert_eq!(state.system_prompt, None);
    assert_eq!(state.extensions["memory"].as_json(), r#"{"at":2}"#);
    assert_eq!(state.extensions["plan"].as_json(), "[]");
    let usage: Vec<_> = state.usage.iter().filter(|(_, n)| **n > 0).collect();
    assert_eq!(usage, [(&"input_total_tokens".into(), &50), (&"output_tokens".into(), &10)]);
    assert!(state.interrupted, "the run is paused");

    state.apply(&entry(r#"{"kind":"run_errored","interrupted":false,"message":"no"}"#)).unwrap();
    assert!(!state.interrupted);
}

#[test]
fn a_count_at_its_limit_stays_there() {
    let log = [
        format!(r#"{{"kind":"active_run_checkpoint","total_turn_count":{}}}"#, usize::MAX),
        r#"{"kind":"turn_end"}"#.to_owned(),
    ];
    let state = replay(log.iter().map(|text| entry(text))).unwrap();
    assert_eq!((state.turn_count, state.turn_index), (usize::MAX, 1));
}

#[test]
fn a_replay_can_continue_from_any_saved_state() {
    let log = log(&CONVERSATION);
    let whole = replay(&log).unwrap();
    for cut in 0..=log.len() {
        let saved = serde_json::to_string_pretty(&replay(&log[..cut]).unwrap()).unwrap();
        let mut state: RestoredState = serde_json::from_str(&saved).unwrap();
        state.advance(&log[state.entry_count..]).unwrap();
        assert_eq!(state, whole, "cut at {cut}");
    }
}

#[rstest]
#[case::nothing(&[], false)]
#[case::invoked(&["invoke"], true)]
#[case::asked(&["user_input"], true)]
#[case::between_turns(&["invoke", "user_input", "assistant_item", "turn_end"], true)]
#[case::completed(&["invoke", "user_input", "turn_end", "run_completed"], false)]
#[case::errored(&["invoke", "run_errored"], false)]
#[case::abandoned(&["invoke", "tool_result", "paused_turn_abandoned"], false)]
#[case::again(&["invoke", "run_completed", "assistant_item"], true)]
#[case::notes(&["invoke", "run_completed", "system_item", "turn_end"], false)]
fn a_run_without_an_end_is_interrupted(#[case] kinds: &[&str], #[case] interrupted: bool) {
    let log = kinds.iter().map(|kind| entry(&format!("{{\"kind\":\"{kind}\"}}")));
    assert_eq!(replay(log).unwrap().interrupted, interrupted);
}

#[rstest]
#[case::no_kind("{}")]
#[case::kind_of_another_type("{\"kind\":5}")]
#[case::kind_doubled("{\"kind\":\"turn_end\",\"kind\":\"turn_end\"}")]
#[case::lone_surrogate("{\"kind\":\"\\ud800\"}")]
#[case::another_spelling("{\"kind\":\"TurnEnd\"}")]
fn an_entry_of_an_unknown_kind_is_counted_only(#[case] text: &str) {
    assert_eq!(Kind::of(&entry(text)), None);
    let state = replay([entry(text)]).unwrap();
    let mut expected = RestoredState::default();
    expected.entry_count = 1;
    assert_eq!(state, expected);
}

#[test]
fn a_payload_can_be_nested_deeper_than_the_limit_of_the_parser() {
    let deep = format!("{{\"x\":{}{},\"kind\":\"turn_end\"}}", "[".repeat(200), "]".repeat(200));
    assert_eq!(replay([entry(&deep)]).unwrap().turn_count, 1);
}

#[test]
fn a_log_without_a_start_starts_with_the_default_state() {
    let state = replay(log(&CONVERSATION[1..8])).unwrap();
    assert_eq!((state.session_id, state.history.len(), state.turn_count), (None, 3, 1));
}

#[test]
fn the_error_for_a_second_start_has_the_number_of_the_entry() {
    let mut log = log(&CONVERSATION[..3]);
    log.push(entry(CONVERSATION[0]));
    let mut state = RestoredState::default();
    let error = state.advance(&log).unwrap_err();
    assert!(matches!(error, ReplayError::LateStart { entry: 4 }), "{error}");
    assert_eq!(state, replay(&log[..3]).unwrap(), "the state before the error is kept");
    assert!(replay(&log[1..]).is_err(), "a start after other entries is an error too");
}

#[rstest]
#[case::history(r#"{"kind":"segment_start","history":{}}"#, "segment_start")]
#[case::turn_count(r#"{"kind":"segment_start","turn_count":-1}"#, "segment_start")]
#[case::session(r#"{"kind":"segment_start","session_id":"me"}"#, "segment_start")]
#[case::origin(r#"{"kind":"segment_start","forked_from":"me"}"#, "segment_start")]
#[case::no_config(r#"{"kind":"config_changed"}"#, "config_changed")]
#[case::no_name(r#"{"kind":"extension","payload":1}"#, "extension")]
#[case::wrong_name(r#"{"kind":"extension","name":1,"payload":1}"#, "extension")]
#[case::extensions(r#"{"kind":"user_input","extensions":1}"#, "user_input")]
#[case::turns(r#"{"kind":"turn_end","turn_count":-1}"#, "turn_end")]
#[case::end(r#"{"kind":"run_completed","interrupted":1}"#, "run_completed")]
#[case::checkpoint(r#"{"kind":"active_run_checkpoint"}"#, "active_run_checkpoint")]
fn the_error_for_a_wrong_type_has_the_number_of_the_entry(#[case] text: &str, #[case] kind: &str) {
    let mut state = RestoredState::default();
    let error = state.apply(&entry(text)).unwrap_err();
    let cause = error.source().unwrap();
    assert_eq!(error.to_string(), format!("entry 1 is not a valid {kind} record: {cause}"));
    assert_eq!(state, RestoredState::default());
}

#[test]
fn a_start_contains_the_state_for_another_segment() {
    let state = replay(log(&CONVERSATION)).unwrap();
    let from = Origin { segment_id: SegmentId::new(), at_turn_index: 1 };
    for lineage in [Lineage::ForkedFrom(from), Lineage::CompactedFrom(from)] {
        let start = state.start(Some(lineage)).unwrap();
        assert_eq!(Lineage::of(start.entry()), Some(lineage));
        let mut expected = state.clone();
        (expected.lineage, expected.turn_index, expected.entry_count) = (Some(lineage), 0, 1);
        assert_eq!(replay([start.entry()]).unwrap(), expected);
    }
}

#[test]
fn a_payload_cannot_contain_kind_and_time() {
    let built = Record::at(7, Kind::UserInput, &json!({"text": "hi"})).unwrap();
    assert_eq!(built.entry().as_json(), r#"{"kind":"user_input","ts":7,"text":"hi"}"#);
    assert_eq!((built.kind(), built.ts()), (Some(Kind::UserInput), Some(7)));
    assert_eq!(Record::from(built.clone().into_entry()), built);
    for payload in [json!({"kind": "x"}), json!({"ts": 1}), json!([1])] {
        let error = Record::new(Kind::Invoke, &payload).unwrap_err();
        assert!(matches!(error, StoreError::Serde(_)), "{payload}: {error}");
    }
    assert_eq!(record(Kind::Invoke, &json!({})).as_json(), r#"{"kind":"invoke","ts":1}"#);
}

#[test]
fn a_new_record_has_the_current_time() {
    let millis = || {
        let since = std::time::UNIX_EPOCH.elapsed().unwrap();
        u64::try_from(since.as_millis()).unwrap()
    };
    let before = millis();
    let ts = Record::new(Kind::Invoke, &json!({})).unwrap().ts().unwrap();
    assert!((before..=millis()).contains(&ts), "{ts}");
}

#[test]
fn debug_shows_only_the_start_of_a_value() {
    let shown = |text: &str| format!("{:?}", Json::encode(text).unwrap());
    assert_eq!(shown("short"), "Json(7 bytes: \"short\")");
    let long = shown(&"é".repeat(40));
    assert_eq!(long, format!("Json(82 bytes: \"{}…)", "é".repeat(31)));
}
