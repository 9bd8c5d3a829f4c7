//! Getting a command to the right server: again where that is harmless, and never longer than allowed.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use redis::{Connection, RedisError, RedisResult, Value};

use crate::keys::Slot;
use crate::pool::Node;
use crate::topology::Topology;
use crate::verdict::Verdict;

/// The first pause before a command is sent again; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// How many redirections are followed in a row before a pause.
const REDIRECTIONS: u32 = 8;

/// The way to the servers. It sends what it is given any number of times, so that must be harmless.
pub(crate) struct Delivery {
    pub(crate) topology: Topology,
    pub(crate) retry: Duration,
}

/// Puts a command on a connection and waits for the reply.
pub(crate) type Transmit<'a> = &'a dyn Fn(&mut Connection, Sent) -> RedisResult<Value>;

impl Delivery {
    /// A moment after which nothing is sent again.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.retry
    }

    /// Sends until there is a reply, or a refusal of a command of which no earlier copy can have been
    /// obeyed, or the time is up.
    pub(crate) fn send(
        &self,
        slot: Slot,
        deadline: Instant,
        transmit: Transmit<'_>,
    ) -> Result<Value, Failure> {
        let mut sent = Sent::default();
        let mut pauses = Pauses::new();
        let mut redirected = None;
        loop {
            let done = self.once(slot, redirected.take(), deadline, sent, transmit);
            let (node, verdict, error) = match done {
                Ok(value) => return Ok(value),
                Err(failed) => failed,
            };
            sent = Sent { before: sent.before || verdict == Verdict::Lost, asking: false };
            let failure = Failure { error, verdict, maybe_obeyed: sent.before };
            if verdict == Verdict::Refused && !sent.before {
                return Err(failure);
            }
            if verdict != Verdict::Ask {
                self.topology.doubt();
            }
            redirected = node.and_then(|node| {
                let (address, _) = failure.error.redirect_node()?;
                self.topology.redirected(&node, address)
            });
            sent.asking = verdict == Verdict::Ask;
            if !pauses.pause(verdict, deadline) {
                return Err(failure);
            }
        }
    }

    /// One attempt: on the node given, or else on the one that is thought to have the slot.
    fn once(
        &self,
        slot: Slot,
        node: Option<Arc<Node>>,
        deadline: Instant,
        sent: Sent,
        transmit: Transmit<'_>,
    ) -> Result<Value, (Option<Arc<Node>>, Verdict, RedisError)> {
        let unsent = |error: RedisError| (None, Verdict::of_connecting(&error), error);
        let node = node.map_or_else(|| self.topology.owner(slot, deadline), Ok).map_err(unsent)?;
        let mut connection = node.take(deadline).map_err(unsent)?;
        match transmit(&mut connection, sent) {
            Ok(value) => {
                connection.put_back();
                Ok(value)
            }
            Err(error) => {
                let verdict = Verdict::of_reply(&error);
                if verdict == Verdict::Lost {
                    drop(connection);
                    node.drop_idle();
                } else {
                    connection.put_back();
                }
                Err((Some(node), verdict, error))
            }
        }
    }
}

/// What is known of a command when it is sent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sent {
    /// An earlier copy may have been obeyed, or may be yet.
    pub(crate) before: bool,
    /// The node is told that the slot is on its way to it.
    pub(crate) asking: bool,
}

/// Why a command has no reply.
pub(crate) struct Failure {
    pub(crate) error: RedisError,
    pub(crate) verdict: Verdict,
    pub(crate) maybe_obeyed: bool,
}

impl Failure {
    /// Of a command that changes nothing.
    pub(crate) fn not_obeyed(self) -> Self {
        Self { maybe_obeyed: false, ..self }
    }
}

/// The time between attempts.
struct Pauses {
    next: Duration,
    redirections: u32,
    lost: bool,
}

impl Pauses {
    const fn new() -> Self {
        Self { next: FIRST_PAUSE, redirections: 0, lost: false }
    }

    /// Waits as long as the verdict wants, and says whether there is time for another attempt.
    fn pause(&mut self, verdict: Verdict, deadline: Instant) -> bool {
        let at_once = match verdict {
            Verdict::Moved | Verdict::Ask => {
                self.redirections += 1;
                !self.redirections.is_multiple_of(REDIRECTIONS)
            }
            // Most likely the server has closed a connection that idled.
            Verdict::Lost => !std::mem::replace(&mut self.lost, true),
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
