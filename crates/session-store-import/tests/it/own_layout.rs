//! Tests of the layout of this project's own file store, and of the newer form of this layout.

use session_store_core::PodStore;
use session_store_import::{FileKind, Format, OnConflict, OwnLayout, Role, State, format_of};

use crate::logs::{G, Logs, S};

#[test]
fn logs_traces_and_pods_are_stored() {
    let logs = Logs::with(&[
        (&format!("{S}/{G}.jsonl"), "{\"kind\":\"invoke\"}\n"),
        (&format!("{S}/{G}.trace.jsonl"), "{\"t\":1}\n{\"t\":2}\n"),
        ("pods/reviewer/metadata.json", "{\"active\":null,\"x\":1.0}\n"),
    ]);
    assert_eq!(logs.import().states(), [State::Imported; 3]);
    let stored = logs.stored();
    let (key, log) = &stored[0];
    assert_eq!((key.session_id.to_string(), key.segment_id.to_string()), (S.into(), G.into()));
    assert_eq!((stored.len(), &**log, logs.trace(*key).len()), (1, "{\"kind\":\"invoke\"}", 2));
    let pod = logs.store.read_pod(&"reviewer".parse().unwrap()).unwrap().unwrap();
    assert_eq!(pod.as_json(), "{\"active\":null,\"x\":1.0}");
    assert_eq!(logs.import().states(), [State::Unchanged; 3]);

    let mut logs = logs;
    logs.put("pods/reviewer/metadata.json", "{\"active\":null}\n");
    assert_eq!(logs.import().states(), [State::Unchanged, State::Unchanged, State::Conflict]);
    logs.options.on_conflict = OnConflict::Replace;
    for (dry_run, expected) in [(true, "{\"active\":null,\"x\":1.0}"), (false, "{\"active\":null}")]
    {
        logs.options.dry_run = dry_run;
        assert_eq!(logs.import().states()[2], State::Imported);
        let pod = logs.store.read_pod(&"reviewer".parse().unwrap()).unwrap().unwrap();
        assert_eq!(pod.as_json(), expected);
    }
}

#[test]
fn a_session_can_be_named_by_a_file() {
    let manifest = format!("{{\n  \"schema_version\": 2,\n  \"session_id\": \"{S}\"\n}}\n");
    let segment = format!("w/session/segments/{G}.jsonl");
    let trace = format!("w/session/segments/{G}.trace.jsonl");
    let logs = Logs::with(&[(&segment, "{\"kind\":\"invoke\"}\n"), (&trace, "{\"t\":1}\n")]);
    logs.put("w/session/session.json", manifest);
    let imported = logs.import();
    assert_eq!(imported.states(), [State::Imported; 2]);
    let stored = logs.stored();
    assert_eq!(stored[0].0.session_id.to_string(), S);
    assert_eq!((stored.len(), logs.trace(stored[0].0).len()), (1, 1));
    assert_eq!(imported.passed_over(), [("descriptions of sessions", 1)]);
    // The ids are the same if the user names the folder of the segments.
    let again = logs.import_paths(&[logs.path("w/session/segments")]);
    assert_eq!(again.states(), [State::Unchanged; 2]);
}

#[test]
fn a_trace_is_recognized_beside_its_log() {
    let logs = Logs::with(&[
        (&format!("{S}.jsonl"), "{\"n\":1}\n"),
        (&format!("{S}.trace.jsonl"), "{\"t\":1}\n"),
        (&format!("{G}.trace.jsonl"), "{\"n\":2}\n"),
    ]);
    let imported = logs.import();
    assert!(imported.of(&format!("{S}.trace.jsonl")).trace);
    assert!(!imported.of(&format!("{G}.trace.jsonl")).trace, "a lone file is a log");
    assert_eq!(logs.stored().len(), 2);
}

#[test]
fn a_record_is_described() {
    let entry = |json: &str| session_store_core::LogEntry::from_json(json).unwrap();
    let input = entry(r#"{"kind":"user_input","ts":1766000361535,"text":"hello"}"#);
    assert_eq!(format_of(std::slice::from_ref(&input)).name(), OwnLayout.name());
    let described = OwnLayout.describe(&input);
    assert_eq!((described.role, described.text.as_deref()), (Some(Role::User), Some("hello")));
    assert!(described.time.is_some());
    let call = entry(r#"{"kind":"assistant_item","tool":"shell","input":{"command":"ls"}}"#);
    assert_eq!(OwnLayout.describe(&call).tool_calls[0].input, r#"{"command":"ls"}"#);
}

#[test]
fn a_pod_needs_its_folder() {
    use session_store_import::Candidate;
    let kind = |path: &str| OwnLayout.classify(&Candidate::new(std::path::Path::new(path), b"{}"));
    assert_eq!(kind("/store/pods/reviewer/metadata.json"), Some(FileKind::Pod));
    assert_eq!(kind("/store/reviewer/metadata.json"), None);
}
