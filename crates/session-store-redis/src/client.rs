//! What the rest of the crate asks of the servers: commands, scripts that read, and scripts that change
//! something, once. How they get there is elsewhere.

use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::{Cmd, Connection, RedisResult, Value};
use session_store_core::{BackendError, StoreError};

use crate::answer::Answer;
use crate::delivery::{Delivery, Failure, Sent};
use crate::keys::{Keys, Tag};
use crate::pool::Node;
use crate::script::Program;
use crate::topology::Topology;
use crate::verdict::{Verdict, told};
use crate::writer::{REMEMBERED, Writers};

/// The longest text that a server takes (`proto-max-bulk-len`), unless it is configured to take less.
const LONGEST: usize = 512 * 1024 * 1024;

/// The servers of a storage, and who writes to them.
pub(crate) struct Client {
    pub(crate) keys: Keys,
    /// Names the storage in errors, without a password.
    place: String,
    /// The longest text that every server takes. One that gets a longer one does not tell, but hangs up.
    longest: usize,
    delivery: Delivery,
    writers: Writers,
}

/// A script with what it is about, but for the writer.
pub(crate) struct Call<'a> {
    pub(crate) tag: Tag,
    pub(crate) program: &'static Program,
    pub(crate) keys: Vec<String>,
    pub(crate) args: Vec<&'a [u8]>,
}

impl Client {
    pub(crate) fn new(keys: Keys, place: String, topology: Topology, retry: Duration) -> Self {
        let delivery = Delivery { topology, retry };
        Self { keys, place, longest: LONGEST, delivery, writers: Writers::default() }
    }

    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// Minds a limit that the servers have told of.
    pub(crate) fn take_no_longer_than(&mut self, longest: Option<usize>) {
        self.longest = longest.map_or(LONGEST, |longest| longest.min(LONGEST));
    }

    /// Fails for a text that the servers do not take.
    pub(crate) fn check_size(&self, text: &str) -> Result<(), StoreError> {
        let (size, limit) = (text.len() as u64, self.longest as u64);
        if size > limit { Err(StoreError::TooLarge { size, limit }) } else { Ok(()) }
    }

    pub(crate) fn topology(&self) -> &Topology {
        &self.delivery.topology
    }

    /// A moment after which nothing is sent again.
    pub(crate) fn deadline(&self) -> Instant {
        self.delivery.deadline()
    }

    /// Sends a command that may be obeyed any number of times.
    pub(crate) fn command(
        &self,
        attempt: impl Display,
        tag: Tag,
        command: &Cmd,
    ) -> Result<Value, StoreError> {
        let send = |connection: &mut Connection, sent: Sent| query(command, sent, connection);
        let done = self.delivery.send(tag.slot(), self.deadline(), &send);
        done.map_err(|failure| self.told(failure.not_obeyed(), attempt))
    }

    /// Sends many commands that may be obeyed any number of times, together as far as one server is asked.
    pub(crate) fn commands(
        &self,
        attempt: impl Display,
        commands: &[(Tag, Cmd)],
    ) -> Result<Vec<Value>, StoreError> {
        let mut together = self.pipelined(commands).into_iter();
        let each = commands.iter().map(|(tag, command)| match together.next().flatten() {
            Some(value) => Ok(value),
            None => self.command(&attempt, *tag, command),
        });
        each.collect()
    }

    /// The replies to commands of one slot, obeyed one after the other, if all were at the first attempt.
    pub(crate) fn together(&self, commands: &[(Tag, Cmd)]) -> Option<Vec<Value>> {
        self.pipelined(commands).into_iter().collect()
    }

    /// The replies to as many of the commands as had one at the first attempt.
    fn pipelined(&self, commands: &[(Tag, Cmd)]) -> Vec<Option<Value>> {
        let deadline = self.deadline();
        let mut nodes: Vec<(Arc<Node>, Vec<usize>)> = Vec::new();
        for (index, (tag, _)) in commands.iter().enumerate() {
            let Ok(owner) = self.delivery.topology.owner(tag.slot(), deadline) else { continue };
            match nodes.iter_mut().find(|(node, _)| Arc::ptr_eq(node, &owner)) {
                Some((_, indices)) => indices.push(index),
                None => nodes.push((owner, vec![index])),
            }
        }
        let mut values = vec![None; commands.len()];
        for (node, indices) in nodes {
            let asked = indices.iter().map(|&index| &commands[index].1);
            for (&index, value) in indices.iter().zip(pipeline(&node, asked, deadline)) {
                values[index] = value.ok();
            }
        }
        values
    }

    /// Runs a script that changes nothing.
    pub(crate) fn read(&self, attempt: impl Display, call: &Call<'_>) -> Result<Value, StoreError> {
        let send = |connection: &mut Connection, sent: Sent| {
            run(call.program, &call.keys, &call.args, sent, connection)
        };
        let done = self.delivery.send(call.tag.slot(), self.deadline(), &send);
        done.map_err(|failure| self.told(failure.not_obeyed(), attempt))
    }

    /// Runs a script that changes something, once, whatever becomes of the connections meanwhile (A6).
    ///
    /// # Errors
    /// `Indeterminate` if no reply came in time to any copy that was sent; else nothing was changed.
    pub(crate) fn change(
        &self,
        attempt: impl Display,
        call: Call<'_>,
    ) -> Result<Answer, StoreError> {
        let mut writer = self.writers.take();
        let sequence = writer.next();
        let remembered = REMEMBERED.as_millis().to_string();
        let mut keys = vec![self.keys.writer(call.tag, &writer.token)];
        keys.extend(call.keys);
        let send = |connection: &mut Connection, sent: Sent| {
            let again: &[u8] = if sent.before { b"1" } else { b"0" };
            let mut args = vec![sequence.as_bytes(), again, remembered.as_bytes()];
            args.extend(&call.args);
            run(call.program, &keys, &args, sent, connection)
        };
        let value = match self.delivery.send(call.tag.slot(), self.deadline(), &send) {
            Ok(value) => value,
            Err(failure) => {
                if !failure.maybe_obeyed {
                    self.writers.put_back(writer);
                }
                return Err(self.told(failure, attempt));
            }
        };
        self.writers.put_back(writer);
        Answer::parse(&value).ok_or_else(|| self.unexpected(attempt))
    }

    /// The error for an answer that no script of ours, or no command, gives.
    pub(crate) fn unexpected(&self, attempt: impl Display) -> StoreError {
        let reason = "the server gave an answer that this version does not know";
        BackendError::new(self.attempt(attempt), false, reason).into()
    }

    /// The error for what cannot be had now, but maybe later.
    pub(crate) fn unlucky(&self, attempt: impl Display, reason: &'static str) -> StoreError {
        BackendError::new(self.attempt(attempt), true, reason).into()
    }

    fn attempt(&self, attempt: impl Display) -> String {
        format!("{attempt} in {}", self.place)
    }

    fn told(&self, failure: Failure, attempt: impl Display) -> StoreError {
        let attempt = self.attempt(attempt);
        if failure.maybe_obeyed {
            let source = Box::new(failure.error);
            return StoreError::Indeterminate { operation: attempt, source };
        }
        told(failure.error, attempt, failure.verdict != Verdict::Refused)
    }
}

/// Sends the commands at once. Without a reply to all there is none.
fn pipeline<'a>(
    node: &Node,
    commands: impl Iterator<Item = &'a Cmd>,
    deadline: Instant,
) -> Vec<RedisResult<Value>> {
    let mut pipe = redis::pipe();
    for command in commands {
        pipe.add_command(command.clone());
    }
    let Ok(mut connection) = node.take(deadline) else { return Vec::new() };
    let Ok(replies) = pipe.ignore_errors().query(&mut *connection) else { return Vec::new() };
    connection.put_back();
    replies
}

/// By its hash; a server that does not know the script is sent the text.
fn run(
    program: &Program,
    keys: &[String],
    args: &[&[u8]],
    sent: Sent,
    connection: &mut Connection,
) -> RedisResult<Value> {
    let done = query(&program.by_hash(keys, args), sent, connection);
    match &done {
        Err(error) if Verdict::of_reply(error) == Verdict::UnknownScript => {
            query(&program.by_text(keys, args), sent, connection)
        }
        _ => done,
    }
}

fn query(command: &Cmd, sent: Sent, connection: &mut Connection) -> RedisResult<Value> {
    if sent.asking {
        redis::cmd("ASKING").exec(connection)?;
    }
    command.query(connection)
}
