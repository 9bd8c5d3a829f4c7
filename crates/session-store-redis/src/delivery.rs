//! `Delivery`: sends a command to the node that owns its slot, and retries it until the deadline.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use redis::{Connection, RedisError, RedisResult, Value};

use crate::disposition::Disposition;
use crate::error::RequestError;
use crate::keys::Slot;
use crate::topology::Topology;
use crate::topology::pool::Node;

/// The first pause before a command is sent again. Each further pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// The number of redirections that are followed without a pause. While nodes disagree about an
/// owner, they can redirect a command in a circle.
const REDIRECTIONS: u32 = 8;

/// The path to the servers. It may execute a command several times, so its callers pass only
/// commands for which that is harmless.
pub(crate) struct Delivery {
    pub(crate) topology: Topology,
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
    /// A refusal ends the retries of a read, and of a change of which no earlier copy can have been
    /// executed. After a lost reply to a change the outcome is unknown. The refusal of the next
    /// copy does not tell whether the first one was executed. A later copy may still be answered
    /// from the record of the first one, so the retries go on.
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
                // The first attempt may have used a connection from before a failover. The second
                // one has a new connection, and the name of the server is resolved again.
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

    /// Repeats an attempt that sends no change, until it succeeds, is refused, or the deadline
    /// passes.
    pub(crate) fn retry<T>(
        &self,
        mut attempt: impl FnMut(Instant) -> RedisResult<T>,
    ) -> Result<T, RequestError> {
        let deadline = self.deadline();
        let mut pauses = Pauses::new();
        loop {
            let error = match attempt(deadline) {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let disposition = Disposition::of_connecting(&error);
            self.topology.mark_stale();
            if disposition == Disposition::Refused || !pauses.pause(disposition, deadline) {
                return Err(RequestError::not_executed(error, disposition));
            }
        }
    }

    /// Makes one attempt, on the given node or else on the known owner of the slot.
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
                    node.close_idle();
                } else {
                    connection.release();
                }
                let error = node.explain(error);
                Err((Some(node), disposition, error))
            }
        }
    }
}

/// Adds to the refusal of a replica how to proceed.
fn explain_replica(error: &RedisError) -> RedisError {
    let advice = "the server is a replica, which accepts no changes; use the URL of its master";
    (error.kind(), advice, error.to_string()).into()
}

/// Whether a command changes anything.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing, or it can be executed several times without harm.
    Read,
    /// It changes something. A repeat must be marked as one.
    Change,
}

/// The circumstances of one attempt to send a command.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Transmission {
    /// Whether an earlier copy of a change may have been executed, or may still be.
    pub(crate) is_repeat: bool,
    /// Whether to precede the command with `ASKING`: the slot is moving to this node.
    pub(crate) asking: bool,
}

/// The pauses between attempts.
struct Pauses {
    next: Duration,
    redirections: u32,
    lost: bool,
}

impl Pauses {
    const fn new() -> Self {
        Self { next: FIRST_PAUSE, redirections: 0, lost: false }
    }

    /// Waits before the next attempt. Returns whether there is time for one.
    fn pause(&mut self, disposition: Disposition, deadline: Instant) -> bool {
        let at_once = match disposition {
            Disposition::Moved | Disposition::Ask => {
                self.redirections += 1;
                !self.redirections.is_multiple_of(REDIRECTIONS)
            }
            // The first lost connection was most likely idle and closed by the server, or led to a
            // server that has become a replica.
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
