//! Faults of Redis servers: killed connections, servers that stall, and servers that crash.

use std::slice;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::Duration;

use session_store::Store;
use session_store::redis::RedisOptions;
use test_servers::{RedisCluster, RedisServer};

use crate::audit::{Survives, audit};
use crate::budget::Budget;
use crate::planted::{self, Flaw};
use crate::report::{Tally, Violation};
use crate::round::Round;
use crate::subject::Backend;
use crate::writer::{Rules, Writer};

const WRITERS: usize = 4;

/// The maximum number of calls of a writer in one round.
const CALLS: usize = 40;

/// The number of rounds on one prefix of keys.
const ROUNDS: usize = 5;

/// The time for which a store waits for a reply.
const TIMEOUT: Duration = Duration::from_millis(300);

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServerFault {
    Connections,
    Stall,
    Crash,
}

/// The servers of a run. A server syncs every change before it replies.
enum Servers {
    One(RedisServer),
    Cluster(RedisCluster),
}

impl Servers {
    fn start(backend: Backend) -> Self {
        match backend {
            Backend::Cluster => Self::Cluster(RedisCluster::start_durable()),
            _ => Self::One(RedisServer::start_durable(&[])),
        }
    }

    fn url(&self, prefix: usize) -> String {
        let url = match self {
            Self::One(server) => server.url(),
            Self::Cluster(cluster) => cluster.url(),
        };
        format!("{url}?prefix=torture{prefix}")
    }

    fn nodes(&mut self) -> &mut [RedisServer] {
        match self {
            Self::One(server) => slice::from_mut(server),
            Self::Cluster(cluster) => &mut cluster.masters,
        }
    }

    /// Causes one fault. Returns the number of killed connections, or 1 for any other fault.
    fn cause(&mut self, fault: ServerFault, number: usize) -> usize {
        let nodes = self.nodes();
        let index = number % nodes.len();
        match fault {
            ServerFault::Connections => return nodes.iter().map(kill_connections).sum(),
            ServerFault::Stall => {
                nodes[index].pause();
                thread::sleep(TIMEOUT * 2);
                nodes[index].resume();
                // The pause lets the waiting calls get their replies.
                thread::sleep(TIMEOUT / 2);
            }
            ServerFault::Crash => {
                nodes[index].kill();
                nodes[index].restart();
                if let Self::Cluster(cluster) = self {
                    cluster.wait_until_complete();
                }
                // Without a pause, a crash would end every call.
                thread::sleep(TIMEOUT);
            }
        }
        1
    }
}

/// Kills all connections except its own.
fn kill_connections(server: &RedisServer) -> usize {
    let mut kill = redis::cmd("CLIENT");
    kill.arg(&["KILL", "TYPE", "normal"]);
    kill.query(&mut server.connection()).expect("a server kills connections")
}

fn open(url: &str, flaw: Option<Flaw>) -> Result<Box<dyn Store>, Violation> {
    let opened = match flaw {
        Some(flaw) => planted::open(&planted::address(flaw, url.as_ref(), url)),
        None => None,
    };
    let opened = opened.unwrap_or_else(|| {
        let options = RedisOptions::new().create(true).response_timeout(TIMEOUT);
        Ok(Box::new(options.retry_for(Duration::from_secs(20)).open(url)?))
    });
    opened.map_err(|error| Violation::failed("open", &error))
}

/// Causes faults until the budget is used up.
pub(crate) fn run(
    backend: Backend,
    fault: ServerFault,
    flaw: Option<Flaw>,
    budget: &mut Budget,
) -> Result<Tally, Violation> {
    let mut servers = Servers::start(backend);
    let mut total = Tally::default();
    while budget.has_more(total.faults) {
        let number = budget.next_round();
        let url = servers.url(number);
        let mut round = Round::first(number, WRITERS, true);
        for _ in 0..ROUNDS {
            if !budget.has_more(total.faults) {
                break;
            }
            write_during(&mut servers, fault, &url, flaw, &round, budget)?;
            let tally = round.result()?;
            total.add(&tally);
            let contents = audit(&*open(&url, None)?, &round, Survives::All)?;
            round = round.next(contents);
        }
    }
    Ok(total)
}

/// Runs writers. Causes faults until each writer has made its calls.
fn write_during(
    servers: &mut Servers,
    fault: ServerFault,
    url: &str,
    flaw: Option<Flaw>,
    round: &Round,
    budget: &mut Budget,
) -> Result<(), Violation> {
    let rules =
        Rules { ends_when_unknown: false, can_be_refused: false, in_parts: false, syncs: false };
    let stores = [open(url, flaw)?, open(url, flaw)?];
    thread::scope(|scope| {
        for number in 0..WRITERS {
            let store = &*stores[number % stores.len()];
            let writer = Writer::new(store, round, number, rules, budget.random());
            scope.spawn(move || writer.run(CALLS));
        }
        let is_over = || round.progress.iter().all(|writer| writer.ended.load(SeqCst));
        for number in 0.. {
            let faults = servers.cause(fault, number);
            round.count(|tally| tally.faults += faults);
            if is_over() {
                break;
            }
            // The pause lets calls end between two faults.
            thread::sleep(Duration::from_millis(3));
        }
    });
    Ok(())
}
