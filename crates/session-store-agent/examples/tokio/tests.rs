//! Tests that run the example on stores with and without atomic batches.

use session_store_agent::replay;
use session_store_core::Store;
use test_deadlines::DEADLINE;

/// Runs the example on the store, and checks the log.
async fn check(url: &str) {
    let run = super::run(url, "Count to twenty.");
    let run = tokio::time::timeout(DEADLINE, run).await;
    let writer = run.expect("waited too long for the example").unwrap();
    let log = writer.store().read_all(writer.session_id(), writer.segment_id()).unwrap();
    assert_eq!(log.len(), writer.entry_count());
    let state = replay(&log).unwrap();
    assert_eq!(state.usage["output_tokens"], 20);
    assert_eq!((state.turn_index, state.interrupted), (1, false));
    let texts = state.history.iter().map(|item| item.as_json().to_owned());
    let parts: Vec<_> = texts.filter(|text| text.contains("\"assistant_item\"")).collect();
    let expected = (1..=20).map(|number| format!("\"text\":\"{number}\""));
    assert!(parts.iter().zip(expected).all(|(part, text)| part.contains(&text)), "{parts:?}");
    assert_eq!(parts.len(), 20);
}

#[tokio::test]
async fn the_example_runs_on_one_thread_in_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    check(&format!("sqlite:{}", folder.path().join("logs.db").display())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_runs_on_several_threads_in_files() {
    let folder = tempfile::tempdir().unwrap();
    check(&format!("fs:{}", folder.path().join("logs").display())).await;
}
