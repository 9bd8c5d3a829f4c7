//! Tests of the format of Claude Code.

use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use rstest::rstest;
use session_store_core::{LogEntry, SegmentKey};
use session_store_import::{
    Candidate, ClaudeCode, Description, Encoding, Environment, FileKind, Format, Identity, Origin,
    Role, ToolCall, as_uuid, derived_id, format_of,
};

const S: &str = "0ccf1a04-1b4c-43b6-8aa5-79e41db43a68";
const OTHER: &str = "019a93b9-f380-7600-98ff-940e6b99603c";
const FIRST: &str = r#"{"parentUuid":null,"isSidechain":false,"sessionId":"0ccf1a04-1b4c-43b6-8aa5-79e41db43a68","type":"user"}"#;
const LOG: Option<FileKind> = Some(FileKind::Log(Encoding::Lines));

fn entry(json: &str) -> LogEntry {
    LogEntry::from_json(json).unwrap()
}

fn key(session: &str, segment: uuid::Uuid) -> SegmentKey {
    SegmentKey::new(session.parse().unwrap(), segment.into())
}

#[rstest]
#[case::main("/p/0ccf1a04-1b4c-43b6-8aa5-79e41db43a68.jsonl", FIRST, LOG)]
#[case::of_another_program("/p/0ccf1a04-1b4c-43b6-8aa5-79e41db43a68.jsonl", r#"{"n":1}"#, None)]
#[case::another_name("/p/notes.jsonl", FIRST, None)]
#[case::old_subagent("/p/agent-a1.jsonl", FIRST, LOG)]
#[case::subagent("/0ccf1a04-1b4c-43b6-8aa5-79e41db43a68/subagents/agent-a1.jsonl", "{}", LOG)]
#[case::journal(
    "/0ccf1a04-1b4c-43b6-8aa5-79e41db43a68/subagents/workflows/w/journal.jsonl",
    "{}",
    LOG
)]
#[case::description(
    "/0ccf1a04-1b4c-43b6-8aa5-79e41db43a68/subagents/agent-a1.meta.json",
    "{}",
    Some(FileKind::Companion("descriptions of subagents"))
)]
#[case::result(
    "/0ccf1a04-1b4c-43b6-8aa5-79e41db43a68/tool-results/t.txt",
    "x",
    Some(FileKind::Companion("results of tools"))
)]
#[case::history(
    "/home/u/.claude/history.jsonl",
    r#"{"display":"hi"}"#,
    Some(FileKind::Companion("prompt histories"))
)]
fn a_file_is_classified(
    #[case] path: &str,
    #[case] head: &str,
    #[case] expected: Option<FileKind>,
) {
    let file = Candidate::new(Path::new(path), head.as_bytes());
    assert_eq!(ClaudeCode.classify(&file), expected);
}

#[rstest]
#[case::main("p/0ccf1a04-1b4c-43b6-8aa5-79e41db43a68.jsonl", None)]
#[case::subagent(
    "p/0ccf1a04-1b4c-43b6-8aa5-79e41db43a68/subagents/agent-a1.jsonl",
    Some("agent-a1.jsonl")
)]
#[case::old_subagent("p/agent-a1.jsonl", Some("agent-a1.jsonl"))]
#[case::workflow(
    "0ccf1a04-1b4c-43b6-8aa5-79e41db43a68/subagents/workflows/w/agent-a1.jsonl",
    Some("workflows/w/agent-a1.jsonl")
)]
fn a_log_belongs_to_its_session_below_every_root(
    #[case] path: &str,
    #[case] derived: Option<&str>,
) {
    for root in ["/home/u/.claude/projects", "/backup/q"] {
        let path = Path::new(root).join(path);
        let Identity { key: found, origin, .. } =
            ClaudeCode.identify(&Candidate::new(&path, b""), &entry(FIRST));
        let main = as_uuid(S).unwrap();
        let segment = derived.map(|name| derived_id("claude-code", &format!("{S}/{name}")));
        assert_eq!(found, key(S, segment.unwrap_or(main)));
        assert_eq!(origin, derived.map(|_| Origin::new(main, main)));
    }
}

#[test]
fn a_fork_names_its_origin() {
    let first = entry(&format!(
        r#"{{"forkedFrom":{{"sessionId":"{OTHER}","messageUuid":"m"}},"sessionId":"{S}"}}"#
    ));
    let path = format!("/p/{S}.jsonl");
    let origin = ClaudeCode.identify(&Candidate::new(Path::new(&path), b""), &first).origin;
    let origin = origin.unwrap();
    assert_eq!(origin.key, key(OTHER, as_uuid(OTHER).unwrap()));
    assert_eq!(origin.entry.as_deref(), Some("m"));
}

#[test]
fn the_default_folder_can_be_configured() {
    let environment = Environment::new("/home/u");
    let default = PathBuf::from("/home/u/.claude/projects");
    assert_eq!(ClaudeCode.default_folders(&environment)[0], default);
    let environment = environment.variable("CLAUDE_CONFIG_DIR", "/elsewhere");
    assert_eq!(ClaudeCode.default_folders(&environment)[0], PathBuf::from("/elsewhere/projects"));
}

#[rstest]
#[case::message(
    r#"{"parentUuid":"p","uuid":"u","timestamp":"2026-01-01T00:00:00Z","type":"user","message":{"role":"user","content":"hello"}}"#,
    Description {
        time: Some(UNIX_EPOCH + Duration::from_secs(1_767_225_600)),
        role: Some(Role::User),
        text: Some("hello".to_owned()),
        id: Some("u".to_owned()),
        parent: Some("p".to_owned()),
        ..Description::default()
    }
)]
#[case::blocks(
    r#"{"type":"assistant","message":{"role":"assistant","content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"a"},{"type":"text","text":"b"},{"type":"tool_use","name":"Bash","input":{"command":"ls"}}]}}"#,
    Description {
        role: Some(Role::Assistant),
        text: Some("a\nb".to_owned()),
        tool_calls: vec![ToolCall { name: "Bash".to_owned(), input: r#"{"command":"ls"}"#.to_owned() }],
        ..Description::default()
    }
)]
#[case::result(
    r#"{"type":"user","message":{"role":"user","content":[{"type":"tool_result","content":[{"type":"text","text":"out"}]}]}}"#,
    Description {
        role: Some(Role::Tool),
        text: Some("out".to_owned()),
        ..Description::default()
    }
)]
#[case::title(
    r#"{"type":"summary","summary":"A title","leafUuid":"x"}"#,
    Description { title: Some("A title".to_owned()), ..Description::default() }
)]
#[case::unknown(r#"{"type":"queue-operation"}"#, Description::default())]
fn an_entry_is_described(#[case] json: &str, #[case] expected: Description) {
    assert_eq!(ClaudeCode.describe(&entry(json)), expected);
}

#[test]
fn a_stored_log_is_recognized_by_its_entries() {
    let snapshot = r#"{"type":"file-history-snapshot","messageId":"m","snapshot":{}}"#;
    for first in [FIRST, snapshot, r#"{"type":"summary","summary":"A title","leafUuid":"x"}"#] {
        assert_eq!(format_of(&[entry(first)]).name(), "claude-code");
    }
    assert_eq!(format_of(&[entry("{}")]).name(), "jsonl");
}
