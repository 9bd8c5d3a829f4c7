//! `Delivery`: sends a command to the node that owns its slot, and retries the command until the
//! deadline.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use redis::{Connection, RedisError, RedisResult, Value};

use crate::disposition::{Disposition, found_no_server};
use crate::error::RequestError;
use crate::keys::Slot;
use crate::topology::Topology;
use crate::topology::node::Node;

/// The first pause before a command is sent again. Each further pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// A pause is made at each redirection with a multiple of this number. While nodes disagree about
/// an owner, they can redirect a command in a circle.
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
    /// Returns the time after which a command that is sent now is not sent again.
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
        let deadline = self.deadline();
        let mut transmission = Transmission::default();
        let mut pauses = Pauses::new();
        let (mut redirected, mut replicas) = (None, 0);
        loop {
            let result = self.send_once(slot, redirected.take(), deadline, transmission, transmit);
            let (node, mut disposition, mut error) = match result {
                Ok(value) => return Ok(value),
                Err(failed) => failed,
            };
            if disposition == Disposition::Replica {
                replicas += 1;
                // The first attempt may have used an old connection to a former master. The second
                // attempt has opened a new connection, and resolved the host name again. If this
                // server is a replica too, no other server is known.
                if replicas > 1 && self.topology.is_single_server() {
                    (disposition, error) = (Disposition::Refused, explain_replica(&error));
                }
            }
            transmission.is_repeat |=
                effect == Effect::Change && disposition == Disposition::ReplyLost;
            transmission.asking = disposition == Disposition::Ask;
            if disposition == Disposition::Refused && !transmission.is_repeat {
                return Err(RequestError::not_executed(error, disposition));
            }
            // `Ask` does not change the owner of the slot. Any other failure can mean that the slot
            // has a new owner.
            if disposition != Disposition::Ask {
                self.topology.mark_stale();
            }
            redirected = node.and_then(|node| {
                let (address, _) = error.redirect_node()?;
                self.topology.redirected(&node, address)
            });
            if !pauses.pause(disposition, deadline) {
                return Err(if transmission.is_repeat {
                    RequestError::NoReply(error)
                } else {
                    RequestError::not_executed(error, disposition)
                });
            }
        }
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

    /// Repeats `attempt` until `deadline`, or until `wait_until` if no server was found.
    fn retry_until<T>(
        &self,
        deadline: Instant,
        wait_until: Instant,
        mut attempt: impl FnMut(Instant) -> RedisResult<T>,
    ) -> Result<T, RequestError> {
        let mut pauses = Pauses::new();
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

    /// Makes one attempt: sends the command to `node` if it is given, and otherwise to the owner of
    /// the slot.
    ///
    /// An error is returned with its disposition, and with the node to which the command was sent,
    /// if it was sent.
    fn send_once(
        &self,
        slot: Slot,
        node: Option<Arc<Node>>,
        deadline: Instant,
        transmission: Transmission,
        transmit: Transmit<'_>,
    ) -> Result<Value, (Option<Arc<Node>>, Disposition, RedisError)> {
        let unsent = |error: RedisError| (None, Disposition::of_connecting(&error), error);
        let node = node.map_or_else(|| self.topology.owner(slot, deadline), Ok).map_err(unsent)?;
        let mut connection = node.take(deadline).map_err(unsent)?;
        match transmit(&mut connection, transmission) {
            Ok(value) => {
                connection.release();
                Ok(value)
            }
            Err(error) => {
                let disposition = Disposition::of_reply(&error);
                if matches!(disposition, Disposition::ReplyLost | Disposition::Replica) {
                    drop(connection);
                    node.connections.close_idle();
                } else {
                    connection.release();
                }
                let error = node.explain(error);
                Err((Some(node), disposition, error))
            }
        }
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

/// The pauses between attempts.
struct Pauses {
    next: Duration,
    redirections: u32,
    /// Whether a connection was lost, or a server was a replica.
    lost: bool,
}

impl Pauses {
    const fn new() -> Self {
        Self { next: FIRST_PAUSE, redirections: 0, lost: false }
    }

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
        let left = deadline.saturating_duration_since(Instant::now());
        if !at_once {
            thread::sleep(self.next.min(left));
            self.next = (self.next * 2).min(LONGEST_PAUSE);
        }
        !left.is_zero()
    }
}
