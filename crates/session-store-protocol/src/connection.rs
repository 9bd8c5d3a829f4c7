//! The client's end of the pipes. Several threads can make calls at the same time. Each thread
//! waits for the reply that has the id of the thread's call.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, BufRead, Write};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::value::RawValue;

use crate::VERSION;
use crate::failure::Failure;
use crate::message::{Call, Description, Greeting, Reply, Request};

/// The result of a call, as the server sent it.
type Outcome = Result<Option<Box<RawValue>>, Failure>;

pub(crate) struct Connection {
    output: Mutex<Box<dyn Write + Send>>,
    waiting: Arc<Waiting>,
    last_id: AtomicU64,
    /// Whether the server reports the start of each call.
    pub(crate) report_starts: bool,
    /// The time limit for each wait: for the greeting, and for the result of a call.
    limit: Option<Duration>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl Connection {
    /// Waits for the greeting. Returns the description of the store in the greeting.
    pub(crate) fn new(
        input: impl BufRead + Send + 'static,
        output: impl Write + Send + 'static,
        limit: Option<Duration>,
    ) -> io::Result<(Self, Option<Description>)> {
        let (waiting, (sender, greeting)) = (Arc::<Waiting>::default(), mpsc::channel());
        let reader = Arc::clone(&waiting);
        thread::spawn(move || reader.read(input, &sender));
        let Greeting { session_store, store } = receive(&greeting, limit)??;
        if session_store != VERSION {
            let text = format!(
                "the server speaks version {session_store} of the protocol; this program speaks \
                 version {VERSION}"
            );
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        let output: Box<dyn Write + Send> = Box::new(output);
        let (output, last_id) = (Mutex::new(output), AtomicU64::new(0));
        Ok((Self { output, waiting, last_id, report_starts: false, limit }, store))
    }

    /// Returns the number of calls that the server has reported as started.
    pub(crate) fn calls_started(&self) -> usize {
        self.waiting.calls_started.load(SeqCst)
    }

    /// Sends the call and waits for its result.
    pub(crate) fn call(&self, call: Call) -> io::Result<Outcome> {
        let id = 1 + self.last_id.fetch_add(1, SeqCst);
        let mut line = serde_json::to_vec(&Request { id, report_start: self.report_starts, call })?;
        line.push(b'\n');
        let (sender, outcome) = mpsc::channel();
        self.waiting.insert(id, sender)?;
        let sent = self.send(&line).and_then(|()| receive(&outcome, self.limit));
        if sent.is_err() {
            self.waiting.remove(id);
        }
        sent
    }

    fn send(&self, line: &[u8]) -> io::Result<()> {
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        output.write_all(line)?;
        output.flush()
    }
}

fn receive<T>(receiver: &Receiver<T>, limit: Option<Duration>) -> io::Result<T> {
    let received = match limit {
        Some(limit) => receiver.recv_timeout(limit),
        None => receiver.recv().map_err(RecvTimeoutError::from),
    };
    received.map_err(|error| match error {
        RecvTimeoutError::Disconnected => has_ended(),
        RecvTimeoutError::Timeout => {
            let seconds = limit.unwrap_or_default().as_secs_f32();
            let text = format!("no reply within {seconds} seconds");
            io::Error::new(io::ErrorKind::TimedOut, text)
        }
    })
}

fn has_ended() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the process has ended")
}

/// The calls that wait for their results.
#[derive(Default)]
struct Waiting {
    calls: Mutex<Calls>,
    calls_started: AtomicUsize,
}

#[derive(Default)]
struct Calls {
    senders: HashMap<u64, Sender<Outcome>>,
    /// Whether the output of the server has ended.
    has_ended: bool,
}

impl Waiting {
    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn insert(&self, id: u64, sender: Sender<Outcome>) -> io::Result<()> {
        let mut calls = self.calls();
        if calls.has_ended {
            return Err(has_ended());
        }
        calls.senders.insert(id, sender);
        Ok(())
    }

    fn remove(&self, id: u64) -> Option<Sender<Outcome>> {
        self.calls().senders.remove(&id)
    }

    /// Reads the lines of the server until its output ends.
    fn read(&self, mut input: impl BufRead, greeting: &Sender<io::Result<Greeting>>) {
        let mut line = String::new();
        let greeted = next_message(&mut input, &mut line);
        let is_open = matches!(greeted, Ok(true));
        let parsed = greeted.and_then(|is_message| match is_message {
            true => Ok(serde_json::from_str(&line)?),
            false => Err(has_ended()),
        });
        // The send fails if the greeting has arrived after the time limit, because the receiver was
        // dropped then.
        let _ = greeting.send(parsed);
        while is_open && matches!(next_message(&mut input, &mut line), Ok(true)) {
            // A line that is not a message ends the connection. If such a line were ignored and it
            // was the reply to a call, the call would wait without end.
            let Ok(reply) = serde_json::from_str(&line) else { break };
            self.deliver(reply);
        }
        // Dropping the senders ends the calls that still wait for a reply.
        *self.calls() = Calls { has_ended: true, ..Calls::default() };
    }

    fn deliver(&self, Reply { id, started, ok, error }: Reply) {
        if started {
            self.calls_started.fetch_add(1, SeqCst);
            return;
        }
        let outcome = error.map_or(Ok(ok), Err);
        // There is no sender if the time limit of the call has passed.
        if let Some(sender) = id.and_then(|id| self.remove(id)) {
            let _ = sender.send(outcome);
        }
    }
}

/// Reads the next line that is a message. Returns false at the end of the input.
///
/// Lines that do not start with `{` are output of the program that runs the server, such as a test
/// program. The last line has no newline if the server was killed while it wrote the line. Such a
/// line is not a message.
fn next_message(input: &mut impl BufRead, line: &mut String) -> io::Result<bool> {
    loop {
        line.clear();
        input.read_line(line)?;
        if !line.ends_with('\n') {
            return Ok(false);
        }
        if line.starts_with('{') {
            return Ok(true);
        }
    }
}
