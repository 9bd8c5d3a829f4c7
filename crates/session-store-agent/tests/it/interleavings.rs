//! Tests with writers that fork on a conflict. The calls of the writers are interleaved at random,
//! with and without lost replies. Every acknowledged entry must be stored exactly once in the tree,
//! and every writer must read back its own conversation.

use std::collections::BTreeMap;

use proptest::prelude::*;
use session_store_agent::{
    AppendOutcome, Json, Kind, Lineage, Record, RestoredState, SegmentWriter, SessionTree, replay,
    restore,
};
use session_store_core::{LogEntry, SessionId, Store};

use crate::faulty_store::{Fault, FaultyStore};
use crate::turn_end;

/// The next action of a writer.
#[derive(Clone, Debug)]
enum Step {
    /// Appends this number of items, and possibly the end of a turn.
    Append { items: usize, turn_ends: bool },
    /// Reloads the writer's segment, so that the writer's next append follows the entries of the
    /// other writers.
    Reload,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..4_usize, any::<bool>())
            .prop_map(|(items, turn_ends)| Step::Append { items, turn_ends }),
        1 => Just(Step::Reload),
    ]
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        8 => Just(Fault::Succeeds),
        1 => Just(Fault::LostBefore),
        1 => Just(Fault::LostAfter),
    ]
}

/// An agent runtime: its writer, and the expected state of its conversation.
struct Runtime {
    number: usize,
    appended: usize,
    writer: SegmentWriter<FaultyStore>,
    state: RestoredState,
    acknowledged: Vec<LogEntry>,
}

impl Runtime {
    fn join(number: usize, first: &SegmentWriter<FaultyStore>) -> Self {
        let (store, session) = (first.store().clone(), first.session_id());
        let (writer, state) = restore(store, session, first.segment_id()).unwrap();
        Self { number, appended: 0, writer, state, acknowledged: Vec::new() }
    }

    fn append(&mut self, items: usize, turn_ends: bool) {
        let mut entries: Vec<_> = (0..items).map(|_| self.item()).collect();
        entries.extend(turn_ends.then(turn_end));
        let Self { writer, state, .. } = self;
        let opening = |from| Ok(vec![state.start(Some(Lineage::ForkedFrom(from)))?.into_entry()]);
        match writer.append_or_fork(&entries, opening) {
            Ok(AppendOutcome::Stayed) => {}
            Ok(AppendOutcome::Forked { .. }) => {
                let log = writer.store().read_all(writer.session_id(), writer.segment_id());
                self.state = replay(&log.unwrap()[..1]).unwrap();
            }
            Err(error) => panic!("the store fails less often than the writer resends: {error}"),
        }
        self.state.advance(&entries).unwrap();
        self.acknowledged.extend(entries);
    }

    fn item(&mut self) -> LogEntry {
        self.appended += 1;
        let payload = serde_json::json!({"writer": self.number, "n": self.appended});
        Record::at(1, Kind::AssistantItem, &payload).unwrap().into_entry()
    }

    /// Asserts that the stored conversation has the expected state.
    fn check_conversation(&self) {
        let (session, segment) = (self.writer.session_id(), self.writer.segment_id());
        let log = self.writer.store().read_all(session, segment).unwrap();
        let known = replay(&log[..self.writer.entry_count()]).unwrap();
        assert_eq!(known.history, self.state.history, "writer {}", self.number);
        assert_eq!(known.turn_count, self.state.turn_count);
        let own = self.acknowledged.iter().filter(|entry| Kind::of(entry) != Some(Kind::TurnEnd));
        let mut history = known.history.iter();
        for entry in own.map(Json::from) {
            assert!(history.any(|item| *item == entry), "{entry:?} is missing or out of order");
        }
    }
}

/// Counts the copies of each entry in the session.
fn copies(store: &FaultyStore, session: SessionId) -> BTreeMap<String, usize> {
    let mut copies = BTreeMap::new();
    for segment in store.list_segments(session).unwrap() {
        for entry in store.read_all(session, segment).unwrap() {
            *copies.entry(entry.as_json().to_owned()).or_default() += 1;
        }
    }
    copies
}

fn run(writers: usize, steps: Vec<(usize, Step, Vec<Fault>)>) {
    let store = FaultyStore::default();
    let session = SessionId::new();
    let start = RestoredState::default().start(None).unwrap().into_entry();
    let first = SegmentWriter::create(store.clone(), session, &[start]).unwrap();
    let mut runtimes: Vec<_> = (0..writers).map(|number| Runtime::join(number, &first)).collect();
    for (writer, step, faults) in steps {
        let runtime = &mut runtimes[writer % writers];
        store.set_faults(&faults);
        match step {
            Step::Append { items, turn_ends } => runtime.append(items, turn_ends),
            Step::Reload => runtime.state = replay(runtime.writer.reload().unwrap()).unwrap(),
        }
    }
    let copies = copies(&store, session);
    for runtime in &runtimes {
        runtime.check_conversation();
        for entry in &runtime.acknowledged {
            // All ends of turns have the same text, so copies of one end of a turn cannot be
            // counted.
            if Kind::of(entry) != Some(Kind::TurnEnd) {
                assert_eq!(copies.get(entry.as_json()), Some(&1), "{entry:?}");
            }
        }
    }
    check_tree(&store, session, &runtimes);
}

/// Asserts that the tree has one root. Also asserts that the origin of every fork is an existing
/// turn.
fn check_tree(store: &FaultyStore, session: SessionId, runtimes: &[Runtime]) {
    let tree = SessionTree::read(store, session).unwrap();
    assert_eq!(tree.roots().count(), 1);
    for runtime in runtimes {
        assert!(tree.node(runtime.writer.segment_id()).is_some());
    }
    for origin in tree.nodes().filter_map(|node| node.lineage).map(|lineage| lineage.origin()) {
        let log = store.read_all(session, origin.segment_id).unwrap();
        assert!(replay(&log).unwrap().turn_index >= origin.at_turn_index);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_entry_is_stored_once_and_every_conversation_is_complete(
        writers in 1..5_usize,
        steps in prop::collection::vec(
            (0..5_usize, step(), prop::collection::vec(fault(), 0..4)),
            0..40,
        ),
    ) {
        run(writers, steps);
    }
}
