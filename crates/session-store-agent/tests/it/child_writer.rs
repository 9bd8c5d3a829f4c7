//! `ChildWriter`: a child process with a writer. Tests send the same command to several such
//! processes at the same moment.

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{ChildStdin, ChildStdout, Stdio};

use session_store::OpenStore;
use session_store_agent::{AppendOutcome, RestoredState, SegmentWriter, open_pod};
use session_store_core::{LogEntry, SegmentKey};
use test_deadlines::{Process, child_job, child_test};

use crate::{bare_fork, entry};

/// The mark before each reply of a child. The test harness prints other lines to the same output.
const REPLY: &str = "child: ";

/// The entry that a child appends in a round.
pub(crate) fn entry_of(child: usize, round: usize) -> LogEntry {
    entry(&format!("{{\"child\":{child},\"round\":{round}}}"))
}

#[test]
#[ignore = "a child process of the tests in processes.rs"]
fn child_that_executes_commands() {
    let arguments = child_job();
    let parts: Vec<_> = arguments.split(' ').collect();
    let [url, session, segment, number] = parts[..] else { panic!("{arguments}") };
    let (session, segment) = (session.parse().unwrap(), segment.parse().unwrap());
    let number = number.parse().unwrap();
    let store = session_store::open(url).unwrap();
    let mut writer = None;
    for command in std::io::stdin().lines().map(Result::unwrap) {
        let reply = match command.split_once(' ').unwrap() {
            ("open", _) => {
                writer = Some(SegmentWriter::open(&store, session, segment).unwrap().0);
                "opened".to_owned()
            }
            ("append", round) => {
                append(writer.as_mut().unwrap(), &entry_of(number, round.parse().unwrap()))
            }
            ("append_or_fork", round) => {
                append_or_fork(writer.as_mut().unwrap(), entry_of(number, round.parse().unwrap()))
            }
            ("open_pod", name) => open_by_name(&store, name),
            _ => panic!("{command}"),
        };
        println!("{REPLY}{reply}");
        std::io::stdout().flush().unwrap();
    }
}

fn append(writer: &mut SegmentWriter<&OpenStore>, entry: &LogEntry) -> String {
    match writer.append(entry) {
        Ok(()) => "appended".to_owned(),
        Err(error) if error.is_conflict() => "conflict".to_owned(),
        Err(error) => panic!("{error}"),
    }
}

fn append_or_fork(writer: &mut SegmentWriter<&OpenStore>, entry: LogEntry) -> String {
    match writer.append_or_fork(&[entry], bare_fork).unwrap() {
        AppendOutcome::Stayed => "stayed".to_owned(),
        AppendOutcome::Forked { .. } => writer.segment_id().to_string(),
    }
}

fn open_by_name(store: &OpenStore, name: &str) -> String {
    let start = |_| Ok(vec![RestoredState::default().start(None)?.into_entry()]);
    let (writer, _) = open_pod(store, &name.parse().unwrap(), start).unwrap();
    writer.key().to_string()
}

/// A child process, and the pipes to it.
pub(crate) struct ChildWriter {
    process: Process,
    commands: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
}

impl ChildWriter {
    pub(crate) fn start(url: &str, segment: SegmentKey, number: usize) -> Self {
        let SegmentKey { session_id, segment_id } = segment;
        let job = format!("{url} {session_id} {segment_id} {number}");
        let mut command = child_test("child_writer::child_that_executes_commands", job);
        let mut process = Process::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
        let output = BufReader::new(process.stdout.take().unwrap()).lines();
        let commands = process.stdin.take();
        Self { process, commands, output }
    }

    fn send(&mut self, command: &str) {
        let commands = self.commands.as_mut().unwrap();
        writeln!(commands, "{command}").unwrap();
        commands.flush().unwrap();
    }

    fn reply(&mut self) -> String {
        let lines = self.output.by_ref().map_while(Result::ok);
        let mut replies = lines.filter_map(|line| Some(line.split_once(REPLY)?.1.to_owned()));
        replies.next().expect("the child process replies")
    }

    pub(crate) fn finish(mut self) {
        drop(self.commands.take());
        assert!(self.process.wait().success());
    }
}

/// Sends all children the same command, and collects their replies.
pub(crate) fn send_all(children: &mut [ChildWriter], command: &str) -> Vec<String> {
    children.iter_mut().for_each(|child| child.send(command));
    children.iter_mut().map(ChildWriter::reply).collect()
}
