//! `Delivery`: sends a command to the node that owns its slot, and retries the command until the
//! deadline.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::{Connection, RedisError, RedisResult, Value};
use session_store_core::backoff::Backoff;

use crate::disposition::{Disposition, found_no_server};
use crate::error::RequestError;
use crate::keys::Slot;
use crate::topology::Topology;
use crate::topology::node::Node;

/// The number of redirections after which the client pauses. While nodes disagree about the owner
/// of a slot, they can redirect a command in a circle, and the pauses keep the circle slow.
const REDIRECTIONS: u32 = 8;

/// Sends commands to the servers of one storage. A command may be sent several times. It must
/// therefore be harmless to repeat ([`Effect::Idempotent`]), or be a change whose repetition the
/// server recognizes ([`Effect::Change`]).
pub(crate) struct Delivery {
    pub(crate) topology: Topology,
    /// How long a command is retried.
    pub(crate) retry: Duration,
}

/// Sends a command on a connection and waits for the reply.
pub(crate) type Transmit<'a> = &'a dyn Fn(&mut Connection, Transmission) -> RedisResult<Value>;

impl Delivery {
    /// Returns the deadline of a command that starts now. After its deadline, a command is not sent
    /// again.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.retry
    }

    /// Sends a read or a change until a server replies or the deadline passes.
    ///
    /// The retries end if a server refuses a read. The retries also end if a server refuses a
    /// change and no earlier copy of the change can have been executed.
    ///
    /// If the reply to a change was lost, its outcome is unknown. The change is then sent again
    /// even after a refusal, because the refusal of one copy does not show whether an earlier copy
    /// was executed. If an earlier copy was executed, the server has recorded the reply and returns
    /// this reply for a later copy.
    pub(crate) fn send(
        &self,
        slot: Slot,
        effect: Effect,
        transmit: Transmit<'_>,
    ) -> Result<Value, RequestError> {
        let mut request = Request::new(slot, effect, transmit, self.deadline());
        loop {
            match self.send_once(&mut request) {
                Ok(value) => return Ok(value),
                Err(failed) => self.prepare_next(&mut request, failed)?,
            }
        }
    }

    /// Waits, and prepares the next attempt. Fails if the failed attempt was the last one.
    fn prepare_next(
        &self,
        request: &mut Request<'_>,
        failed: FailedAttempt,
    ) -> Result<(), RequestError> {
        let failed = self.check_replica(request, failed);
        request.record(failed.disposition);
        if failed.disposition == Disposition::Refused && !request.transmission.is_repeat {
            return Err(request.failure(failed));
        }
        // `Ask` does not change the owner of the slot. Any other failure can mean that the slot
        // has a new owner.
        if failed.disposition != Disposition::Ask {
            self.topology.mark_stale();
        }
        request.redirected = failed.node.as_ref().and_then(|node| {
            let (address, _) = failed.error.redirect_node()?;
            self.topology.redirected(node, address)
        });
        let may_continue = request.pauses.pause(failed.disposition, request.deadline);
        if may_continue { Ok(()) } else { Err(request.failure(failed)) }
    }

    /// Turns the second reply of a replica into a refusal, if no other server is known.
    ///
    /// The first attempt may have used an old connection to a former master. The second attempt has
    /// resolved the host name again and opened a new connection. So its reply shows that the URL
    /// leads to a replica.
    fn check_replica(&self, request: &mut Request<'_>, failed: FailedAttempt) -> FailedAttempt {
        if failed.disposition != Disposition::Replica {
            return failed;
        }
        request.replicas += 1;
        if request.replicas == 1 || !self.topology.is_single_server() {
            return failed;
        }
        let error = explain_replica(&failed.error);
        FailedAttempt { disposition: Disposition::Refused, error, ..failed }
    }

    /// Repeats `attempt` until it succeeds, a server refuses it, or the deadline passes. The
    /// attempt must not send a change.
    pub(crate) fn retry<T>(
        &self,
        attempt: impl FnMut(Instant) -> RedisResult<T>,
    ) -> Result<T, RequestError> {
        let deadline = self.deadline();
        self.retry_until(deadline, deadline, attempt)
    }

    /// Connects to a server that the URL names. While no server is found, the attempts are repeated
    /// until the time `wait` has passed. Attempts with other errors are repeated as in `retry`.
    pub(crate) fn contact(&self, wait: Duration) -> Result<(), RequestError> {
        let wait_until = Instant::now() + wait;
        self.retry_until(self.deadline(), wait_until, |deadline| self.topology.contact(deadline))
    }

    /// Repeats `attempt` until `deadline`, or until `wait_until` while no server is found.
    fn retry_until<T>(
        &self,
        deadline: Instant,
        wait_until: Instant,
        mut attempt: impl FnMut(Instant) -> RedisResult<T>,
    ) -> Result<T, RequestError> {
        let mut pauses = Pauses::default();
        loop {
            let error = match attempt(deadline.max(wait_until)) {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let disposition = Disposition::of_connecting(&error);
            self.topology.mark_stale();
            let end = if found_no_server(&error) { wait_until } else { deadline };
            if disposition == Disposition::Refused || !pauses.pause(disposition, end) {
                return Err(RequestError::not_executed(error, disposition));
            }
        }
    }

    /// Makes one attempt: sends the command to the node of the last redirection if there was one,
    /// and otherwise to the owner of the slot.
    fn send_once(&self, request: &mut Request<'_>) -> Result<Value, FailedAttempt> {
        let deadline = request.deadline;
        let node = match request.redirected.take() {
            Some(node) => node,
            None => self.topology.owner(request.slot, deadline).map_err(FailedAttempt::unsent)?,
        };
        let mut connection = node.take(deadline).map_err(FailedAttempt::unsent)?;
        let error = match (request.transmit)(&mut connection, request.transmission) {
            Ok(value) => {
                connection.release();
                return Ok(value);
            }
            Err(error) => error,
        };
        let disposition = Disposition::of_reply(&error);
        if matches!(disposition, Disposition::ReplyLost | Disposition::Replica) {
            drop(connection);
            node.connections.close_idle();
        } else {
            connection.release();
        }
        let error = node.explain(error);
        Err(FailedAttempt { node: Some(node), disposition, error })
    }
}

/// Adds advice to the error of a replica that refused a command.
fn explain_replica(error: &RedisError) -> RedisError {
    let advice = "the server is a replica, which accepts no changes; use the URL of its master";
    (error.kind(), advice, error.to_string()).into()
}

/// The effect of sending a command twice.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The command can be executed several times without harm, for example a read.
    Idempotent,
    /// The command makes a change. A second copy must be marked as a repeat, so that the server
    /// does not execute the change twice.
    Change,
}

/// The circumstances of one attempt to send a command.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Transmission {
    /// Whether the reply to an earlier copy of the change was lost. The earlier copy may have been
    /// executed, or may be executed later.
    pub(crate) is_repeat: bool,
    /// Whether to send `ASKING` before the command. While a slot moves to a node, the node executes
    /// commands for the slot only after `ASKING`.
    pub(crate) asking: bool,
}

/// A command that is sent until a server replies or the deadline passes.
struct Request<'a> {
    slot: Slot,
    effect: Effect,
    transmit: Transmit<'a>,
    deadline: Instant,
    transmission: Transmission,
    /// The node to which the last attempt was redirected. The next attempt uses it.
    redirected: Option<Arc<Node>>,
    /// The number of attempts to which a replica replied.
    replicas: usize,
    pauses: Pauses,
}

impl<'a> Request<'a> {
    fn new(slot: Slot, effect: Effect, transmit: Transmit<'a>, deadline: Instant) -> Self {
        let transmission = Transmission::default();
        let pauses = Pauses::default();
        Self {
            slot,
            effect,
            transmit,
            deadline,
            transmission,
            redirected: None,
            replicas: 0,
            pauses,
        }
    }

    /// Records the consequence of an attempt for the next one.
    fn record(&mut self, disposition: Disposition) {
        let is_change = self.effect == Effect::Change;
        self.transmission.is_repeat |= is_change && disposition == Disposition::ReplyLost;
        self.transmission.asking = disposition == Disposition::Ask;
    }

    /// Returns the error of the request if `last` was its last attempt.
    fn failure(&self, last: FailedAttempt) -> RequestError {
        if self.transmission.is_repeat {
            RequestError::NoReply(last.error)
        } else {
            RequestError::not_executed(last.error, last.disposition)
        }
    }
}

/// An attempt that failed.
struct FailedAttempt {
    /// The node to which the command was sent, if it was sent.
    node: Option<Arc<Node>>,
    disposition: Disposition,
    error: RedisError,
}

impl FailedAttempt {
    /// Returns the failure of an attempt that had no connection.
    fn unsent(error: RedisError) -> Self {
        Self { node: None, disposition: Disposition::of_connecting(&error), error }
    }
}

/// The pauses between attempts.
#[derive(Default)]
struct Pauses {
    backoff: Backoff,
    redirections: u32,
    /// Whether a connection was lost, or a server was a replica.
    lost: bool,
}

impl Pauses {
    /// Waits before the next attempt. Returns whether there is time for another attempt.
    fn pause(&mut self, disposition: Disposition, deadline: Instant) -> bool {
        let at_once = match disposition {
            Disposition::Moved | Disposition::Ask => {
                self.redirections += 1;
                !self.redirections.is_multiple_of(REDIRECTIONS)
            }
            // The first time, there is no pause. Most likely the server had closed an idle
            // connection, or has become a replica. A new connection then succeeds.
            Disposition::ReplyLost | Disposition::Replica => {
                !std::mem::replace(&mut self.lost, true)
            }
            _ => false,
        };
        if at_once { Instant::now() < deadline } else { self.backoff.wait(deadline) }
    }
}
