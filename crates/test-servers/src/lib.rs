//! Real servers for the tests of this workspace, and a disk with simulated power cuts. The crate is
//! not published.
//!
//! Every server is a child process with a temporary folder and a free port on 127.0.0.1. The
//! constructor of the server's type returns when the server answers. Dropping the value ends the
//! process and deletes the folder. The process also ends when a test panics and when the process of
//! the test is killed. If the server is in a `static`, its process ends when the test process
//! exits.
//!
//! | type | servers |
//! |---|---|
//! | [`RedisServer`] | one Redis server, in memory or durable |
//! | [`TlsRedisServer`] | one Redis server that accepts TLS connections |
//! | [`SentinelGroup`] | a master, a replica and three Sentinels |
//! | [`RedisCluster`] | three masters, each with or without a replica |
//! | [`PostgresServer`] | one PostgreSQL server: fast, durable or with TLS |
//! | [`ReplicatedPostgres`] | a PostgreSQL server and its standby |
//! | [`PgBouncer`] | a pooler in front of a PostgreSQL server |
//! | [`LossyProxy`] | a proxy that loses replies of a server |
//!
//! [`Place`] returns the URL of a new store of any backend. [`Ballast`] fills a disk.
//!
//! ```no_run
//! use test_servers::RedisServer;
//!
//! let server = RedisServer::start_in_memory(&[]);
//! println!("{}", server.url()); // redis://127.0.0.1:PORT
//! ```
//!
//! The functions panic instead of returning errors, because only tests call them. The Redis servers
//! need `redis-server` (or `valkey-server`) 7 or newer, and TLS needs `openssl`. The PostgreSQL
//! servers need the packages `postgresql` and `pgbouncer`. [`power_cut`] needs root, loop devices,
//! `python3`, and `mkfs.ext4` or `mkfs.xfs`.

pub mod power_cut;

mod ballast;
mod certificate;
mod exclusive_handle;
mod fast_folder;
mod place;
mod port;
mod postgres;
mod process;
mod proxy;
mod redis;

pub use ballast::Ballast;
pub use exclusive_handle::ExclusiveHandle;
pub use fast_folder::fast_folder;
pub use place::{Backend, Place};
pub use port::free_port;
pub use postgres::{PgBouncer, PostgresServer, ReplicatedPostgres};
pub use proxy::{LossyProxy, replies_to};
pub use redis::cluster::RedisCluster;
pub use redis::sentinel::SentinelGroup;
pub use redis::server::RedisServer;
pub use redis::tls::TlsRedisServer;
