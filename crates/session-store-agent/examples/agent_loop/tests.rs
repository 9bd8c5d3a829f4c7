//! The example, run on every backend.

use std::process::Command;

use session_store_agent::{Lineage, RestoredState, SessionTree, claims_session, restore};
use session_store_core::{SegmentId, Store};
use test_servers::RedisServer;

/// The environment variable in which the child process finds the URL of its store.
const URL: &str = "SESSION_STORE_AGENT_FIRST_LIFE";

#[test]
#[ignore = "a child process of the other tests, which kill it"]
fn child_that_waits_to_be_killed() {
    test_deadlines::exit_at_deadline();
    let url = std::env::var(URL).expect("only another test runs this one");
    let store = session_store::open_or_create(&url).unwrap();
    super::first_life(&store, super::wait_for_the_end).unwrap();
}

/// Runs the example on the store, and checks what the example prints and stores.
fn check_story(url: &str) {
    let store = session_store::open_or_create(url).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    let name = "tests::child_that_waits_to_be_killed";
    child.args(["--exact", name, "--include-ignored", "--nocapture"]).env(URL, url);
    let mut out = Vec::new();
    super::story(&store, child, &mut out).unwrap();
    check(&store, &String::from_utf8(out).unwrap());
}

#[test]
fn in_memory() {
    check_story("memory:");
}

#[test]
fn in_files() {
    let folder = tempfile::tempdir().unwrap();
    check_story(&format!("fs:{}", folder.path().join("logs").display()));
}

#[test]
fn in_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    check_story(&format!("sqlite:{}", folder.path().join("logs.db").display()));
}

#[test]
fn in_redis() {
    let server = RedisServer::start_in_memory(&[]);
    check_story(&server.url());
}

/// The tree that the story must leave behind, whatever the backend.
fn check(store: &dyn Store, story: &str) {
    // The run that was killed is there up to the call of the tool.
    assert!(story.contains("2. resumed: 6 items, 2 turns, interrupted: true"), "{story}");

    let sessions = store.list_sessions().unwrap();
    let [session, claims] = sessions[..] else { panic!("{sessions:?}") };
    assert_eq!(claims, claims_session());
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
    assert_eq!(last.usage["input_tokens"], 90, "nine answers of the model in this line");

    let pod = store.pods().unwrap().read_pod(&"adder".parse().unwrap()).unwrap().unwrap();
    assert_eq!(pod.active().unwrap().segment_id, Some(compacted.segment_id));
    assert!(story.ends_with(&tree.to_string()), "{story}");
}

/// What the model answered in the end of its runs.
fn answers(state: &RestoredState) -> Vec<String> {
    #[derive(serde::Deserialize)]
    struct Item {
        kind: String,
        text: Option<String>,
    }
    let items = state.history.iter().map(|item| item.decode::<Item>().unwrap());
    items.filter(|item| item.kind == "assistant_item").filter_map(|item| item.text).collect()
}
