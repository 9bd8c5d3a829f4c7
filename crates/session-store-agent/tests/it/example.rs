//! The example of the facade, told on every backend.

use std::process::Command;

use rstest::rstest;
use session_store::OpenStore;
use session_store_agent::{Lineage, RestoredState, SessionTree, claims_session, restore};
use session_store_core::{SegmentId, Store};

use crate::place::Place;

#[path = "../../../session-store/examples/agent_loop.rs"]
#[expect(dead_code, reason = "its main is for the command line")]
mod agent_loop;

/// Where the child finds its store.
const JOB: &str = "SESSION_STORE_AGENT_FIRST_LIFE";

#[test]
#[ignore = "run by the tests of this module, which kill it"]
fn child_that_waits_to_be_killed() {
    let url = std::env::var(JOB).expect("only another test runs this one, with a job to do");
    let store = session_store::open_or_create(&url).unwrap();
    agent_loop::first_life(&store, agent_loop::wait_for_the_end).unwrap();
}

fn told(url: &str) -> (OpenStore, String) {
    let store = session_store::open_or_create(url).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    let name = "example::child_that_waits_to_be_killed";
    child.args(["--exact", name, "--include-ignored", "--nocapture"]).env(JOB, url);
    let mut out = Vec::new();
    agent_loop::story(&store, child, &mut out).unwrap();
    (store, String::from_utf8(out).unwrap())
}

#[test]
fn in_memory() {
    let (store, story) = told("memory:");
    check(&store, &story);
}

#[rstest]
#[case::files("fs")]
#[case::sqlite("sqlite")]
#[case::redis("redis+unix")]
fn in_a_place_that_outlives_the_process(#[case] scheme: &str) {
    let place = Place::new(scheme);
    let (store, story) = told(place.url());
    check(&store, &story);
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
