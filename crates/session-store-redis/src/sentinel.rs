//! Sentinels: whom they name as the master.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use redis::{ErrorKind, RedisError, RedisResult};

use crate::connect::{Address, Connector};
use crate::pool::Node;
use crate::url::{Host, Login};

/// A master behind Sentinels, by the name of its service.
pub(crate) struct Sentinel {
    sentinels: Vec<Host>,
    service: String,
    /// How to get to the Sentinels, who have a login of their own.
    to_sentinels: Connector,
    to_masters: Connector,
    most: usize,
    known: Mutex<Known>,
}

/// The last master that was named, and whether that may be old.
#[derive(Default)]
struct Known {
    master: Option<Arc<Node>>,
    doubted: bool,
    /// How often the Sentinels were asked.
    questions: usize,
}

impl Sentinel {
    /// `login` is for the Sentinels, that of the connector for the master.
    pub(crate) fn new(
        sentinels: Vec<Host>,
        service: String,
        login: Login,
        connector: Connector,
        most: usize,
    ) -> Self {
        let to_sentinels = Connector { login, database: 0, ..connector.clone() };
        let to_masters = Connector { masters_only: true, ..connector };
        Self { sentinels, service, to_sentinels, to_masters, most, known: Mutex::default() }
    }

    pub(crate) fn master(&self, deadline: Instant) -> RedisResult<Arc<Node>> {
        let mut known = self.lock();
        if let Known { master: Some(master), doubted: false, .. } = &*known {
            return Ok(Arc::clone(master));
        }
        let turn = known.questions;
        known.questions += 1;
        // Nobody waits for another's answer, which may take longer than there is time.
        drop(known);
        let address = Address::Host(self.named(turn, deadline)?);
        let mut known = self.lock();
        known.doubted = false;
        // A master that is named again keeps its connections.
        let same = known.master.take().filter(|master| master.address == address);
        let fresh = || Arc::new(Node::new(address, self.to_masters.clone(), self.most));
        let master = same.unwrap_or_else(fresh);
        known.master = Some(Arc::clone(&master));
        Ok(master)
    }

    pub(crate) fn doubt(&self) {
        self.lock().doubted = true;
    }

    /// The answer of the first Sentinel that has one. They take turns at being the first, since one that has
    /// lost touch with the others goes on naming a master that is gone.
    fn named(&self, turn: usize, deadline: Instant) -> RedisResult<Host> {
        let (later, first) = self.sentinels.split_at(turn % self.sentinels.len().max(1));
        let mut last = None;
        for sentinel in first.iter().chain(later) {
            match self.ask(sentinel) {
                Ok(host) => return Ok(host),
                Err(error) => last = Some(told(sentinel, error)),
            }
            if Instant::now() >= deadline {
                break;
            }
        }
        Err(last.unwrap_or_else(|| missing("there is no Sentinel to ask")))
    }

    fn ask(&self, sentinel: &Host) -> RedisResult<Host> {
        let mut connection = self.to_sentinels.connect(&Address::Host(sentinel.clone()))?;
        let mut question = redis::cmd("SENTINEL");
        question.arg("get-master-addr-by-name").arg(&self.service);
        let named: Option<(String, u16)> = question.query(&mut connection)?;
        let (name, port) = named.ok_or_else(|| missing("the Sentinel knows no such service"))?;
        Ok(Host { name, port })
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A login that is refused is not the one that stands before the hosts.
fn told(sentinel: &Host, error: RedisError) -> RedisError {
    let refused = error.kind() == ErrorKind::AuthenticationFailed
        || matches!(error.code(), Some("NOAUTH" | "WRONGPASS" | "NOPERM"));
    if !refused {
        return error;
    }
    let advice = "a Sentinel has a login of its own, sentinel_password and sentinel_username";
    (ErrorKind::AuthenticationFailed, advice, format!("{sentinel} says: {error}")).into()
}

fn missing(reason: &'static str) -> RedisError {
    io::Error::other(reason).into()
}
