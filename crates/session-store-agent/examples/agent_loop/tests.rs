//! Tests that run the example on every backend.

use std::process::Command;

use session_store_agent::{Lineage, RestoredState, SessionTree, restore};
use session_store_core::{SegmentId, Store};
use test_servers::RedisServer;

/// The environment variable in which the child process finds the URL of its store.
const URL: &str = "SESSION_STORE_AGENT_FIRST_RUN";

#[test]
#[ignore = "a child process of the other tests, which kill it"]
fn child_that_waits_to_be_killed() {
    test_deadlines::exit_at_deadline();
    let url = std::env::var(URL).expect("the test that starts this process sets the variable");
    let store = session_store::open_or_create(&url).unwrap();
    super::first_run(&store, super::wait_to_be_killed).unwrap();
}

/// Runs the example on the store, and checks what the example prints and stores.
fn check_example(url: &str) {
    let store = session_store::open_or_create(url).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    let name = "tests::child_that_waits_to_be_killed";
    child.args(["--exact", name, "--include-ignored", "--nocapture"]).env(URL, url);
    let mut out = Vec::new();
    super::run_example(&store, child, &mut out).unwrap();
    check(&store, &String::from_utf8(out).unwrap());
}

#[test]
fn the_example_runs_in_memory() {
    check_example("memory:");
}

#[test]
fn the_example_runs_in_files() {
    let folder = tempfile::tempdir().unwrap();
    check_example(&format!("fs:{}", folder.path().join("logs").display()));
}

#[test]
fn the_example_runs_in_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    check_example(&format!("sqlite:{}", folder.path().join("logs.db").display()));
}

#[test]
fn the_example_runs_in_redis() {
    let server = RedisServer::start_in_memory(&[]);
    check_example(&server.url());
}

/// Checks the output of the example and the tree that it stores.
fn check(store: &dyn Store, output: &str) {
    // The first process was killed during the tool call. Everything before the call is stored.
    assert!(output.contains("2. resumed: 6 items, 2 turns, interrupted: true"), "{output}");

    let sessions = store.list_sessions().unwrap();
    let [session] = sessions[..] else { panic!("{sessions:?}") };
    let tree = SessionTree::read(store, session).unwrap();
    let roots: Vec<_> = tree.roots().collect();
    let [root] = roots[..] else { panic!("{tree}") };
    let children: Vec<_> = tree.children(root.segment_id).collect();
    let [second, what_if] = children[..] else { panic!("{tree}") };
    let state = |segment_id: SegmentId| restore(store, session, segment_id).unwrap().1;

    assert_eq!(answers(&state(root.segment_id)), ["It is 5.", "It is 42.", "It is 2."]);
    assert_eq!(answers(&state(second.segment_id)), ["It is 5.", "It is 42.", "It is 15."]);
    assert_eq!(answers(&state(what_if.segment_id)), ["It is 5.", "It is 6."]);

    let compacted: Vec<_> = tree.children(second.segment_id).collect();
    let [compacted] = compacted[..] else { panic!("{tree}") };
    assert!(matches!(compacted.lineage, Some(Lineage::CompactedFrom(_))));
    let last = state(compacted.segment_id);
    assert_eq!((answers(&last), last.history.len()), (vec!["It is 10.".to_owned()], 5));
    assert_eq!(last.usage["input_tokens"], 90, "the model answers nine times in this branch");

    let pod = store.pods().unwrap().read_pod(&"adder".parse().unwrap()).unwrap().unwrap();
    assert_eq!(pod.active().unwrap().segment_id, Some(compacted.segment_id));
    assert!(output.ends_with(&tree.to_string()), "{output}");
}

/// Returns the answers of the model at the end of its runs.
fn answers(state: &RestoredState) -> Vec<String> {
    #[derive(serde::Deserialize)]
    struct Item {
        kind: String,
        text: Option<String>,
    }
    let items = state.history.iter().map(|item| item.decode::<Item>().unwrap());
    items.filter(|item| item.kind == "assistant_item").filter_map(|item| item.text).collect()
}
