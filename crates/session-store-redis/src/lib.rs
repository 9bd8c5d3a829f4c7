//! session-store in Redis: one server, a Sentinel group, or a Cluster.
//!
//! [`RedisStore`] keeps every clause of the contract but `durable_sync`, which no client of Redis can
//! promise: what a crash or a failover can lose is the servers' configuration, see the
//! [table](#what-can-be-lost). It needs Redis 7.0 or newer, or Valkey (tested: Redis 7.0 and 8.2, Valkey 9.1);
//! no modules.
//!
//! ```no_run
//! use session_store_core::{LogEntry, SegmentId, SessionId, Store};
//! use session_store_redis::RedisStore;
//!
//! let store = RedisStore::open_or_create("redis://localhost/0?prefix=team-a")?;
//! for warning in store.warnings() {
//!     eprintln!("{warning}");
//! }
//! let (session, segment) = (SessionId::new(), SegmentId::new());
//! store.append(session, segment, &LogEntry::from_json(r#"{"kind":"invoke"}"#)?)?;
//! assert_eq!(store.read_entry_count(session, segment)?, 1);
//! # Ok::<(), session_store_core::StoreError>(())
//! ```
//!
//! [`RedisUrl`] has the URLs. TLS (`rediss://`) needs the feature `tls`.
//!
//! # A change is done once
//!
//! The client library never sends anything again by itself; this crate does, and knows when it may. A
//! change carries the token of its writer and a sequence number, and the script that does it remembers both
//! beside the data, in the same step, for 15 minutes. A copy that arrives again, or late, is answered
//! from there. So a lost reply is no mystery: the same change is sent again until there is an answer.
//! [`Indeterminate`](session_store_core::StoreError::Indeterminate) means that none came within
//! [`RedisOptions::retry_for`]: the change was done once or not at all, and may still be done when a server
//! that stalls goes on.
//!
//! # The keys
//!
//! All begin with the prefix and have a hash tag, so that a script finds all it changes in one slot. There
//! are 256 tags for sessions, `{00}` to `{ff}`, by a checksum of the session's id.
//!
//! | key | type | holds |
//! |---|---|---|
//! | `P:{format}:version` | string | the version of the format |
//! | `P:{xx}:sessions` | sorted set | the bucket's sessions that have a segment |
//! | `P:{xx}:segments:SESSION` | sorted set | the session's segments |
//! | `P:{xx}:log:SESSION:SEGMENT` | hash | that the log exists, when it was created, its epoch, the stamp of its last change |
//! | `P:{xx}:entries:SESSION:SEGMENT` | list | the log's entries |
//! | `P:{xx}:trace:SESSION:SEGMENT` | list | the segment's trace |
//! | `P:{xx}:traces:SESSION` | sorted set | the segments that have a trace |
//! | `P:{xx}:holders:SEGMENT` | set | the sessions that may hold the segment, and all that do |
//! | `P:{xx}:writer:TOKEN` | string | what a writer did last; expires |
//! | `P:{xx}:staging:TOKEN` | list | entries of a batch that is too large for one call; expires |
//! | `P:{pods}:pods` | hash | the pods by name |
//!
//! A session is listed by the same step that makes its first segment, and leaves the list with its last one:
//! nothing acknowledged is unlisted, nothing listed is missing. Only `holders` is in another slot. A session
//! is put there before it first holds the segment and never taken out; a lookup asks each whether it still
//! holds it, and takes the one that came to hold it first. That is told by the servers' clocks only between
//! sessions that create the same segment id at the same moment on two nodes of a Cluster. Should a failover
//! lose an entry of `holders`, [`RedisStore::rebuild_lookups`] brings it back.
//!
//! # What it costs
//!
//! An append to a segment that exists is one round trip, the first one three. Counts and heads do not read
//! entries. Reads take about 1 MiB at a time, so that a long log does not keep the server from others; a
//! log that is cut or replaced between two parts is read again from the start. A batch over 4 MiB or 5,000
//! entries is sent in parts and joined to the log in one step, which on a log that has entries takes the
//! server about a second a million. Bytes go through Lua where a script decides about them, at about half the
//! speed of plain lists; a log that is read whole, and one that is created with more than 64 KiB, do not.
//! Listing all sessions asks for 256 sorted sets at once.
//!
//! # What can be lost
//!
//! An acknowledged change is in the memory of the server that has its slot. What happens to it then is
//! configured there, and [`RedisStore::warnings`] says what was found when the store was opened.
//!
//! | setting | the server is killed | power cut | failover to a replica |
//! |---|---|---|---|
//! | `appendonly yes`, `appendfsync always` | nothing | nothing | what the replica had not received |
//! | `appendonly yes`, `appendfsync everysec` | nothing | about the last second | what the replica had not received |
//! | `appendonly yes`, `appendfsync no` | nothing | about the last 30 seconds | what the replica had not received |
//! | `appendonly no` | all since the last snapshot | all since the last snapshot | what the replica had not received |
//! | `maxmemory-policy` not `noeviction` | | anything, when memory is short | |
//!
//! Replication is asynchronous, so a failover can lose the last acknowledged changes;
//! `min-replicas-to-write 1` bounds that to `min-replicas-max-lag` where a master is cut off. A loss is
//! never silent to a writer that uses `append_if`: a head names the last change, so a head from before the
//! loss is a conflict, even when the log has grown to the same length again (H1). A plain append compares
//! nothing. A master that hands over (`CLUSTER FAILOVER`) loses nothing.
//!
//! What was evicted, or deleted by other hands, is gone, but not unnoticed: a log that has lost the list of its
//! entries, or a list without its log, is an error with the word `APART`, and deleting the segment clears it
//! away. So is a log whose slot was on its way to another node when its own failed over, on Redis, which does
//! not tell replicas of such moves as Valkey does; there `redis-cli --cluster fix` brings both together again.
//!
//! # Limits
//!
//! An entry has 512 MiB at most, or what the servers' `proto-max-bulk-len` says; a log has 2^32 - 1 entries, and
//! fits in the memory of one node. A session is in one slot, so a Cluster spreads sessions, not the segments of
//! one. While a slot moves to another node, its keys are apart for a time; what needs several of them waits,
//! and so does what takes keys away: to replace, to cut, to delete. A prefix holds no braces. The login must be
//! allowed scripts and the commands in them, `INFO`, and on a Cluster `CLUSTER SLOTS`; `CONFIG GET`, `RPUSHX`
//! and, behind Sentinels, `ROLE` are used where they are allowed.
//!
//! # Measured
//!
//! On a 2-core virtual machine, by `cargo test -p session-store-redis faults` and the number in the
//! environment variable: 8 writers on 4 segments through one handle, servers with `appendfsync always`.
//!
//! | fault | one server | Cluster of three |
//! |---|---|---|
//! | `KILLS=5000` connections killed (`CLIENT KILL TYPE normal`) | 5,649 acknowledged | 4,495 acknowledged |
//! | `STALLS=50` of a node (`SIGSTOP`), longer than the response timeout | 16,024 acknowledged | 37,806 acknowledged |
//! | `CRASHES=30` of a node (`SIGKILL`), and restarts | 5,106 acknowledged | 75,492 acknowledged |
//! | `RESHARD_SECONDS=30` of moving the slots in use (test `reshard`, in memory) | | 92,450 acknowledged, 292 moves |
//! | `HANDOVERS=20` to a replica (`CLUSTER FAILOVER`; test `failover`), while 180 slots moved | | 59,743 acknowledged |
//!
//! In all of them: 0 lost, 0 twice, each writer's order kept, 0 answers `Indeterminate`. With `TAKEOVERS=12` by
//! replicas, after a `SIGKILL` or a stall of their masters (test `failover`, 4 writers by `append_if`): each
//! loss was told by a conflict, and no log had a gap or anything twice.

mod answer;
mod client;
mod cluster;
mod connect;
mod delivery;
mod inspect;
mod keys;
mod listing;
mod lookup;
mod options;
mod pod;
mod pool;
mod read;
mod script;
mod sentinel;
mod store;
mod topology;
mod url;
mod verdict;
mod write;
mod writer;

pub use options::RedisOptions;
pub use store::RedisStore;
pub use url::{RedisUrl, RedisUrlError};
