//! Tests of the format of Codex.

use std::path::{Path, PathBuf};

use rstest::rstest;
use session_store_core::LogEntry;
use session_store_import::{
    Candidate, Codex, Description, Encoding, Environment, FileKind, Format, Role, State, ToolCall,
    format_of,
};

use crate::logs::{G, Logs, S};

const OTHER: &str = "5d1c1f6e-1111-4222-8333-00000000c0de";

fn entry(json: &str) -> LogEntry {
    LogEntry::from_json(json).unwrap()
}

#[rstest]
#[case::log("rollout-2026-01-01T00-00-00-x.jsonl", "{}", Some(FileKind::Log(Encoding::Lines)))]
#[case::compressed("rollout-x.jsonl.zst", "{}", Some(FileKind::Log(Encoding::Lines)))]
#[case::document(
    "rollout-2025-04-17-x.json",
    "{\"session\":{}}",
    Some(FileKind::Log(Encoding::Document))
)]
#[case::index("session_index.jsonl", "{}", Some(FileKind::Companion("indexes of sessions")))]
#[case::other("notes.jsonl", "{}", None)]
fn a_file_is_classified(
    #[case] name: &str,
    #[case] head: &str,
    #[case] expected: Option<FileKind>,
) {
    let path = Path::new("/home/u/.codex/sessions").join(name);
    assert_eq!(Codex.classify(&Candidate::new(&path, head.as_bytes())), expected);
}

/// The cases give the name of a file and the payload of its first entry. The expected results are
/// the thread, the segment and the origin.
#[rstest]
#[case::thread(S, "{}", S, S, None)]
#[case::thread_of_the_entry(G, &format!("{{\"id\":\"{S}\"}}"), S, G, None)]
#[case::resumed(&format!("{S}_{G}"), &format!("{{\"id\":\"{S}\",\"history_base\":{{\"thread_id\":\"{S}\"}}}}"), S, G, Some((S, S)))]
#[case::forked(G, &format!("{{\"id\":\"{G}\",\"forked_from_id\":\"{S}\"}}"), G, G, Some((S, S)))]
#[case::forked_from_a_segment(G, &format!("{{\"id\":\"{G}\",\"forked_from_id\":\"{S}\",\"history_base\":{{\"thread_id\":\"{OTHER}\"}}}}"), G, G, Some((S, OTHER)))]
#[case::subagent(G, &format!("{{\"id\":\"{G}\",\"source\":{{\"subagent\":{{\"thread_spawn\":{{\"parent_thread_id\":\"{S}\"}}}}}}}}"), G, G, Some((S, S)))]
fn ids_come_from_the_name_and_the_first_entry(
    #[case] ids: &str,
    #[case] payload: &str,
    #[case] thread: &str,
    #[case] segment: &str,
    #[case] origin: Option<(&str, &str)>,
) {
    let name = format!("/x/rollout-2026-08-27T09-00-00-{ids}.jsonl");
    let first = entry(&format!("{{\"type\":\"session_meta\",\"payload\":{payload}}}"));
    let identity = Codex.identify(&Candidate::new(Path::new(&name), b""), &first);
    let texts = |key: session_store_core::SegmentKey| {
        (key.session_id.to_string(), key.segment_id.to_string())
    };
    assert_eq!(texts(identity.key), (thread.to_owned(), segment.to_owned()));
    let expected = origin.map(|(session, segment)| (session.to_owned(), segment.to_owned()));
    assert_eq!(identity.origin.map(|origin| texts(origin.key)), expected);
}

#[test]
fn the_origin_names_the_last_common_entry() {
    let first = entry(&format!(
        r#"{{"payload":{{"history_base":{{"thread_id":"{S}","end_ordinal_exclusive":42}}}}}}"#
    ));
    let name = format!("/x/rollout-{S}_{G}.jsonl");
    let origin = Codex.identify(&Candidate::new(Path::new(&name), b""), &first).origin.unwrap();
    assert_eq!(origin.entry.as_deref(), Some("41"));
}

/// The first versions of Codex wrote one document.
#[test]
fn a_document_becomes_a_log() {
    let document = format!(
        "{{\n \"session\": {{\"id\": \"{S}\"}},\n \"items\": [\n  {{\"type\": \"message\", \"n\": 1.0}}\n ]\n}}"
    );
    let logs = Logs::with(&[(&format!("rollout-2025-04-17-{S}.json"), &document)]);
    assert_eq!(logs.import().states(), [State::Imported]);
    let expected = format!("{{\"id\": \"{S}\"}} {{\"type\": \"message\", \"n\": 1.0}}");
    assert_eq!(logs.stored()[0].1, expected);
}

#[rstest]
#[case::message(
    r#"{"type":"response_item","payload":{"type":"message","role":"user","content":[{"type":"input_text","text":"hi"}]}}"#,
    Description { role: Some(Role::User), text: Some("hi".to_owned()), ..Description::default() }
)]
#[case::call(
    r#"{"type":"response_item","payload":{"type":"function_call","name":"shell","arguments":"{}"}}"#,
    Description {
        role: Some(Role::Assistant),
        tool_calls: vec![ToolCall { name: "shell".to_owned(), input: "{}".to_owned() }],
        ..Description::default()
    }
)]
#[case::output(
    r#"{"type":"response_item","payload":{"type":"function_call_output","output":"{\"output\":\"done\"}"}}"#,
    Description { role: Some(Role::Tool), text: Some("done".to_owned()), ..Description::default() }
)]
#[case::title(
    r#"{"type":"event_msg","payload":{"type":"thread_name_updated","thread_name":"A title"}}"#,
    Description { title: Some("A title".to_owned()), ..Description::default() }
)]
#[case::first_versions(
    r#"{"type":"message","role":"assistant","content":[{"type":"output_text","text":"hi"}]}"#,
    Description {
        role: Some(Role::Assistant),
        text: Some("hi".to_owned()),
        ..Description::default()
    }
)]
#[case::repeated(
    r#"{"type":"event_msg","payload":{"type":"user_message","message":"hi"}}"#,
    Description::default()
)]
fn an_entry_is_described(#[case] json: &str, #[case] expected: Description) {
    assert_eq!(Codex.describe(&entry(json)), expected);
}

#[test]
fn a_stored_log_is_recognized_by_its_entries() {
    let first = entry(r#"{"type":"session_meta","payload":{}}"#);
    assert_eq!(format_of(&[first]).name(), "codex");
}

#[test]
fn the_default_folders_can_be_configured() {
    let environment = Environment::new("/home/u");
    let folders = Codex.default_folders(&environment);
    assert_eq!(folders[0], PathBuf::from("/home/u/.codex/sessions"));
    let folders = Codex.default_folders(&environment.variable("CODEX_HOME", "/c"));
    assert_eq!(folders[1], PathBuf::from("/c/archived_sessions"));
}
