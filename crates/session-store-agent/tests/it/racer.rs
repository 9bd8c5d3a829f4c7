//! Processes that do as they are told, all at the same moment.

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use session_store::OpenStore;
use session_store_agent::{Course, RestoredState, SegmentWriter, open_pod};
use session_store_core::{LogEntry, SegmentId, SessionId};
use test_deadlines::Process;

use crate::{bare_fork, entry};

/// Where the child finds its store, its ids and its number.
const JOB: &str = "SESSION_STORE_AGENT_RACER";

/// The entry that a racer appends in a round.
pub(crate) fn lap(racer: usize, round: usize) -> LogEntry {
    entry(&format!("{{\"racer\":{racer},\"round\":{round}}}"))
}

#[test]
#[ignore = "run by the tests of race, many times at once"]
fn child_that_obeys() {
    let job = std::env::var(JOB).expect("only another test runs this one, with a job to do");
    let parts: Vec<_> = job.split(' ').collect();
    let [url, session, segment, number] = parts[..] else { panic!("{job}") };
    let place = (session.parse().unwrap(), segment.parse().unwrap());
    let store = session_store::open(url).unwrap();
    let mut writer = None;
    for order in std::io::stdin().lines().map(Result::unwrap) {
        let answer = match order.split_once(' ').unwrap() {
            ("take", _) => {
                writer = Some(SegmentWriter::open(&store, place.0, place.1).unwrap().0);
                "ready".to_owned()
            }
            ("append", round) => {
                let lap = lap(number.parse().unwrap(), round.parse().unwrap());
                append(writer.as_mut().unwrap(), &lap)
            }
            ("fork", round) => {
                let lap = lap(number.parse().unwrap(), round.parse().unwrap());
                append_or_fork(writer.as_mut().unwrap(), lap)
            }
            ("pod", name) => first_use(&store, name),
            _ => panic!("{order}"),
        };
        println!("racer: {answer}");
        std::io::stdout().flush().unwrap();
    }
}

fn append(writer: &mut SegmentWriter<&OpenStore>, lap: &LogEntry) -> String {
    match writer.append(lap) {
        Ok(()) => "won".to_owned(),
        Err(error) if error.is_conflict() => "lost".to_owned(),
        Err(error) => panic!("{error}"),
    }
}

fn append_or_fork(writer: &mut SegmentWriter<&OpenStore>, lap: LogEntry) -> String {
    match writer.append_or_fork(&[lap], bare_fork).unwrap() {
        Course::Stayed => "stayed".to_owned(),
        Course::Forked { .. } => writer.segment_id().to_string(),
    }
}

fn first_use(store: &OpenStore, name: &str) -> String {
    let start = |_| Ok(vec![RestoredState::default().start(None)?.into_entry()]);
    let (writer, _) = open_pod(store, &name.parse().unwrap(), start).unwrap();
    format!("{} {}", writer.session_id(), writer.segment_id())
}

pub(crate) struct Racer {
    child: Process,
    orders: Option<ChildStdin>,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Racer {
    pub(crate) fn start(url: &str, session: SessionId, segment: SegmentId, number: usize) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "racer::child_that_obeys", "--include-ignored", "--nocapture"])
            .env(JOB, format!("{url} {session} {segment} {number}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = Process::start(&mut command);
        let answers = BufReader::new(child.stdout.take().unwrap()).lines();
        let orders = child.stdin.take();
        Self { child, orders, answers }
    }

    fn order(&mut self, order: &str) {
        let orders = self.orders.as_mut().unwrap();
        writeln!(orders, "{order}").unwrap();
        orders.flush().unwrap();
    }

    fn answer(&mut self) -> String {
        let answers = self.answers.by_ref().map_while(Result::ok);
        let mut said = answers.filter_map(|line| Some(line.split_once("racer: ")?.1.to_owned()));
        said.next().expect("the racer lives")
    }

    pub(crate) fn finish(mut self) {
        drop(self.orders.take());
        assert!(self.child.wait().success());
    }
}

/// Gives all the same order at once, and collects their answers.
pub(crate) fn order(racers: &mut [Racer], order: &str) -> Vec<String> {
    racers.iter_mut().for_each(|racer| racer.order(order));
    racers.iter_mut().map(Racer::answer).collect()
}
