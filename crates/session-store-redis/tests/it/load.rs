//! Writers under load, and the judgement of what they left: nothing lost, nothing twice, nothing out of
//! order (A4, A6).

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use session_store_core::{LogEntry, SegmentId, SessionId, Store};
use session_store_redis::RedisStore;
use test_deadlines::wait_until;

pub(crate) const WRITERS: usize = 8;

/// What a writer was told of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Acknowledged,
    Unknown,
    Refused,
}

/// What all writers were told, writer by writer, entry by entry.
pub(crate) struct Record {
    segments: Vec<(SessionId, SegmentId)>,
    told: Vec<Vec<Told>>,
}

/// How many numbered entries there are of each kind.
#[derive(Debug, Default)]
pub(crate) struct Count {
    pub(crate) acknowledged: usize,
    pub(crate) unknown: usize,
    pub(crate) refused: usize,
}

fn entry(writer: usize, n: usize) -> LogEntry {
    // Odd sizes, the largest beyond what one packet holds.
    let filling = "x".repeat(n * 37 % 3001);
    LogEntry::from_json(format!(r#"{{"writer":{writer},"n":{n},"filling":"{filling}"}}"#)).unwrap()
}

/// Lets 8 writers append, each pair of them to a segment of its own, while `trouble` goes on.
pub(crate) fn write_during(store: &RedisStore, trouble: impl FnOnce()) -> Record {
    let segments: Vec<_> = (0..WRITERS / 2).map(|_| (SessionId::new(), SegmentId::new())).collect();
    let over = AtomicBool::new(false);
    let told = thread::scope(|scope| {
        let (segments, over) = (&segments, &over);
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| scope.spawn(move || write(store, segments[writer / 2], writer, over)))
            .collect();
        let raised = RaiseAtEnd(over);
        trouble();
        drop(raised);
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    Record { segments, told }
}

fn write(
    store: &RedisStore,
    (session, segment): (SessionId, SegmentId),
    writer: usize,
    over: &AtomicBool,
) -> Vec<Told> {
    let mut told = Vec::new();
    while !over.load(Ordering::SeqCst) {
        let answer = store.append(session, segment, &entry(writer, told.len()));
        told.push(match answer {
            Ok(()) => Told::Acknowledged,
            Err(error) if error.is_indeterminate() => Told::Unknown,
            Err(error) => {
                assert!(error.is_transient(), "{error:?}");
                Told::Refused
            }
        });
    }
    told
}

/// Raises its flag when dropped, so that a panic in the trouble ends the writers too.
pub(crate) struct RaiseAtEnd<'a>(pub(crate) &'a AtomicBool);

impl Drop for RaiseAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// How many changes each of 4 writers has had acknowledged so far.
#[derive(Default)]
pub(crate) struct Progress(pub(crate) [AtomicUsize; 4]);

impl Progress {
    /// Waits until each writer has got on by so many.
    pub(crate) fn wait_for_more(&self, more: usize) {
        let now = || self.0.iter().map(|count| count.load(Ordering::SeqCst));
        let enough: Vec<_> = now().map(|count| count + more).collect();
        wait_until("every writer to get on", || now().zip(&enough).all(|(count, &e)| count >= e));
    }
}

impl Record {
    /// Compares what is stored with what the writers were told.
    pub(crate) fn check(&self, store: &RedisStore) -> Count {
        for (index, &(session, segment)) in self.segments.iter().enumerate() {
            let log = store.read_all(session, segment).unwrap();
            let mut places = HashMap::<_, Vec<usize>>::new();
            for (place, stored) in log.iter().enumerate() {
                places.entry(stored.as_json()).or_default().push(place);
            }
            for writer in [2 * index, 2 * index + 1] {
                self.check_writer(writer, &places);
            }
        }
        self.count()
    }

    fn check_writer(&self, writer: usize, places: &HashMap<&str, Vec<usize>>) {
        let mut order = Vec::new();
        for (n, &told) in self.told[writer].iter().enumerate() {
            let found = places.get(entry(writer, n).as_json()).map_or(&[][..], Vec::as_slice);
            let right = match told {
                Told::Acknowledged => found.len() == 1,
                Told::Unknown => found.len() <= 1,
                Told::Refused => found.is_empty(),
            };
            assert!(right, "entry {n} of writer {writer}, {told:?}, is at {found:?}");
            order.extend_from_slice(found);
        }
        assert!(order.is_sorted(), "the order of writer {writer}");
    }

    pub(crate) fn count(&self) -> Count {
        let of = |kind| self.told.iter().flatten().filter(|&&told| told == kind).count();
        Count {
            acknowledged: of(Told::Acknowledged),
            unknown: of(Told::Unknown),
            refused: of(Told::Refused),
        }
    }
}

/// How much a test does of its worst: the number in an environment variable, or a little.
pub(crate) fn amount(variable: &str, little: usize) -> usize {
    let amount = std::env::var(variable)
        .map_or(little, |number| number.parse().expect("the variable holds a number"));
    println!("{variable}={amount}");
    amount
}
