//! Tests that restore, fork and compact a segment. The new segment can be read without the source,
//! and the source is not changed.

use serde_json::json;
use session_store_agent::{
    AgentError, Json, Kind, Lineage, Origin, RestoredState, compact, fork_at, fork_session_at,
    replay, restore, restore_from,
};
use session_store_core::{SegmentId, SessionId, Store};
use session_store_memory::MemoryStore;

use crate::{entry, record, texts, turn_end};

/// A store in memory, with one segment to fork.
struct Source {
    store: MemoryStore,
    session: SessionId,
    segment: SegmentId,
}

/// Creates a segment with a `segment_start` and a number of turns. Each turn has a question and an
/// entry of an unknown kind.
fn source(turns: usize) -> Source {
    let source =
        Source { store: MemoryStore::new(), session: SessionId::new(), segment: SegmentId::new() };
    let start = json!({"session_id": source.session, "system_prompt": "be brief"});
    let mut log = vec![record(Kind::SegmentStart, &start)];
    for turn in 0..turns {
        log.push(record(Kind::UserInput, &json!({"text": turn})));
        log.push(entry("{\"kind\":\"from_the_future\"}"));
        log.push(turn_end());
    }
    log.push(record(Kind::RunCompleted, &json!({})));
    source.store.create_segment(source.session, source.segment, &log).unwrap();
    source
}

fn questions(state: &RestoredState) -> Vec<u64> {
    #[derive(serde::Deserialize)]
    struct Question {
        text: u64,
    }
    state.history.iter().map(|item| item.decode::<Question>().unwrap().text).collect()
}

#[test]
fn a_segment_is_forked_at_each_of_its_turns_only() {
    let Source { store, session, segment } = source(3);
    let before = texts(&store, session, segment);
    for turn in 0..=3 {
        let (writer, state) = fork_at(store.clone(), session, segment, turn).unwrap();
        let from = Origin { segment_id: segment, at_turn_index: turn };
        assert_eq!(state.lineage, Some(Lineage::ForkedFrom(from)));
        assert_eq!(questions(&state), (0..turn as u64).collect::<Vec<_>>());
        assert_eq!((state.turn_count, state.turn_index, state.interrupted), (turn, 0, false));
        assert_eq!(state.system_prompt.as_ref().unwrap().as_json(), "\"be brief\"");
        assert_eq!((writer.session_id(), state.session_id), (session, Some(session)));

        let (again, restored) = restore(&store, session, writer.segment_id()).unwrap();
        assert_eq!(
            (restored, again.origin()),
            (state, writer.origin()),
            "the fork can be read alone"
        );
    }
    let error = fork_at(store.clone(), session, segment, 4).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("segment {segment} has no turn 4: 3 turns have ended in it")
    );
    assert_eq!(texts(&store, session, segment), before, "the source is not changed");
    assert_eq!(store.list_segments(session).unwrap().len(), 5, "the failed fork created nothing");
}

#[test]
fn a_fork_of_a_fork_counts_its_own_turns() {
    let Source { store, session, segment } = source(2);
    let (mut writer, _) = fork_at(store.clone(), session, segment, 2).unwrap();
    writer.append_all(&[record(Kind::UserInput, &json!({"text": 9})), turn_end()]).unwrap();
    let (_, state) = fork_at(store, session, writer.segment_id(), 1).unwrap();
    assert_eq!((questions(&state), state.turn_count), (vec![0, 1, 9], 3));
}

#[test]
fn a_fork_into_a_new_session_keeps_the_history() {
    let Source { store, session, segment } = source(2);
    let (writer, state) = fork_session_at(store.clone(), session, segment, 1).unwrap();
    assert_ne!(writer.session_id(), session);
    assert_eq!(state.session_id, Some(writer.session_id()));
    assert_eq!(questions(&state), [0]);
    assert_eq!(store.list_segments(session).unwrap(), [segment]);
}

#[test]
fn a_compaction_replaces_the_history_and_keeps_the_rest() {
    let Source { store, session, segment } = source(2);
    let before = texts(&store, session, segment);
    let summary = json!({"text": 7});
    let (writer, state) = compact(store.clone(), session, segment, |state| {
        assert_eq!(questions(state), [0, 1]);
        Ok(vec![Json::encode(&summary)?])
    })
    .unwrap();
    let from = Origin { segment_id: segment, at_turn_index: 2 };
    assert_eq!(state.lineage, Some(Lineage::CompactedFrom(from)));
    assert_eq!((questions(&state), state.turn_count), (vec![7], 2));
    assert!(state.system_prompt.is_some());
    assert_eq!(restore(&store, session, writer.segment_id()).unwrap().1, state);
    assert_eq!(texts(&store, session, segment), before);
}

#[test]
fn a_fork_at_turn_0_of_a_log_without_a_start_is_empty() {
    let Source { store, session, .. } = source(0);
    let segment = SegmentId::new();
    let log = [record(Kind::UserInput, &json!({"text": 1})), turn_end()];
    store.create_segment(session, segment, &log).unwrap();
    let (_, state) = fork_at(store.clone(), session, segment, 0).unwrap();
    assert_eq!(questions(&state), [0; 0]);
    assert_eq!(questions(&fork_at(store.clone(), session, segment, 1).unwrap().1), [1]);
    store.create_segment(session, segment, &[]).unwrap();
    assert_eq!(questions(&fork_at(store, session, segment, 0).unwrap().1), [0; 0]);
}

#[test]
fn invalid_entries_after_the_turn_are_not_read() {
    let Source { store, session, segment } = source(1);
    store.append(session, segment, &record(Kind::ConfigChanged, &json!({}))).unwrap();
    assert!(fork_at(store.clone(), session, segment, 1).is_ok());
    let late_start = [turn_end(), record(Kind::SegmentStart, &json!({}))];
    let second = SegmentId::new();
    store.create_segment(session, second, &late_start).unwrap();
    assert!(fork_at(store.clone(), session, second, 1).is_ok());
    for error in [
        fork_at(store.clone(), session, segment, 2).unwrap_err(),
        compact(store.clone(), session, segment, |_| Ok(vec![])).unwrap_err(),
        restore(store.clone(), session, segment).unwrap_err(),
    ] {
        assert!(matches!(error, AgentError::Replay { segment_id, .. } if segment_id == segment));
    }
}

#[test]
fn unknown_segments_are_not_found() {
    let Source { store, session, .. } = source(0);
    let unknown = SegmentId::new();
    for error in [
        fork_at(store.clone(), session, unknown, 0).unwrap_err(),
        compact(store.clone(), session, unknown, |_| Ok(vec![])).unwrap_err(),
        restore(store.clone(), session, unknown).unwrap_err(),
    ] {
        assert!(matches!(&error, AgentError::Store(error) if error.is_not_found()), "{error}");
    }
    assert_eq!(store.list_segments(session).unwrap().len(), 1);
}

#[test]
fn a_saved_state_is_advanced_by_the_entries_after_it() {
    let Source { store, session, segment } = source(2);
    let log = store.read_all(session, segment).unwrap();
    let saved = replay(&log[..4]).unwrap();
    let (mut writer, state) = restore_from(store.clone(), session, segment, saved.clone()).unwrap();
    assert_eq!(state, replay(&log).unwrap());
    assert_eq!((writer.entry_count(), writer.origin().at_turn_index), (log.len(), 2));
    writer.append(&turn_end()).unwrap();

    store.truncate(session, segment, 3).unwrap();
    let error = restore_from(store, session, segment, saved).unwrap_err();
    assert!(matches!(error, AgentError::StateAhead { saved: 4, found: 3, .. }), "{error}");
}
