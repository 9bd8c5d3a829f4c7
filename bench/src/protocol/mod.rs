//! Benchmarks reads of a file store over the line protocol against their floor: lines of the same
//! length through pipes.

use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Write, pipe};
use std::sync::Arc;
use std::thread;

use session_store_core::{SegmentId, SessionId, Store};
use session_store_fs::FsStore;
use session_store_protocol::{RemoteStore, Service, serve};

use crate::measure::{Side, Spread, in_parallel, in_turn, timed};
use crate::measurement::{Detail, Goal, Measurement, Unit};
use crate::plan::{Bench, Plan};
use crate::{Done, Fallible};

pub(crate) const BENCHES: [Bench; 1] = [Bench {
    name: "protocol/read",
    about: "read_page of one entry of a file store, against a line of the same length",
    run,
}];

/// The number of entries of the log, and of reads in a round.
const ENTRIES: usize = 4_000;

/// The number of clients that wait for replies at once.
const CLIENTS: usize = 16;

/// The bytes of a request.
const REQUEST: usize = 170;

/// The bytes of a reply that surround its entry.
const ENVELOPE: usize = 120;

/// A file store that a thread serves over pipes. The thread ends with the client.
struct Served {
    remote: RemoteStore,
    session: SessionId,
    segment: SegmentId,
}

impl Served {
    fn new(plan: &Plan, entries: usize) -> Fallible<Self> {
        let store = FsStore::open_or_create(plan.folder()?.join("store"))?;
        let (session, segment) = (SessionId::new(), SegmentId::new());
        store.append_all(session, segment, &plan.kilobyte().batch(entries))?;
        let ((input, requests), (replies, output)) = (pipe()?, pipe()?);
        thread::spawn(move || serve(&Service::of(Arc::new(store)), BufReader::new(input), output));
        let remote = RemoteStore::connect(BufReader::new(replies), requests, None)?;
        Ok(Self { remote, session, segment })
    }

    fn read(&self, index: usize) -> Done {
        self.remote.read_page(self.session, self.segment, index, 1)?;
        Ok(())
    }
}

fn run(plan: &Plan) -> Fallible<Vec<Measurement>> {
    let entries = plan.amount(ENTRIES);
    let served = Served::new(plan, entries)?;
    let mut floor = Lines::new(plan.kilobyte().entries[0].as_json().len() + ENVELOPE)?;
    let one: Side<'_> = Box::new(|| timed(|| (0..entries).try_for_each(|n| served.read(n))));
    let several: Side<'_> = Box::new(|| {
        let share = entries / CLIENTS;
        in_parallel(CLIENTS, |client| (0..share).try_for_each(|n| served.read(client * share + n)))
    });
    let floor: Side<'_> = Box::new(|| timed(|| (0..entries).try_for_each(|_| floor.exchange())));
    let [one, several, floor] = in_turn(plan.rounds(20), [one, several, floor])?;
    let several = Spread::of(several.iter().map(|time| time / entries as f64));
    Ok(vec![
        Measurement::speed("one client", entries, &[one, floor]),
        Measurement {
            what: format!("time per read, {CLIENTS} clients at once"),
            figure: several,
            unit: Unit::Seconds,
            goal: Some(Goal::AtMost(100e-6)),
            details: vec![Detail::count("reads per second", 1.0 / several.median)],
        },
    ])
}

/// The floor: a thread that answers every line with a line of a constant length.
struct Lines {
    requests: PipeWriter,
    replies: BufReader<PipeReader>,
    request: Vec<u8>,
    reply: Vec<u8>,
}

impl Lines {
    fn new(length: usize) -> Fallible<Self> {
        let ((input, requests), (replies, mut output)) = (pipe()?, pipe()?);
        let line = |length| [vec![b'a'; length - 1], vec![b'\n']].concat();
        let answer = line(length);
        thread::spawn(move || {
            let mut input = BufReader::new(input);
            let mut request = Vec::new();
            while input.read_until(b'\n', &mut request).is_ok_and(|size| size > 0) {
                request.clear();
                if output.write_all(&answer).is_err() {
                    return;
                }
            }
        });
        let replies = BufReader::new(replies);
        Ok(Self { requests, replies, request: line(REQUEST), reply: Vec::new() })
    }

    fn exchange(&mut self) -> Done {
        self.requests.write_all(&self.request)?;
        self.reply.clear();
        self.replies.read_until(b'\n', &mut self.reply)?;
        Ok(())
    }
}
