//! Any interleaving of writers that fork when they lose their tail, replies lost or not: every acknowledged
//! entry is in exactly one place of the tree, and each writer's own line reads back in full.

use std::collections::BTreeMap;

use proptest::prelude::*;
use session_store_agent::{
    Course, Json, Kind, Lineage, Record, RestoredState, SegmentWriter, SessionTree, replay, restore,
};
use session_store_core::{LogEntry, SessionId, Store};

use crate::flaky::{Fault, Flaky};
use crate::turn_end;

/// What a writer does next.
#[derive(Clone, Debug)]
enum Step {
    /// Appends so many items, and maybe the end of a turn.
    Say { items: usize, turn_ends: bool },
    /// Takes over what others wrote, if it is still on their segment.
    Reload,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..4_usize, any::<bool>()).prop_map(|(items, turn_ends)| Step::Say { items, turn_ends }),
        1 => Just(Step::Reload),
    ]
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        8 => Just(Fault::None),
        1 => Just(Fault::LostBefore),
        1 => Just(Fault::LostAfter),
    ]
}

/// A runtime with what it believes about its conversation.
struct Runtime {
    name: usize,
    said: usize,
    writer: SegmentWriter<Flaky>,
    state: RestoredState,
    acknowledged: Vec<LogEntry>,
}

impl Runtime {
    fn join(name: usize, first: &SegmentWriter<Flaky>) -> Self {
        let (store, session) = (first.store().clone(), first.session_id());
        let (writer, state) = restore(store, session, first.segment_id()).unwrap();
        Self { name, said: 0, writer, state, acknowledged: Vec::new() }
    }

    fn say(&mut self, items: usize, turn_ends: bool) {
        let mut entries: Vec<_> = (0..items).map(|_| self.item()).collect();
        entries.extend(turn_ends.then(turn_end));
        let Self { writer, state, .. } = self;
        let opening = |from| Ok(vec![state.start(Some(Lineage::ForkedFrom(from)))?.into_entry()]);
        match writer.append_or_fork(&entries, opening) {
            Ok(Course::Stayed) => {}
            Ok(Course::Forked { .. }) => {
                let log = writer.store().read_all(writer.session_id(), writer.segment_id());
                self.state = replay(&log.unwrap()[..1]).unwrap();
            }
            Err(error) => panic!("no fault lasts so long: {error}"),
        }
        self.state.advance(&entries).unwrap();
        self.acknowledged.extend(entries);
    }

    fn item(&mut self) -> LogEntry {
        self.said += 1;
        let payload = serde_json::json!({"writer": self.name, "n": self.said});
        Record::at(1, Kind::AssistantItem, &payload).unwrap().into_entry()
    }

    /// The conversation as the store has it is that which the runtime believes in.
    fn check_line(&self) {
        let (session, segment) = (self.writer.session_id(), self.writer.segment_id());
        let log = self.writer.store().read_all(session, segment).unwrap();
        let known = replay(&log[..self.writer.entry_count()]).unwrap();
        assert_eq!(known.history, self.state.history, "writer {}", self.name);
        assert_eq!(known.turn_count, self.state.turn_count);
        let own = self.acknowledged.iter().filter(|entry| Kind::of(entry) != Some(Kind::TurnEnd));
        let mut line = known.history.iter();
        for entry in own.map(Json::from) {
            assert!(line.any(|item| *item == entry), "{entry:?} is not in its place in the line");
        }
    }
}

/// How often each entry stands in the session.
fn places(store: &Flaky, session: SessionId) -> BTreeMap<String, usize> {
    let mut places = BTreeMap::new();
    for segment in store.list_segments(session).unwrap() {
        for entry in store.read_all(session, segment).unwrap() {
            *places.entry(entry.as_json().to_owned()).or_default() += 1;
        }
    }
    places
}

fn run(writers: usize, steps: Vec<(usize, Step, Vec<Fault>)>) {
    let store = Flaky::default();
    let session = SessionId::new();
    let start = RestoredState::default().start(None).unwrap().into_entry();
    let first = SegmentWriter::create(store.clone(), session, &[start]).unwrap();
    let mut runtimes: Vec<_> = (0..writers).map(|name| Runtime::join(name, &first)).collect();
    for (writer, step, faults) in steps {
        let runtime = &mut runtimes[writer % writers];
        store.will(&faults);
        match step {
            Step::Say { items, turn_ends } => runtime.say(items, turn_ends),
            Step::Reload => runtime.state = replay(runtime.writer.reload().unwrap()).unwrap(),
        }
    }
    let places = places(&store, session);
    for runtime in &runtimes {
        runtime.check_line();
        for entry in &runtime.acknowledged {
            if Kind::of(entry) != Some(Kind::TurnEnd) {
                assert_eq!(places.get(entry.as_json()), Some(&1), "{entry:?}");
            }
        }
    }
    check_tree(&store, session, &runtimes);
}

/// One root, and each fork at a turn that its origin has.
fn check_tree(store: &Flaky, session: SessionId, runtimes: &[Runtime]) {
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
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_entry_in_one_place_and_every_line_whole(
        writers in 1..5_usize,
        steps in prop::collection::vec(
            (0..5_usize, step(), prop::collection::vec(fault(), 0..4)),
            0..40,
        ),
    ) {
        run(writers, steps);
    }
}
