//! `Client`: sends the requests of the other modules to the servers of one storage.

use std::fmt::Display;
use std::iter;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use redis::{Cmd, Connection, RedisResult, Value};
use session_store_core::StoreError;

use crate::delivery::{Delivery, Effect, Transmission, Transmit};
use crate::disposition::Disposition;
use crate::error::RequestError;
use crate::keys::{Keys, Tag};
use crate::reply::{ChangeReply, values};
use crate::script::Call;
use crate::sizes::RecentSizes;
use crate::topology::Topology;
use crate::topology::node::Node;
use crate::writer::{RECORD_LIFETIME, Writers};

/// The default of `proto-max-bulk-len`: the longest text that a server accepts.
const MAX_TEXT_BYTES: usize = 512 * 1024 * 1024;

/// The servers of a storage, and the writers of this handle. A writer numbers its changes, so a
/// server recognizes a change that is sent again.
pub(crate) struct Client {
    pub(crate) keys: Keys,
    /// The URL without passwords, for messages.
    place: String,
    /// The longest text that every server accepts. A server that gets a longer text closes the
    /// connection without a reply, so the client checks the limit.
    max_text_bytes: usize,
    delivery: Delivery,
    writers: Writers,
    /// The sizes of the logs that were read last.
    pub(crate) recent_sizes: RecentSizes,
    /// Whether a server has refused a script that reads, because the login has no permission to run
    /// scripts.
    cannot_run_scripts: AtomicBool,
    pub(crate) pushes: Pushes,
}

/// The facts that a handle has learned about pushes, the transactions of `push.rs`.
#[derive(Default)]
pub(crate) struct Pushes {
    /// Whether a server has executed a transaction.
    pub(crate) has_transactions: AtomicBool,
    /// Whether a server has refused a command of a push. A login may lack the permission.
    pub(crate) are_refused: AtomicBool,
}

impl Client {
    pub(crate) fn new(keys: Keys, place: String, topology: Topology, retry: Duration) -> Self {
        let delivery = Delivery { topology, retry };
        let writers = Writers::default();
        Self {
            keys,
            place,
            max_text_bytes: MAX_TEXT_BYTES,
            delivery,
            writers,
            recent_sizes: RecentSizes::default(),
            cannot_run_scripts: AtomicBool::new(false),
            pushes: Pushes::default(),
        }
    }

    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// Sets the longest text that the servers accept. With `None`, the servers did not report a
    /// limit.
    pub(crate) fn limit_texts(&mut self, max_bytes: Option<usize>) {
        self.max_text_bytes = max_bytes.map_or(MAX_TEXT_BYTES, |max| max.min(MAX_TEXT_BYTES));
    }

    pub(crate) fn topology(&self) -> &Topology {
        &self.delivery.topology
    }

    /// Returns the deadline of a request that starts now. After the deadline, the request is not
    /// sent again.
    pub(crate) fn deadline(&self) -> Instant {
        self.delivery.deadline()
    }

    /// Performs an operation of the store. Adds the operation and the place to an error. No other
    /// function does so, so that each message contains both once.
    pub(crate) fn perform<T>(
        &self,
        operation: impl Display,
        work: impl FnOnce(&Self) -> Result<T, RequestError>,
    ) -> Result<T, StoreError> {
        work(self).map_err(|error| error.during(format_args!("{operation} in {}", self.place)))
    }

    /// Repeats work of several steps until the work does not return `StartAgain`, or the deadline
    /// passes.
    pub(crate) fn repeat<T>(
        &self,
        mut work: impl FnMut() -> Result<T, RequestError>,
    ) -> Result<T, RequestError> {
        let deadline = self.deadline();
        loop {
            match work() {
                Err(RequestError::StartAgain(_)) if Instant::now() < deadline => {}
                result => return result,
            }
        }
    }

    /// Fails for a text that the servers do not accept.
    pub(crate) fn check_size(&self, text: &str) -> Result<(), RequestError> {
        let (size, limit) = (text.len() as u64, self.max_text_bytes as u64);
        if size > limit { Err(StoreError::TooLarge { size, limit }.into()) } else { Ok(()) }
    }

    /// Sends a command that can be repeated without harm.
    pub(crate) fn command(&self, tag: Tag, command: &Cmd) -> Result<Value, RequestError> {
        self.read_with(tag, &|connection, transmission| query(command, transmission, connection))
    }

    /// Runs a script that can be repeated without harm.
    pub(crate) fn read(&self, call: &Call<'_>) -> Result<Value, RequestError> {
        self.read_with(call.tag, &|connection, transmission| run(call, transmission, connection))
    }

    /// Reads by a script, or by plain commands if the login has no permission to run scripts.
    pub(crate) fn scripted<T>(
        &self,
        by_script: impl FnOnce() -> Result<T, RequestError>,
        by_commands: impl FnOnce() -> Result<T, RequestError>,
    ) -> Result<T, RequestError> {
        if !self.cannot_run_scripts.load(Ordering::Relaxed) {
            let result = by_script();
            if !result.as_ref().is_err_and(RequestError::lacks_permission) {
                return result;
            }
            self.cannot_run_scripts.store(true, Ordering::Relaxed);
        }
        by_commands()
    }

    /// Executes commands of one slot that change nothing, in one atomic step. The key of each
    /// command is its first argument. Returns the replies.
    ///
    /// A server that is out of memory queues no command after `MULTI`, but runs a script that only
    /// reads. If the login cannot run scripts either, returns the error of the transaction.
    pub(crate) fn transaction(
        &self,
        (tag, commands): &(Tag, Vec<Cmd>),
    ) -> Result<Vec<Value>, RequestError> {
        let replies = self.read_with(*tag, &|connection, transmission| {
            transaction(commands.iter().cloned(), transmission, connection)?.extract_error()
        });
        values(match replies {
            Err(error) if error.is_out_of_memory() => {
                self.scripted(|| self.read(&Call::of_commands(*tag, commands)), || Err(error))
            }
            replies => replies,
        }?)
    }

    /// Executes several transactions, in one pipeline for each server. A transaction that fails
    /// there is executed again alone by [`Self::transaction`].
    pub(crate) fn transactions(
        &self,
        transactions: &[(Tag, Vec<Cmd>)],
    ) -> Result<Vec<Vec<Value>>, RequestError> {
        if let [one] = transactions {
            return Ok(vec![self.transaction(one)?]);
        }
        let mut commands = Vec::new();
        let mut exec_indices = Vec::new();
        for (tag, of_transaction) in transactions {
            commands
                .extend(enclosed(of_transaction.iter().cloned()).map(|command| (*tag, command)));
            exec_indices.push(commands.len() - 1);
        }
        let mut replies = self.pipelined(&commands);
        let each = exec_indices.into_iter().zip(transactions).map(|(exec, one)| {
            let executed = replies[exec].take().and_then(|reply| reply.extract_error().ok());
            executed.map_or_else(|| self.transaction(one), values)
        });
        each.collect()
    }

    /// Connects to a server that the URL names. Waits at most `wait` if no server accepts a
    /// connection.
    pub(crate) fn contact(&self, wait: Duration) -> Result<(), RequestError> {
        self.delivery.contact(wait)
    }

    /// Repeats `attempt` until it succeeds, a server refuses it, or the deadline passes. The
    /// attempt must not send a change.
    pub(crate) fn retry<T>(
        &self,
        attempt: impl FnMut(Instant) -> RedisResult<T>,
    ) -> Result<T, RequestError> {
        self.delivery.retry(attempt)
    }

    fn read_with(&self, tag: Tag, transmit: Transmit<'_>) -> Result<Value, RequestError> {
        self.delivery.send(tag.slot(), Effect::Idempotent, transmit)
    }

    /// Sends commands that can be repeated without harm, in one pipeline for each server.
    ///
    /// A pipeline is sent once. Each command without a reply is then sent alone, with retries. A
    /// single command is sent without a pipeline, because a failed pipeline would only make the
    /// call longer.
    pub(crate) fn commands(&self, commands: &[(Tag, Cmd)]) -> Result<Vec<Value>, RequestError> {
        if let [(tag, command)] = commands {
            return Ok(vec![self.command(*tag, command)?]);
        }
        let replies = self.pipelined(commands).into_iter().zip(commands);
        let each = replies
            .map(|(reply, (tag, command))| reply.map_or_else(|| self.command(*tag, command), Ok));
        each.collect()
    }

    /// Runs scripts that change nothing, in one pipeline for each server, as [`Self::commands`]
    /// does.
    ///
    /// If a server has not cached the script, every call in its pipeline fails. Each call is then
    /// sent alone, and the first call makes the server cache the script.
    pub(crate) fn reads(&self, calls: &[Call<'_>]) -> Result<Vec<Value>, RequestError> {
        if let [call] = calls {
            return Ok(vec![self.read(call)?]);
        }
        let commands: Vec<_> = calls.iter().map(|call| (call.tag, call.by_hash())).collect();
        let replies = self.pipelined(&commands).into_iter().zip(calls);
        replies.map(|(reply, call)| reply.map_or_else(|| self.read(call), Ok)).collect()
    }

    /// Sends commands of one slot in one pipeline, in one attempt. Returns the replies, or `None`
    /// if a reply is missing.
    pub(crate) fn together(&self, commands: &[(Tag, Cmd)]) -> Option<Vec<Value>> {
        self.pipelined(commands).into_iter().collect()
    }

    /// Sends commands in one pipeline for each server, in one attempt. Returns the replies that
    /// arrived.
    pub(crate) fn pipelined(&self, commands: &[(Tag, Cmd)]) -> Vec<Option<Value>> {
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
            let of_node = indices.iter().map(|&index| &commands[index].1);
            for (&index, value) in indices.iter().zip(pipeline(&node, of_node, deadline)) {
                values[index] = value.ok();
            }
        }
        values
    }

    /// Runs a script that makes a change. The change is made once, even if connections are lost.
    ///
    /// The call contains the token of a writer, the number of the change, and whether the call is a
    /// repeat. The script records the reply to a change under that token. The script also records
    /// the refusal of a repeat. Otherwise an earlier copy of the change could still arrive and be
    /// executed after the caller has received an error.
    ///
    /// # Errors
    /// `NoReply` if no copy got a reply in time. After any other error nothing was changed.
    pub(crate) fn change(&self, call: Call<'_>) -> Result<ChangeReply, RequestError> {
        self.change_by(call, &run)
    }

    /// Makes a change as [`Self::change`] does. `execute` runs the script, or makes the same change
    /// and the same record in another way.
    pub(crate) fn change_by(
        &self,
        call: Call<'_>,
        execute: Execute<'_>,
    ) -> Result<ChangeReply, RequestError> {
        let mut writer = self.writers.take();
        let lifetime = RECORD_LIFETIME.as_millis().to_string();
        let signature = [writer.next(), String::from("0"), lifetime];
        let signed = Call::new(call.program, call.tag)
            .keys([self.keys.writer(call.tag, &writer.token)])
            .keys(call.keys)
            .args(signature);
        let signed = call.args.into_iter().fold(signed, Call::bytes);
        let transmit = |connection: &mut Connection, transmission: Transmission| {
            if !transmission.is_repeat {
                return execute(&signed, transmission, connection);
            }
            let mut repeat = signed.clone();
            repeat.args[1] = b"1"[..].into();
            execute(&repeat, transmission, connection)
        };
        let reply = self.delivery.send(call.tag.slot(), Effect::Change, &transmit);
        // If the last change of a writer may still be executed, drop the writer, so that it makes
        // no further change.
        if !matches!(reply, Err(RequestError::NoReply(_))) {
            self.writers.put_back(writer);
        }
        ChangeReply::parse(&reply?)
    }
}

/// Executes a call that makes a change. The call has the keys and arguments of [`Client::change`].
pub(crate) type Execute<'a> =
    &'a dyn Fn(&Call<'_>, Transmission, &mut Connection) -> RedisResult<Value>;

/// Sends the commands in one pipeline. Returns all replies, or an empty list if a reply is missing.
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
    connection.release();
    replies
}

/// Runs a script by its hash, and by its text if the server has not cached it.
pub(crate) fn run(
    call: &Call<'_>,
    transmission: Transmission,
    connection: &mut Connection,
) -> RedisResult<Value> {
    let result = query(&call.by_hash(), transmission, connection);
    match &result {
        Err(error) if Disposition::of_reply(error) == Disposition::UnknownScript => {
            query(&call.by_text(), transmission, connection)
        }
        _ => result,
    }
}

/// Returns the commands between `MULTI` and `EXEC`.
fn enclosed(commands: impl IntoIterator<Item = Cmd>) -> impl Iterator<Item = Cmd> {
    let [multi, exec] = ["MULTI", "EXEC"].map(redis::cmd);
    iter::once(multi).chain(commands).chain([exec])
}

/// Executes commands in one atomic step. Returns the list of their replies, which can contain
/// errors.
///
/// If the server refuses a command before `EXEC`, no command is executed, and the error is the
/// reason for the refusal.
pub(crate) fn transaction(
    commands: impl IntoIterator<Item = Cmd>,
    transmission: Transmission,
    connection: &mut Connection,
) -> RedisResult<Value> {
    if transmission.asking {
        redis::cmd("ASKING").exec(connection)?;
    }
    let mut pipe = redis::pipe();
    for command in enclosed(commands) {
        pipe.add_command(command);
    }
    // Return the first error of the replies. The client library would return the error of `EXEC`.
    // If the server refused a command, that error has the code EXECABORT, which hides the reason
    // for the refusal (for example a redirection).
    let replies: Vec<RedisResult<Value>> = pipe.ignore_errors().query(connection)?;
    replies.into_iter().try_fold(Value::Nil, |_, reply| reply)
}

fn query(
    command: &Cmd,
    transmission: Transmission,
    connection: &mut Connection,
) -> RedisResult<Value> {
    if transmission.asking {
        redis::cmd("ASKING").exec(connection)?;
    }
    command.query(connection)
}
