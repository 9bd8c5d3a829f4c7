//! Sentinels: whom they name as the master.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use redis::{RedisError, RedisResult};

use crate::connect::{Address, Connector};
use crate::pool::Node;
use crate::url::{Host, Login};

/// A master behind Sentinels, by the name of its service.
pub(crate) struct Sentinel {
    sentinels: Vec<Host>,
    service: String,
    connector: Connector,
    most: usize,
    known: Mutex<Known>,
}

/// The last master that was named, and whether that may be old.
#[derive(Default)]
struct Known {
    master: Option<Arc<Node>>,
    doubted: bool,
}

impl Sentinel {
    pub(crate) fn new(
        sentinels: Vec<Host>,
        service: String,
        connector: Connector,
        most: usize,
    ) -> Self {
        let connector = Connector { masters_only: true, ..connector };
        Self { sentinels, service, connector, most, known: Mutex::default() }
    }

    pub(crate) fn master(&self, deadline: Instant) -> RedisResult<Arc<Node>> {
        let mut known = self.lock();
        if let Known { master: Some(master), doubted: false } = &*known {
            return Ok(Arc::clone(master));
        }
        let address = Address::Host(self.named(deadline)?);
        known.doubted = false;
        // A master that is named again keeps its connections.
        let same = known.master.take().filter(|master| master.address == address);
        let fresh = || Arc::new(Node::new(address, self.connector.clone(), self.most));
        let master = same.unwrap_or_else(fresh);
        known.master = Some(Arc::clone(&master));
        Ok(master)
    }

    pub(crate) fn doubt(&self) {
        self.lock().doubted = true;
    }

    /// The answer of the first Sentinel that has one. The user and the password are the master's.
    fn named(&self, deadline: Instant) -> RedisResult<Host> {
        let connector = Connector {
            login: Login::default(),
            database: 0,
            masters_only: false,
            ..self.connector.clone()
        };
        let mut last = None;
        for sentinel in &self.sentinels {
            match ask(&connector, sentinel, &self.service) {
                Ok(host) => return Ok(host),
                Err(error) => last = Some(error),
            }
            if Instant::now() >= deadline {
                break;
            }
        }
        Err(last.unwrap_or_else(|| missing("there is no Sentinel to ask")))
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ask(connector: &Connector, sentinel: &Host, service: &str) -> RedisResult<Host> {
    let mut connection = connector.connect(&Address::Host(sentinel.clone()))?;
    let mut question = redis::cmd("SENTINEL");
    question.arg("get-master-addr-by-name").arg(service);
    let named: Option<(String, u16)> = question.query(&mut connection)?;
    let (name, port) = named.ok_or_else(|| missing("the Sentinel knows no such service"))?;
    Ok(Host { name, port })
}

fn missing(reason: &'static str) -> RedisError {
    io::Error::other(reason).into()
}
