//! Tests of `migrate --follow` with a source that another program changes all the time.

use rstest::rstest;
use session_store::{LogEntry, OpenStore, Pod, SegmentId, SessionId, Store, TraceEntry};
use test_servers::{Backend, Place};

use super::assert_done;
use super::contents::{Contents, Destination};
use super::running::Running;

/// The number of rounds of writing.
const ROUNDS: usize = 30;

/// The program that changes the source. The writer appends entries and traces to old and new
/// segments, truncates new segments, and writes pods.
struct Writer {
    store: OpenStore,
    session: SessionId,
    segment: SegmentId,
}

impl Writer {
    fn write(&self, round: usize) {
        let Self { store, session, segment } = self;
        let entry = |n: usize| {
            let text = format!("{{\"round\":{round},\"x\":\"{}\"}}", "y".repeat(n * 997 % 5003));
            LogEntry::from_json(text).expect("the text is a JSON object")
        };
        for n in 0..20 {
            store.append(*session, *segment, &entry(n)).expect("the store can append");
        }
        let trace = TraceEntry::from_json("{\"t\":1}").expect("the text is a JSON object");
        store.append_trace(*session, *segment, &trace).expect("the store can append to a trace");
        let (session, segment) = (SessionId::new(), SegmentId::new());
        store
            .append_all(session, segment, &[entry(1), entry(2), entry(3)])
            .expect("the store can append");
        store.truncate(session, segment, 1).expect("the store can truncate");
        store.append(session, segment, &entry(4)).expect("the store can append");
        store.create_segment(session, SegmentId::new(), &[]).expect("the segment can be created");
        let name = format!("pod-{}", round % 3).parse().expect("the text is a valid name");
        let pods = store.pods().expect("the store has pods");
        if round < 3 {
            pods.put_pod(&name, &Pod::new(session, Some(segment))).expect("the pod can be stored");
        }
    }
}

#[rstest]
#[case::fs_to_sqlite(Backend::Fs, Backend::Sqlite)]
#[case::sqlite_to_redis(Backend::Sqlite, Backend::Redis)]
#[case::redis_to_fs(Backend::Redis, Backend::Fs)]
fn everything_is_copied_at_the_end(#[case] from: Backend, #[case] to: Backend) {
    let place = Place::new();
    let (source, destination) = (place.url(from), place.url(to));
    Contents::fill(&source);
    let store = session_store::open(&source).expect("the source can be opened");
    let writer = Writer { store, session: SessionId::new(), segment: SegmentId::new() };

    let args = ["migrate", &source, &destination, "--follow", "--interval", "10ms"];
    let follower = Running::start(&args);
    let mut copy_store = Destination::new(&destination);
    for round in 0..ROUNDS {
        writer.write(round);
        // In every tenth round, the writer waits until the copy is complete. In the other rounds,
        // the writer continues while the copy is still incomplete.
        if round % 10 == 3 {
            let contents = Contents::open(&source);
            follower.wait_for(|| contents.copied_to(&mut copy_store) == contents.entries());
        }
    }
    follower.terminate();
    assert_done(&follower.ended());
    Contents::open(&source).assert_all_in(&destination);
}
