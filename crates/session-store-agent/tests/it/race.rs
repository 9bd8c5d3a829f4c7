//! Processes that hold the same head, or open the same new pod: one of them wins, however often they try.

use std::collections::BTreeSet;

use rstest::rstest;
use session_store::OpenStore;
use session_store_agent::SessionTree;
use session_store_core::{LogEntry, SegmentId, SessionId, Store};

use crate::entry;
use crate::place::Place;
use crate::racer::{Racer, lap, order};

const RACERS: usize = 8;
const ROUNDS: usize = 25;

/// A storage, a segment in it, and the processes that have both.
struct Track {
    store: OpenStore,
    session: SessionId,
    segment: SegmentId,
    racers: Vec<Racer>,
    _place: Place,
}

impl Track {
    fn new(scheme: &str, start: &LogEntry) -> Self {
        let place = Place::new(scheme);
        let store = session_store::open_or_create(place.url()).unwrap();
        let (session, segment) = (SessionId::new(), SegmentId::new());
        store.append(session, segment, start).unwrap();
        let racers = (0..RACERS).map(|number| Racer::start(place.url(), session, segment, number));
        Self { racers: racers.collect(), store, session, segment, _place: place }
    }

    fn log(&self) -> Vec<LogEntry> {
        self.store.read_all(self.session, self.segment).unwrap()
    }

    fn all_take_the_head(&mut self) {
        assert_eq!(order(&mut self.racers, "take -"), ["ready"; RACERS]);
    }

    /// All append at once. Returns who won.
    fn all_append(&mut self, round: usize) -> Vec<usize> {
        let answers = order(&mut self.racers, &format!("append {round}"));
        (0..RACERS).filter(|racer| answers[*racer] == "won").collect()
    }

    fn finish(self) {
        self.racers.into_iter().for_each(Racer::finish);
    }
}

#[rstest]
#[case::files("fs")]
#[case::sqlite("sqlite")]
#[case::redis("redis")]
fn one_wins_each_round(#[case] scheme: &str) {
    let start = entry("{\"kind\":\"segment_start\"}");
    let mut track = Track::new(scheme, &start);
    let mut expected = vec![start];
    for round in 0..ROUNDS {
        track.all_take_the_head();
        let winners = track.all_append(round);
        let [winner] = winners[..] else { panic!("round {round} was won by {winners:?}") };
        expected.push(lap(winner, round));
        assert_eq!(track.log(), expected);
    }
    track.finish();
}

#[rstest]
#[case::files("fs")]
#[case::sqlite("sqlite")]
#[case::redis("redis")]
fn who_loses_forks_and_no_entry_is_lost_or_doubled(#[case] scheme: &str) {
    const FORKING_ROUNDS: usize = 4;
    let mut track = Track::new(scheme, &entry("{\"kind\":\"segment_start\"}"));
    for round in 0..FORKING_ROUNDS {
        track.all_take_the_head();
        let places = order(&mut track.racers, &format!("fork {round}"));
        let stayed = places.iter().filter(|place| *place == "stayed").count();
        assert_eq!(stayed, 1, "{places:?}");
        for (racer, place) in places.iter().enumerate() {
            let segment = place.parse().unwrap_or(track.segment);
            let log = track.store.read_all(track.session, segment).unwrap();
            let copies = log.iter().filter(|entry| **entry == lap(racer, round)).count();
            assert_eq!((copies, log.last()), (1, Some(&lap(racer, round))));
        }
    }
    let tree = SessionTree::read(&track.store, track.session).unwrap();
    assert_eq!(tree.children(track.segment).count(), (RACERS - 1) * FORKING_ROUNDS);
    let entries: usize = tree.nodes().filter_map(|node| node.entries).sum();
    let starts = tree.nodes().count();
    assert_eq!(entries, starts + RACERS * FORKING_ROUNDS, "each lap is in one place");
    track.finish();
}

#[rstest]
#[case::files("fs")]
#[case::sqlite("sqlite")]
#[case::redis("redis")]
fn nobody_wins_a_log_that_was_cut_and_has_grown_back(#[case] scheme: &str) {
    let log = [entry("{\"n\":0}"), entry("{\"n\":1}")];
    let mut track = Track::new(scheme, &log[0]);
    track.store.append(track.session, track.segment, &log[1]).unwrap();
    track.all_take_the_head();
    track.store.truncate(track.session, track.segment, 1).unwrap();
    track.store.append(track.session, track.segment, &log[1]).unwrap();
    assert_eq!(track.all_append(0), [0; 0]);
    assert_eq!(track.log(), log, "the same bytes as before, and still another log");
    track.finish();
}

#[rstest]
#[case::files("fs")]
#[case::sqlite("sqlite")]
#[case::redis("redis")]
fn all_who_open_a_new_pod_end_in_one_session(#[case] scheme: &str) {
    let mut track = Track::new(scheme, &entry("{}"));
    let before = track.store.list_sessions().unwrap().len();
    for round in 0..ROUNDS {
        let places = order(&mut track.racers, &format!("pod agent {round}"));
        assert_eq!(BTreeSet::from_iter(places).len(), 1, "round {round}");
    }
    // One session for each name, and one for all the claims.
    assert_eq!(track.store.list_sessions().unwrap().len(), before + ROUNDS + 1);
    track.finish();
}
