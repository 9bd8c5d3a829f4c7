//! Tests of `SessionTree`, the fork tree of a session. The segments begin with all kinds of first
//! entries.

use serde_json::json;
use session_store_agent::{Kind, Lineage, Origin, SessionTree, fork_at, fork_session_at};
use session_store_core::{SegmentId, SessionId, Store};
use session_store_memory::MemoryStore;
use uuid::Uuid;

use crate::{entry, record, turn_end};

fn id(number: u128) -> SegmentId {
    SegmentId::from(Uuid::from_u128(number))
}

/// Returns the tree of a session with numbered segments. Each link has the number of a segment, and
/// the number of the segment from which this segment was forked.
fn tree_of(links: &[(u128, Option<u128>)]) -> SessionTree {
    let (store, session) = (MemoryStore::new(), SessionId::from(Uuid::nil()));
    for (segment, parent) in links {
        let origin = parent.map(|parent| Origin { segment_id: id(parent), at_turn_index: 1 });
        let start = record(Kind::SegmentStart, &json!({"forked_from": origin}));
        store.create_segment(session, id(*segment), &[start]).unwrap();
    }
    SessionTree::read(&store, session).unwrap()
}

/// Returns each segment with its parent, in ascending order of the ids.
fn parents(tree: &SessionTree) -> Vec<(u128, Option<u128>)> {
    let number = |id: SegmentId| Uuid::from(id).as_u128();
    tree.nodes().map(|node| (number(node.segment_id), node.parent.map(number))).collect()
}

#[test]
fn the_parent_of_a_segment_is_its_origin() {
    let links = [(1, None), (2, Some(1)), (3, Some(2)), (4, Some(1))];
    let tree = tree_of(&links);
    assert_eq!(parents(&tree), links);
    assert_eq!(tree.roots().count(), 1);
    assert_eq!(tree.children(id(1)).count(), 2);
    assert_eq!(
        tree.to_string(),
        "session 00000000-0000-0000-0000-000000000000\n  \
         00000000-0000-0000-0000-000000000001  1 entry\n    \
         00000000-0000-0000-0000-000000000002  1 entry, forked at turn 1\n      \
         00000000-0000-0000-0000-000000000003  1 entry, forked at turn 1\n    \
         00000000-0000-0000-0000-000000000004  1 entry, forked at turn 1\n"
    );
}

#[test]
fn a_segment_with_a_missing_origin_is_a_root_that_names_it() {
    let tree = tree_of(&[(1, Some(9)), (2, Some(1))]);
    assert_eq!(parents(&tree), [(1, None), (2, Some(1))]);
    let lineage = tree.node(id(1)).unwrap().lineage.unwrap();
    assert_eq!(lineage.origin().segment_id, id(9));
    assert!(tree.to_string().contains(&format!("forked at turn 1 of {}", id(9))));
}

#[test]
fn the_lowest_id_of_a_circle_is_a_root() {
    let own = tree_of(&[(1, Some(1))]);
    assert_eq!(parents(&own), [(1, None)]);
    let circle = tree_of(&[(1, Some(3)), (2, Some(4)), (3, Some(2)), (4, Some(3)), (5, Some(5))]);
    assert_eq!(
        parents(&circle),
        [(1, Some(3)), (2, None), (3, Some(2)), (4, Some(3)), (5, None)],
        "1 is not part of the circle of 2, 4 and 3"
    );
    assert_eq!(circle.to_string().lines().count(), 6, "every segment is drawn once");
}

#[test]
fn an_entry_with_two_origins_is_a_fork() {
    let (fork, compaction) = (SegmentId::new(), SegmentId::new());
    let origin = |segment_id| Origin { segment_id, at_turn_index: 0 };
    let both = json!({"compacted_from": origin(compaction), "forked_from": origin(fork)});
    let lineage = Lineage::of(&record(Kind::SegmentStart, &both));
    assert_eq!(lineage, Some(Lineage::ForkedFrom(origin(fork))));
}

#[test]
fn a_long_chain_is_read_and_drawn() {
    let links: Vec<_> = (1..=3_000).map(|n| (n, (n > 1).then(|| n - 1))).collect();
    let tree = tree_of(&links);
    assert_eq!(parents(&tree), links);
    assert_eq!(tree.to_string().lines().count(), 3_001);
}

#[test]
fn segments_with_other_first_entries_are_roots() {
    let (store, session) = (MemoryStore::new(), SessionId::new());
    let foreign = [
        "{}",
        "{\"forked_from\":\"main\"}",
        "{\"forked_from\":{\"segment_id\":1}}",
        "{\"a\":1e999}",
    ];
    for text in foreign {
        store.append(session, SegmentId::new(), &entry(text)).unwrap();
    }
    store.create_segment(session, SegmentId::new(), &[]).unwrap();
    let tree = SessionTree::read(&store, session).unwrap();
    assert_eq!(tree.roots().count(), foreign.len() + 1);
    assert!(tree.nodes().all(|node| node.lineage.is_none()));
    assert_eq!(SessionTree::read(&store, SessionId::new()).unwrap().nodes().count(), 0);
}

#[test]
fn a_segment_with_an_origin_in_another_session_is_a_root() {
    let (store, session, segment) = (MemoryStore::new(), SessionId::new(), SegmentId::new());
    store.create_segment(session, segment, &[turn_end()]).unwrap();
    let (fork, _) = fork_at(&store, session, segment, 1).unwrap();
    let (elsewhere, _) = fork_session_at(&store, session, segment, 1).unwrap();
    let from = Lineage::ForkedFrom(Origin { segment_id: segment, at_turn_index: 1 });
    for (writer, parent) in [(fork, Some(segment)), (elsewhere, None)] {
        let tree = SessionTree::read(&store, writer.session_id()).unwrap();
        let node = tree.node(writer.segment_id()).unwrap();
        assert_eq!((node.lineage, node.parent), (Some(from), parent));
    }
}

#[test]
fn a_node_contains_the_error_of_its_first_entry() {
    let folder = tempfile::tempdir().unwrap();
    let store = session_store::fs::FsStore::open_or_create(folder.path()).unwrap();
    let (session, sound, damaged) = (SessionId::new(), SegmentId::new(), SegmentId::new());
    for segment in [sound, damaged] {
        store.append(session, segment, &turn_end()).unwrap();
    }
    let log = folder.path().join(session.to_string()).join(format!("{damaged}.jsonl"));
    std::fs::write(log, "not an entry\n{}\n").unwrap();
    let tree = SessionTree::read(&store, session).unwrap();
    assert!(tree.node(damaged).unwrap().damage.is_some());
    assert!(tree.node(sound).unwrap().damage.is_none());
    assert!(tree.to_string().contains("  damaged"));
}

#[test]
fn a_walk_visits_a_segment_before_its_children() {
    let tree = tree_of(&[(1, None), (2, Some(1)), (3, None), (4, Some(1)), (5, Some(2))]);
    let visits = tree
        .depth_first()
        .map(|visit| (Uuid::from(visit.node.segment_id).as_u128(), visit.depth, visit.is_last));
    let expected = [(1, 0, false), (2, 1, false), (5, 2, true), (4, 1, true), (3, 0, true)];
    assert_eq!(visits.collect::<Vec<_>>(), expected);
}
