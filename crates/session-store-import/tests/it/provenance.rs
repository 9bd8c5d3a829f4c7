//! Tests of the trace line that names the origin of an imported log.

use std::path::Path;

use session_store_import::{Origin, State, imported_origin};

use crate::logs::{G, Logs, S};

#[test]
fn a_new_segment_gets_one_line_in_its_trace() {
    let first = "{\"parentUuid\":null}\n";
    let logs = Logs::with(&[(&format!("p/{S}.jsonl"), first)]);
    let agent = format!("p/{S}/subagents/agent-a1.jsonl");
    logs.put(&agent, "{}\n");
    let imported = logs.import();
    let key = imported.of(&agent).key.unwrap();
    let trace = logs.trace(key);
    assert_eq!(trace.len(), 1);
    assert_eq!((&trace[0]["kind"], &trace[0]["agent"]), (&"import".into(), &"claude-code".into()));
    assert!(Path::new(trace[0]["path"].as_str().unwrap()).ends_with(&agent), "{trace:?}");
    assert!(trace[0]["at"].is_string());
    assert_eq!(trace[0]["origin"]["segment_id"], S);
    let session = S.parse().unwrap();
    assert_eq!(imported_origin(&logs.store, key).unwrap(), Some(Origin::new(session, session)));
    // A later import of the same log from another folder does not add a second line.
    std::fs::rename(logs.path("p"), logs.path("q")).unwrap();
    logs.put(&format!("q/{S}/subagents/agent-a1.jsonl"), "{}\n{}\n");
    assert_eq!(logs.import().states(), [State::Extended, State::Unchanged]);
    assert_eq!(logs.trace(key), trace);
}

#[test]
fn a_log_of_the_own_layout_gets_no_line() {
    let logs = Logs::with(&[(&format!("{S}/{G}.jsonl"), "{\"kind\":\"invoke\"}\n")]);
    let key = logs.import().reports[0].key.unwrap();
    assert_eq!(logs.trace(key), Vec::<serde_json::Value>::new());
}

#[test]
fn a_dry_run_adds_no_line() {
    let mut logs = Logs::with(&[("a.jsonl", "{}\n")]);
    logs.options.dry_run = true;
    let imported = logs.import();
    assert_eq!((imported.states(), imported.summary.new), (vec![State::Imported], 1));
    assert_eq!(logs.trace(imported.reports[0].key.unwrap()), Vec::<serde_json::Value>::new());
    assert_eq!(logs.stored(), []);
}
