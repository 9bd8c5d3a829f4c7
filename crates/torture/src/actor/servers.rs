//! Faults of Redis and PostgreSQL servers: killed connections, servers that stall, and servers that
//! crash.

use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::{Duration, Instant};

use session_store::Store;
use session_store::postgres::PostgresOptions;
use session_store::redis::RedisOptions;
use test_servers::{PostgresServer, RedisCluster, RedisServer};

use crate::audit::{Survives, audit};
use crate::budget::Budget;
use crate::planted::{self, Flaw};
use crate::report::{Tally, Violation};
use crate::round::{Progress, Round};
use crate::subject::Backend;
use crate::writer::{Rules, Writer};

const WRITERS: usize = 8;

/// The maximum number of calls of a writer in one round.
const CALLS: usize = 40;

/// The number of rounds on one prefix of keys or one schema.
const ROUNDS: usize = 5;

/// The time for which a store waits for a reply.
const TIMEOUT: Duration = Duration::from_millis(300);

/// The longest time between two faults.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

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
    Postgres(PostgresServer),
}

/// A server process in which faults can be caused.
trait Node {
    fn kill_connections(&self) -> usize;
    fn pause(&self);
    fn resume(&self);
    fn crash(&mut self);
}

impl Node for RedisServer {
    /// Kills all connections except the connection that sends the command. Returns the number of
    /// killed connections.
    fn kill_connections(&self) -> usize {
        let mut kill = redis::cmd("CLIENT");
        kill.arg(&["KILL", "TYPE", "normal"]);
        kill.query(&mut self.connection()).expect("a server kills connections")
    }

    fn pause(&self) {
        Self::pause(self);
    }

    fn resume(&self) {
        Self::resume(self);
    }

    fn crash(&mut self) {
        self.kill();
        self.restart();
    }
}

impl Node for PostgresServer {
    fn kill_connections(&self) -> usize {
        self.end_connections()
    }

    fn pause(&self) {
        Self::pause(self);
    }

    fn resume(&self) {
        Self::resume(self);
    }

    fn crash(&mut self) {
        self.kill();
        self.restart();
    }
}

impl Servers {
    fn start(backend: Backend) -> Self {
        match backend {
            Backend::Cluster => Self::Cluster(RedisCluster::start_durable()),
            Backend::Postgres => Self::Postgres(PostgresServer::start_durable(&[])),
            _ => Self::One(RedisServer::start_durable(&[])),
        }
    }

    /// Returns the URL of a storage. Each number has a storage of its own.
    fn url(&self, number: usize) -> String {
        let (url, option) = match self {
            Self::One(server) => (server.url(), "prefix"),
            Self::Cluster(cluster) => (cluster.url(), "prefix"),
            Self::Postgres(server) => (server.url(), "schema"),
        };
        format!("{url}?{option}=torture{number}")
    }

    fn nodes(&mut self) -> Vec<&mut dyn Node> {
        match self {
            Self::One(server) => vec![server],
            Self::Cluster(cluster) => {
                cluster.masters.iter_mut().map(|node| node as &mut dyn Node).collect()
            }
            Self::Postgres(server) => vec![server],
        }
    }

    /// Causes one fault. Returns the number of killed connections, or 1 for any other fault.
    fn cause(&mut self, fault: ServerFault, number: usize) -> usize {
        let mut nodes = self.nodes();
        let index = number % nodes.len();
        match fault {
            ServerFault::Connections => {
                return nodes.iter().map(|node| node.kill_connections()).sum();
            }
            ServerFault::Stall => {
                nodes[index].pause();
                thread::sleep(TIMEOUT * 2);
                nodes[index].resume();
                // The calls that wait for a reply get the reply in this pause.
                thread::sleep(TIMEOUT / 2);
            }
            ServerFault::Crash => {
                nodes[index].crash();
                if let Self::Cluster(cluster) = self {
                    cluster.wait_until_complete();
                }
                // Without this pause, the next crash could come before a call can succeed.
                thread::sleep(TIMEOUT);
            }
        }
        1
    }
}

fn open(url: &str, flaw: Option<Flaw>) -> Result<Box<dyn Store>, Violation> {
    let opened = match flaw {
        Some(flaw) => planted::open(&planted::address(flaw, url.as_ref(), url)),
        None => None,
    };
    let retry = Duration::from_secs(20);
    let opened = opened.unwrap_or_else(|| {
        if url.starts_with("postgres:") {
            let options = PostgresOptions::new().create(true).response_timeout(TIMEOUT);
            return Ok(Box::new(options.retry_for(retry).open(url)?));
        }
        let options = RedisOptions::new().create(true).response_timeout(TIMEOUT);
        Ok(Box::new(options.retry_for(retry).wait_for_server(retry).open(url)?))
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

/// Runs the writers of a round. Causes faults until each writer has made all its calls.
fn write_during(
    servers: &mut Servers,
    fault: ServerFault,
    url: &str,
    flaw: Option<Flaw>,
    round: &Round,
    budget: &mut Budget,
) -> Result<(), Violation> {
    let rules = Rules {
        ends_when_unknown: false,
        can_be_refused: false,
        in_parts: false,
        syncs: false,
        has_large_logs: false,
        only_reads: false,
    };
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
            wait_for_calls(round);
        }
    });
    Ok(())
}

/// Waits until each writer has begun another call or has ended, but at most for [`LONGEST_PAUSE`].
///
/// A writer that has to open a connection can be slower than the other writers. Without this wait,
/// each new connection of this writer could be killed before its first call succeeds. The call
/// would then fail at the end of its retry time.
fn wait_for_calls(round: &Round) {
    let calls = round.progress.iter().map(|writer| writer.calls.load(SeqCst));
    let (before, deadline) = (calls.collect::<Vec<_>>(), Instant::now() + LONGEST_PAUSE);
    let has_begun = |(writer, before): (&Progress, &usize)| {
        writer.ended.load(SeqCst) || writer.calls.load(SeqCst) > *before
    };
    while !round.progress.iter().zip(&before).all(has_begun) && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(3));
    }
}
