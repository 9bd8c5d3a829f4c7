//! Tests of the formats of pi, OpenClaw, Gemini CLI, Copilot CLI, Qwen Code, Cline and Roo Code.

use rstest::rstest;
use session_store_core::LogEntry;
use session_store_import::{
    Cline, CopilotCli, Description, Environment, Format, GeminiCli, OpenClaw, Pi, QwenCode, Role,
    RooCode, State, derived_id, format_of,
};

use crate::logs::{G, Logs, S};

fn entry(json: &str) -> LogEntry {
    LogEntry::from_json(json).unwrap()
}

/// The id of a log. Either the program gives the id, or the id is derived from a name.
enum Id {
    Given(&'static str),
    Derived(&'static str, String),
}

impl Id {
    fn text(&self) -> String {
        match self {
            Self::Given(id) => (*id).to_owned(),
            Self::Derived(format, name) => derived_id(format, name).to_string(),
        }
    }
}

const PI: &str =
    r#"{"type":"session","version":3,"id":"0ccf1a04-1b4c-43b6-8aa5-79e41db43a68","cwd":"/p"}"#;
const TRAJECTORY: &str = r#"{"type":"session.started","ts":"2026-01-01T00:00:00Z","runId":"r"}"#;
const GEMINI: &str = r#"{"sessionId":"0ccf1a04-1b4c-43b6-8aa5-79e41db43a68","projectHash":"h","startTime":"2026-01-01T00:00:00Z"}"#;
const GEMINI_DOCUMENT: &str = r#"{
  "sessionId": "0ccf1a04-1b4c-43b6-8aa5-79e41db43a68",
  "startTime": "2026-01-01T00:00:00Z",
  "lastUpdated": "2026-01-02T00:00:00Z",
  "messages": [
    {"id": "1", "type": "user", "content": "hi", "n": 1.0},
    {"id": "2", "type": "gemini", "content": "ok"}
  ]
}"#;
const COPILOT: &str =
    r#"{"type":"session.start","data":{"sessionId":"0ccf1a04-1b4c-43b6-8aa5-79e41db43a68"}}"#;
const QWEN: &str = r#"{"uuid":"u","parentUuid":null,"sessionId":"0ccf1a04-1b4c-43b6-8aa5-79e41db43a68","type":"user"}"#;
const CLINE: &str = r#"[{"role":"user","content":"hi","ts":1749000000000}]"#;
const CLINE_SESSION: &str = r#"{"version":1,"updated_at":"2026-01-01T00:00:00Z","agent":"lead","sessionId":"1749000000000_ab1cd","messages":[{"role":"user","content":"hi","n":1.0}]}"#;
const CLINE_SESSION_ENTRIES: &str = concat!(
    r#"{"version":1,"agent":"lead","sessionId":"1749000000000_ab1cd"} "#,
    r#"{"role":"user","content":"hi","n":1.0}"#
);
const CLINE_SUBAGENT: &str = r#"{"version":1,"updated_at":"2026-01-01T00:00:00Z","agent":"subagent","sessionId":"1749000000000_ab1cd__a1","messages":[]}"#;
/// The entries of [`GEMINI_DOCUMENT`].
const GEMINI_ENTRIES: &str = concat!(
    r#"{"sessionId":"0ccf1a04-1b4c-43b6-8aa5-79e41db43a68","startTime":"2026-01-01T00:00:00Z"} "#,
    r#"{"id": "1", "type": "user", "content": "hi", "n": 1.0} "#,
    r#"{"id": "2", "type": "gemini", "content": "ok"}"#
);

#[rstest]
#[case::pi(&format!("--p--/2026_{S}.jsonl"), PI, "pi", Id::Given(S), Id::Given(S), PI)]
#[case::openclaw(&format!(".openclaw/agents/main/sessions/{S}.jsonl"), PI, "openclaw", Id::Given(S), Id::Given(S), PI)]
#[case::openclaw_reset(&format!("agents/main/sessions/{S}.jsonl.reset.2026-01-01"), PI, "openclaw", Id::Given(S), Id::Given(S), PI)]
#[case::openclaw_topic(&format!("agents/main/sessions/{S}-topic-7.jsonl"), PI, "openclaw", Id::Given(S), Id::Derived("openclaw", format!("{S}-topic-7")), PI)]
#[case::pi_named("p/2026_mine.jsonl", r#"{"type":"session","id":"mine","cwd":"/p"}"#, "pi", Id::Derived("pi", "mine".into()), Id::Derived("pi", "mine".into()), r#"{"type":"session","id":"mine","cwd":"/p"}"#)]
#[case::openclaw_checkpoint(&format!("agents/main/sessions/{S}.checkpoint.{G}.jsonl"), PI, "openclaw", Id::Given(S), Id::Given(G), PI)]
#[case::openclaw_trajectory(&format!(".openclaw/agents/main/sessions/{S}.trajectory.jsonl"), TRAJECTORY, "openclaw", Id::Given(S), Id::Derived("openclaw", format!("{S}.trajectory")), TRAJECTORY)]
#[case::openclaw_topic_copied(&format!("copy/{S}-topic-7.jsonl"), PI, "openclaw", Id::Given(S), Id::Derived("openclaw", format!("{S}-topic-7")), PI)]
#[case::openclaw_reset_copied(&format!("copy/{S}.jsonl.reset.2026-01-01"), PI, "openclaw", Id::Given(S), Id::Given(S), PI)]
#[case::gemini_copied(
    "copy/session-2026-0ccf1a04.jsonl",
    GEMINI,
    "gemini-cli",
    Id::Given(S),
    Id::Given(S),
    GEMINI
)]
#[case::roo_by_time("rooveterinaryinc.roo-cline/tasks/1749000000000/api_conversation_history.json", CLINE, "roo-code", Id::Derived("cline", "1749000000000".into()), Id::Derived("cline", "1749000000000".into()), &CLINE[1..CLINE.len() - 1])]
#[case::gemini(
    "tmp/h/chats/session-2026-0ccf1a04.jsonl",
    GEMINI,
    "gemini-cli",
    Id::Given(S),
    Id::Given(S),
    GEMINI
)]
#[case::gemini_document("tmp/h/chats/session-2026-0ccf1a04.json", GEMINI_DOCUMENT, "gemini-cli", Id::Given(S), Id::Derived("gemini-cli", format!("{S}.json")), GEMINI_ENTRIES)]
#[case::gemini_subagent(&format!("chats/{G}/sub.jsonl"), GEMINI, "gemini-cli", Id::Given(G), Id::Given(S), GEMINI)]
#[case::copilot(&format!("session-state/{S}/events.jsonl"), COPILOT, "copilot-cli", Id::Given(S), Id::Derived("copilot-cli", format!("{S}/events.jsonl")), COPILOT)]
#[case::copilot_old(&format!("session-state/{S}.jsonl"), COPILOT, "copilot-cli", Id::Given(S), Id::Given(S), COPILOT)]
#[case::qwen(&format!("projects/p/chats/{S}.jsonl"), QWEN, "qwen-code", Id::Given(S), Id::Given(S), QWEN)]
#[case::qwen_archive(&format!("archive/{}.jsonl", S.to_uppercase()), QWEN, "qwen-code", Id::Given(S), Id::Given(S), QWEN)]
#[case::cline("tasks/1749000000000/api_conversation_history.json", CLINE, "cline", Id::Derived("cline", "1749000000000".into()), Id::Derived("cline", "1749000000000".into()), &CLINE[1..CLINE.len() - 1])]
#[case::cline_session("sessions/1749000000000_ab1cd/1749000000000_ab1cd.messages.json", CLINE_SESSION, "cline", Id::Derived("cline", "1749000000000_ab1cd".into()), Id::Derived("cline", "1749000000000_ab1cd".into()), CLINE_SESSION_ENTRIES)]
#[case::cline_subagent("sessions/1749000000000_ab1cd/a1.messages.json", CLINE_SUBAGENT, "cline", Id::Derived("cline", "1749000000000_ab1cd".into()), Id::Derived("cline", "1749000000000_ab1cd/a1".into()), r#"{"version":1,"agent":"subagent","sessionId":"1749000000000_ab1cd__a1"}"#)]
#[case::roo(&format!("tasks/{S}/api_conversation_history.json"), CLINE, "roo-code", Id::Given(S), Id::Given(S), &CLINE[1..CLINE.len() - 1])]
fn a_log_has_the_ids_of_its_program(
    #[case] path: &str,
    #[case] content: &str,
    #[case] format: &str,
    #[case] session: Id,
    #[case] segment: Id,
    #[case] entries: &str,
) {
    let logs = Logs::with(&[(&format!("one/{path}"), content)]);
    let imported = logs.import();
    assert_eq!(imported.states(), [State::Imported], "{imported:?}");
    let [(key, stored)] = &logs.stored()[..] else { panic!("one segment: {:?}", logs.stored()) };
    assert_eq!(
        (key.session_id.to_string(), key.segment_id.to_string()),
        (session.text(), segment.text())
    );
    assert_eq!(stored, entries);
    let from = &logs.trace(*key)[0];
    assert!(from.to_string().contains(&format!("\"{format}\"")), "{from}");

    assert_eq!(logs.import().states(), [State::Unchanged], "a second import");
    std::fs::rename(logs.path("one"), logs.path("two")).unwrap();
    assert_eq!(logs.import().states(), [State::Unchanged], "after the folder was renamed");
}

#[rstest]
#[case::openclaw(".openclaw/agents/main/sessions/sessions.json", "{}", "indexes of sessions")]
#[case::gemini("tmp/h/logs.json", r#"[{"sessionId":"a","messageId":0}]"#, "prompt histories")]
#[case::copilot(&format!("session-state/{S}/workspace.yaml"), "a: 1\n", "files of sessions")]
#[case::cline_session("sessions/1_a/1_a.json", "{}", "descriptions of tasks")]
#[case::cline("tasks/1749000000000/ui_messages.json", "[]", "descriptions of tasks")]
fn a_file_that_is_not_a_log_is_counted(#[case] path: &str, #[case] text: &str, #[case] kind: &str) {
    let logs = Logs::with(&[(path, text)]);
    assert_eq!(logs.import().passed_over(), [(kind, 1)]);
    assert_eq!(logs.stored(), []);
}

#[test]
fn a_rewritten_task_becomes_a_segment_of_its_own() {
    let path = "tasks/1749000000000/api_conversation_history.json";
    let logs = Logs::with(&[(path, CLINE)]);
    logs.import();
    logs.put(path, r#"[{"role":"user","content":"shortened","ts":1749000000000}]"#);
    assert_eq!(logs.import().states(), [State::Imported]);
    assert_eq!(logs.stored().len(), 2, "both forms are stored");
    assert_eq!(logs.import().states(), [State::Unchanged], "the new form is stored once");
}

#[test]
fn a_forked_session_of_pi_names_its_parent() {
    let header = format!(
        r#"{{"type":"session","id":"{G}","cwd":"/p","parentSession":"/x/2026_{S}.jsonl"}}"#
    );
    let logs = Logs::with(&[("a.jsonl", &header)]);
    logs.import();
    let (key, _) = &logs.stored()[0];
    assert!(logs.trace(*key)[0].to_string().contains(S));
}

/// Each case is a format, an entry, and the expected description: the role, the text, the call of a
/// tool, the title and the parent.
#[rstest]
#[case::pi_user(&Pi, r#"{"type":"message","id":"b","parentId":"a","message":{"role":"user","content":[{"type":"text","text":"hi"}]}}"#, Some(Role::User), Some("hi"), None, None, Some("a"))]
#[case::pi_call(&Pi, r#"{"type":"message","message":{"role":"assistant","content":[{"type":"thinking","thinking":"…"},{"type":"toolCall","name":"read","arguments":{"path":"a"}}]}}"#, Some(Role::Assistant), None, Some(("read", r#"{"path":"a"}"#)), None, None)]
#[case::pi_result(&OpenClaw, r#"{"type":"message","message":{"role":"toolResult","content":[{"type":"text","text":"42"}]}}"#, Some(Role::Tool), Some("42"), None, None, None)]
#[case::pi_title(&Pi, r#"{"type":"session_info","name":"Parser"}"#, None, None, None, Some("Parser"), None)]
#[case::gemini_user(&GeminiCli, r#"{"id":"1","type":"user","content":[{"text":"hi"}]}"#, Some(Role::User), Some("hi"), None, None, None)]
#[case::gemini_call(&GeminiCli, r#"{"id":"2","type":"gemini","content":"","toolCalls":[{"name":"ls","args":{}}]}"#, Some(Role::Assistant), None, Some(("ls", "{}")), None, None)]
#[case::gemini_title(&GeminiCli, r#"{"$set":{"summary":"Parser"}}"#, None, None, None, Some("Parser"), None)]
#[case::copilot_user(&CopilotCli, r#"{"type":"user.message","parentId":"p","data":{"content":"hi"}}"#, Some(Role::User), Some("hi"), None, None, Some("p"))]
#[case::copilot_call(&CopilotCli, r#"{"type":"assistant.message","data":{"content":"","toolRequests":[{"name":"bash","arguments":{"c":"ls"}}]}}"#, Some(Role::Assistant), None, Some(("bash", r#"{"c":"ls"}"#)), None, None)]
#[case::copilot_result(&CopilotCli, r#"{"type":"tool.execution_complete","data":{"result":{"content":"42"}}}"#, Some(Role::Tool), Some("42"), None, None, None)]
#[case::qwen_user(&QwenCode, r#"{"type":"user","parentUuid":"p","message":{"role":"user","parts":[{"text":"hi"}]}}"#, Some(Role::User), Some("hi"), None, None, Some("p"))]
#[case::qwen_call(&QwenCode, r#"{"type":"assistant","message":{"parts":[{"text":"…","thought":true},{"functionCall":{"name":"ls","args":{}}}]}}"#, Some(Role::Assistant), None, Some(("ls", "{}")), None, None)]
#[case::qwen_result(&QwenCode, r#"{"type":"tool_result","message":{"parts":[{"functionResponse":{"response":{"output":"42"}}}]}}"#, Some(Role::Tool), Some("42"), None, None, None)]
#[case::cline_call(&Cline, r#"{"role":"assistant","content":[{"type":"text","text":"ok"},{"type":"tool_use","name":"ls","input":{}}]}"#, Some(Role::Assistant), Some("ok"), Some(("ls", "{}")), None, None)]
#[case::roo_result(&RooCode, r#"{"role":"user","content":[{"type":"tool_result","content":"42"}]}"#, Some(Role::Tool), Some("42"), None, None, None)]
fn an_entry_is_described(
    #[case] format: &dyn Format,
    #[case] json: &str,
    #[case] role: Option<Role>,
    #[case] text: Option<&str>,
    #[case] call: Option<(&str, &str)>,
    #[case] title: Option<&str>,
    #[case] parent: Option<&str>,
) {
    let described = format.describe(&entry(json));
    let calls = described.tool_calls.iter().map(|call| (call.name.as_str(), call.input.as_str()));
    assert_eq!(described.role, role);
    assert_eq!(described.text.as_deref(), text);
    assert_eq!(calls.collect::<Vec<_>>(), call.into_iter().collect::<Vec<_>>());
    assert_eq!(described.title.as_deref(), title);
    assert_eq!(described.parent.as_deref(), parent);
}

#[rstest]
#[case("pi", PI)]
#[case("gemini-cli", GEMINI)]
#[case("copilot-cli", COPILOT)]
#[case("qwen-code", r#"{"parentUuid":null,"message":{"role":"user","parts":[{"text":"hi"}]}}"#)]
#[case("jsonl", r#"{"role":"user","content":"hi"}"#)]
fn a_stored_log_is_recognized(#[case] name: &str, #[case] first: &str) {
    let first = entry(first);
    let format = format_of(std::slice::from_ref(&first));
    assert_eq!(format.name(), name);
    let _: Description = format.describe(&first);
}

#[test]
fn default_folders_follow_the_variables_of_each_program() {
    let home = Environment::new("/home/u");
    let folders = |format: &dyn Format, environment: &Environment| {
        let folders = format.default_folders(environment).into_iter();
        folders.map(|folder| folder.display().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(folders(&Pi, &home), ["/home/u/.pi/agent/sessions"]);
    let pi = home.clone().variable("PI_CODING_AGENT_DIR", "/pi");
    assert_eq!(folders(&Pi, &pi), ["/pi/sessions"]);
    let pi = pi.variable("PI_CODING_AGENT_SESSION_DIR", "/logs");
    assert_eq!(folders(&Pi, &pi), ["/logs"]);
    let qwen = home.clone().variable("QWEN_RUNTIME_DIR", "/qwen");
    assert_eq!(folders(&QwenCode, &qwen), ["/qwen/projects"]);
    assert_eq!(folders(&OpenClaw, &home)[0], "/home/u/.openclaw/agents");
    assert_eq!(folders(&GeminiCli, &home), ["/home/u/.gemini/tmp"]);
    assert_eq!(folders(&CopilotCli, &home), ["/home/u/.copilot/session-state"]);
    assert_eq!(folders(&QwenCode, &home), ["/home/u/.qwen/projects"]);
    assert!(folders(&Cline, &home).contains(&"/home/u/.cline/data/tasks".to_owned()));
    let roo = "/home/u/.vscode-server/data/User/globalStorage/rooveterinaryinc.roo-cline/tasks";
    assert!(folders(&RooCode, &home).contains(&roo.to_owned()));
}
