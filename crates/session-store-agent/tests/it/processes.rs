//! Tests with several processes on one storage. If all processes append to a segment and expect the
//! same head, exactly one process succeeds. If all processes open the same new pod (a named agent),
//! they open the same session.

use std::collections::BTreeSet;

use rstest::rstest;
use session_store::OpenStore;
use session_store_agent::SessionTree;
use session_store_core::{
    LogEntry, Pod, PodName, SegmentId, SegmentKey, SessionId, Store, StoreExt,
};
use test_servers::{Backend, Place};

use crate::child_writer::{ChildWriter, entry_of, send_all};
use crate::entry;

const CHILDREN: usize = 8;
const ROUNDS: usize = 25;

/// A storage, a segment in this storage, and the child processes that use the segment.
struct Race {
    store: OpenStore,
    segment: SegmentKey,
    children: Vec<ChildWriter>,
    _place: Place,
}

impl Race {
    fn start(backend: Backend, first: &LogEntry) -> Self {
        let place = Place::new();
        let url = place.url(backend);
        let store = session_store::open_or_create(&url).unwrap();
        let segment = SegmentKey::new(SessionId::new(), SegmentId::new());
        store.at(segment).append(first).unwrap();
        let start = |number| ChildWriter::start(&url, segment, number);
        let children = (0..CHILDREN).map(start).collect();
        Self { store, segment, children, _place: place }
    }

    fn log(&self) -> Vec<LogEntry> {
        self.store.at(self.segment).read_all().unwrap()
    }

    fn all_read_the_head(&mut self) {
        // `open` has no argument, but a child expects a word after each command.
        assert_eq!(send_all(&mut self.children, "open -"), ["opened"; CHILDREN]);
    }

    /// Lets all children append at once. Returns the numbers of the children whose append
    /// succeeded.
    fn all_append(&mut self, round: usize) -> Vec<usize> {
        let replies = send_all(&mut self.children, &format!("append {round}"));
        (0..CHILDREN).filter(|child| replies[*child] == "appended").collect()
    }

    fn finish(self) {
        self.children.into_iter().for_each(ChildWriter::finish);
    }
}

#[rstest]
#[case::files(Backend::Fs)]
#[case::sqlite(Backend::Sqlite)]
#[case::redis(Backend::Redis)]
#[case::postgres(Backend::Postgres)]
fn exactly_one_append_succeeds_in_each_round(#[case] backend: Backend) {
    let start = entry("{\"kind\":\"segment_start\"}");
    let mut race = Race::start(backend, &start);
    let mut expected = vec![start];
    for round in 0..ROUNDS {
        race.all_read_the_head();
        let winners = race.all_append(round);
        let [winner] = winners[..] else { panic!("in round {round}, {winners:?} succeeded") };
        expected.push(entry_of(winner, round));
        assert_eq!(race.log(), expected);
    }
    race.finish();
}

#[rstest]
#[case::files(Backend::Fs)]
#[case::sqlite(Backend::Sqlite)]
#[case::redis(Backend::Redis)]
#[case::postgres(Backend::Postgres)]
fn all_processes_but_one_fork_and_every_entry_is_stored_once(#[case] backend: Backend) {
    const FORKING_ROUNDS: usize = 4;
    let mut race = Race::start(backend, &entry("{\"kind\":\"segment_start\"}"));
    let SegmentKey { session_id, segment_id } = race.segment;
    for round in 0..FORKING_ROUNDS {
        race.all_read_the_head();
        let outcomes = send_all(&mut race.children, &format!("append_or_fork {round}"));
        let stayed = outcomes.iter().filter(|outcome| *outcome == "stayed").count();
        assert_eq!(stayed, 1, "{outcomes:?}");
        for (child, outcome) in outcomes.iter().enumerate() {
            // The outcome is the id of the new segment, or the word `stayed`.
            let log =
                race.store.read_all(session_id, outcome.parse().unwrap_or(segment_id)).unwrap();
            let copies = log.iter().filter(|entry| **entry == entry_of(child, round)).count();
            assert_eq!((copies, log.last()), (1, Some(&entry_of(child, round))));
        }
    }
    let tree = SessionTree::read(&race.store, session_id).unwrap();
    assert_eq!(tree.children(segment_id).count(), (CHILDREN - 1) * FORKING_ROUNDS);
    let entries: usize = tree.nodes().filter_map(|node| node.entries).sum();
    let starts = tree.nodes().count();
    assert_eq!(entries, starts + CHILDREN * FORKING_ROUNDS);
    race.finish();
}

#[rstest]
#[case::files(Backend::Fs)]
#[case::sqlite(Backend::Sqlite)]
#[case::redis(Backend::Redis)]
#[case::postgres(Backend::Postgres)]
fn no_append_succeeds_after_a_log_was_truncated_and_has_grown_back(#[case] backend: Backend) {
    let log = [entry("{\"n\":0}"), entry("{\"n\":1}")];
    let mut race = Race::start(backend, &log[0]);
    race.store.at(race.segment).append(&log[1]).unwrap();
    race.all_read_the_head();
    race.store.at(race.segment).truncate(1).unwrap();
    race.store.at(race.segment).append(&log[1]).unwrap();
    assert_eq!(race.all_append(0), [0; 0]);
    assert_eq!(race.log(), log, "the bytes are equal, and the head is not");
    race.finish();
}

#[rstest]
#[case::files(Backend::Fs)]
#[case::sqlite(Backend::Sqlite)]
#[case::redis(Backend::Redis)]
#[case::postgres(Backend::Postgres)]
fn all_processes_that_open_a_new_pod_open_one_session(#[case] backend: Backend) {
    let mut race = Race::start(backend, &entry("{}"));
    let before = race.store.list_sessions().unwrap().len();
    for round in 0..ROUNDS {
        let name: PodName = format!("agent {round}").parse().unwrap();
        // In every second round, the pod already exists and has no pointer. In the other rounds it
        // does not exist.
        let has_fields = round % 2 == 0;
        let pods = race.store.pods().unwrap();
        if has_fields {
            pods.put_pod(&name, &Pod::from_json("{\"color\":\"red\"}").unwrap()).unwrap();
        }
        let keys = send_all(&mut race.children, &format!("open_pod {name}"));
        assert_eq!(BTreeSet::from_iter(keys).len(), 1, "round {round}");
        let pod = race.store.pods().unwrap().read_pod(&name).unwrap().unwrap();
        assert_eq!(pod.as_json().starts_with("{\"color\":\"red\","), has_fields, "{pod:?}");
    }
    assert_eq!(race.store.list_sessions().unwrap().len(), before + ROUNDS);
    race.finish();
}
