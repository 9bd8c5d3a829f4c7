//! A store in Redis: one server, a Sentinel group, or a Cluster.
//!
//! [`RedisStore`] implements every clause of the [contract](session_store_core::contract) except
//! the clauses of `durable_sync`. A client of Redis cannot guarantee durability. The configuration
//! of the servers determines which changes a crash or a failover can lose
//! ([table](#what-can-be-lost)). The servers must be Redis 7.0 or newer, or Valkey (tested: Redis
//! 7.0 and 8.2, Valkey 9.1), without modules.
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
//! [`RedisUrl`] documents the URLs. TLS (`rediss://`) needs the feature `tls`.
//!
//! # A change is done once
//!
//! The client library never resends a command. This crate resends a command if executing it twice
//! is harmless.
//!
//! A handle makes its changes through *writers*. A writer has a random token, numbers its changes,
//! and makes one change at a time. Every change contains the token of its writer and the number of
//! the change. The script that executes the change records the number and the reply under the
//! token, in the same atomic step, for 15 minutes. If another copy of the change arrives, the
//! script returns the recorded reply and changes nothing. So if the reply to a change is lost, the
//! change is sent again until there is a reply.
//!
//! [`Indeterminate`](session_store_core::StoreError::Indeterminate) means that no reply came within
//! [`RedisOptions::retry_for`]. The change was made once or not at all. A stalled server may still
//! make the change later, when it continues.
//!
//! # The keys
//!
//! A Cluster divides all keys into 16,384 slots, and a script can use the keys of one slot only.
//! Redis computes the slot of a key from its *hash tag*, the part of the key in braces. All keys
//! of this crate begin with the prefix and a hash tag. Sessions have 256 tags, `{00}` to `{ff}`,
//! selected by a checksum of the session id. The sessions with the same tag form a *bucket*.
//!
//! | key | type | contents |
//! |---|---|---|
//! | `P:{format}:version` | string | the format version |
//! | `P:{xx}:sessions` | sorted set | the sessions of the bucket that have a segment |
//! | `P:{xx}:segments:SESSION` | sorted set | the segments of the session |
//! | `P:{xx}:log:SESSION:SEGMENT` | hash | the metadata of the log, see below |
//! | `P:{xx}:entries:SESSION:SEGMENT` | list | the entries of the log |
//! | `P:{xx}:trace:SESSION:SEGMENT` | list | the trace of the segment |
//! | `P:{xx}:traces:SESSION` | sorted set | the segments of the session that have a trace |
//! | `P:{xx}:quarantine:SESSION:SEGMENT` | list | the texts that a repair moved out of the log and the trace |
//! | `P:{xx}:holders:SEGMENT` | set | the sessions that may hold the segment; all sessions that hold it are in the set |
//! | `P:{xx}:writer:TOKEN` | string | the last change of a writer; expires |
//! | `P:{xx}:staging:TOKEN` | list | the entries of a batch that is too large for one call; expires |
//! | `P:{xx}:pending:SESSION:SEGMENT:STAMP` | list | the entries of the log, within the transaction of a large append; other clients never see it |
//! | `P:{pods}:pods` | hash | the pods by name |
//!
//! The fields of `log` are:
//!
//! | field | contents |
//! |---|---|
//! | `created` | the time of the segment's creation in this session, in microseconds |
//! | `stamp` | a random mark of the last change |
//! | `epoch` | the stamp of the last change that cut or replaced entries, followed by `+` if that change left entries in the log |
//! | `info` | a stamp, the size of the log in bytes, and the time of its last change in microseconds |
//!
//! Older versions do not write `info`, and may use the same storage at the same time. So `info` is
//! valid only if it contains the stamp of the last change. Otherwise the size and the time are
//! unknown. The next change sets the time. Replacing the log, or truncating it to few entries, sets
//! the size. To compute the size, a truncate reads the deleted entries or the kept entries. If both
//! are more than 256 entries or 1 MB, the size becomes unknown.
//!
//! One atomic step creates the first segment of a session and adds the session to `sessions`.
//! Another step deletes the last segment and removes the session. Listings are therefore complete
//! and exact, as long as no key is deleted from outside.
//!
//! Only `holders` is in another slot than the segment. A session is added to this set before the
//! session first holds the segment, and is never removed. A lookup queries each session of the set,
//! and returns the session that has held the segment for the longest time. The clocks of the
//! servers matter only if two sessions create the same segment id at the same moment on two nodes
//! of a Cluster. A failover can lose a member of `holders`.
//!
//! `sessions`, `segments`, `traces` and `holders` are indexes: they can be computed from the other
//! keys. [`Maintenance`](session_store_core::Maintenance) scans all keys on every master, compares
//! them with the indexes in both directions, and writes lost parts of an index again. If a server
//! is replaced or a slot moves during the scan, the scan may miss keys. The call then reports its
//! findings and fails.
//!
//! A repair also reads all logs and traces, and moves each item that is not an entry to
//! `quarantine` ([M8](session_store_core::contract#m8)). An item of this list is `log` or `trace`,
//! the position of the text (counted from 1) and the text, separated by spaces. Deleting the
//! segment deletes the list, but older versions of this crate leave the list behind.
//!
//! # Costs
//!
//! - An append to an existing segment takes one round trip. The first append takes three.
//! - Counts and heads do not read entries.
//! - A read takes about 1 MiB at a time, so that a long log does not block the server. If the log
//!   is truncated or replaced between two parts, the read starts again.
//! - A batch over 4 MiB or 5,000 entries is sent in parts, and one step adds them to the log. If
//!   the log already has entries, that step takes the server about one second per million entries.
//! - Scripts pass entries through Lua, which takes two to six times as long as a plain list
//!   command. So plain list commands read whole logs, and add the entries of a new log of more than
//!   64 KiB. They also add the entries of an append of at least 16 KiB, in a transaction with a
//!   script. A read of a page uses them if the handle has read the log before and the log had at
//!   most 16 MiB then. The limit is necessary because a plain list command cannot limit its reply
//!   by bytes. The reply then has at most as many bytes as the log.
//! - Listing all sessions takes two round trips to each server. The first round trip reads 256
//!   sorted sets, and the second one counts the lists of segments (measured with 100,000 sessions:
//!   0.05 s and 0.1 s).
//! - A check examines every key of the servers, also the keys of other programs. The check holds
//!   one page of keys in memory (measured with 100,000 segments on a busy machine: 5 to 8 s, 32
//!   MiB).
//! - A repair reads all entries, in parts as any other read. A step that moves 1,000 texts out of a
//!   log of a million entries takes the server about 150 ms.
//!
//! # What can be lost
//!
//! An acknowledged change is in the memory of the server that owns its slot. The configuration of
//! that server determines what happens to it next. [`RedisStore::warnings`] reports the settings
//! that can lose changes.
//!
//! | setting | the server is killed | power cut | failover to a replica |
//! |---|---|---|---|
//! | `appendonly yes`, `appendfsync always` | nothing | nothing | what the replica had not received |
//! | `appendonly yes`, `appendfsync everysec` | nothing | about the last second | what the replica had not received |
//! | `appendonly yes`, `appendfsync no` | nothing | about the last 30 seconds | what the replica had not received |
//! | `appendonly no` | all since the last snapshot | all since the last snapshot | what the replica had not received |
//! | `maxmemory-policy` not `noeviction` | any key when memory is short, even without a fault | as in the first column | as in the first column |
//!
//! Replication is asynchronous, so a failover can lose the last acknowledged changes. With the
//! setting `min-replicas-to-write 1`, a master that is cut off from its replicas accepts no more
//! changes after `min-replicas-max-lag` seconds. So at most the changes of this time are lost. If a
//! master hands its slots over to a replica on command (`CLUSTER FAILOVER`), no change is lost.
//!
//! A program that uses `append_if` always notices a loss. A head contains the stamp of the last
//! change. So a head of a lost change is a conflict, even if the log has grown to the same length
//! again ([H1](session_store_core::contract#h1)). A plain append does not compare heads, so a
//! program that uses only plain appends does not notice the loss.
//!
//! A log has two keys, `log` and `entries`. If one of them is lost, a call for the segment fails
//! with an error that has the code `APART`. The cause is an eviction, or another program that
//! deleted the key. On Redis there is a third cause: a node fails over while one of its slots moves
//! to another node. Valkey reports the move to the replica of the node, but Redis does not. The two
//! keys can then remain on two nodes. `redis-cli --cluster fix` brings both keys to one node again.
//! Deleting the segment also removes the error.
//!
//! A lost index hides logs from the listings or from lookups, but not from calls that name the
//! segment. A check reports such a log. A repair lists it again, and so does the next append to the
//! segment. A session whose list of segments is lost is not listed. Deleting a session deletes
//! only the segments that are listed, so repair the store before you delete a session.
//!
//! # Limits
//!
//! - An entry has at most 512 MiB, or the servers' `proto-max-bulk-len`.
//! - A server that is out of memory (`maxmemory`, with the policy `noeviction`) refuses changes
//!   with an I/O error of the kind `StorageFull`. Truncates, deletions and reads work. The server
//!   refuses every transaction, so a script executes the commands of a transaction that reads.
//!   `list_infos` then takes two round trips for each segment.
//! - A log has at most 2^32 - 1 entries, and must fit in the memory of one node.
//! - A session is in one slot. A Cluster spreads sessions over its nodes, but not the segments of
//!   one session.
//! - While a slot moves to another node, its keys are on both nodes. Until the move is over, two
//!   kinds of calls wait: calls that need several keys, and calls that delete keys (replace,
//!   truncate, delete).
//! - A prefix cannot contain braces.
//!
//! # Permissions
//!
//! A login needs these permissions and no others. The prefix is `session-store` here:
//!
//! ```text
//! ACL SETUSER NAME on >PASSWORD ~session-store:* +eval +evalsha +exec +exists +get +hdel +hget +hkeys +hmget +hset +info +llen +lpop +lrange +lrem +lset +ltrim +multi +persist +pexpire +rename +rpush +sadd +scan +set +sismember +smembers +time +unlink +zadd +zrange +zrem +zscore
//! ```
//!
//! A login that only reads needs fewer permissions:
//!
//! ```text
//! ACL SETUSER READER on >PASSWORD ~session-store:* +exec +exists +get +hget +hkeys +hmget +info +llen +lrange +multi +smembers +zrange
//! ```
//!
//! From a server that is out of memory, this login can read neither heads nor logs. To read them,
//! it also needs `+eval +evalsha`.
//!
//! Redis does not roll back a script. So if the login lacks a command of a script, a change can
//! fail after a part of it was done.
//!
//! A URL with another database than 0 also needs `+select`, and a Cluster needs `+cluster|slots
//! +asking`.
//!
//! These permissions are optional:
//! - `+config|get`, to report unsafe settings of the server and its limit for the size of an entry,
//! - `+rpushx`, to make large appends and to create large logs faster,
//! - `+role`, to recognize behind Sentinels a former master that has become a replica.
//!
//! # Measured
//!
//! The measurements are from a 2-core virtual machine, with servers that have `appendfsync always`.
//! 8 writers append to 4 segments through one handle. The last two rows are from the test that the
//! row names, with the number in the environment variable. The other rows are from an earlier test.
//! `cargo xtask torture redis` and `cargo xtask torture cluster` have replaced that test, and cause
//! the same faults.
//!
//! | fault | one server | Cluster of three |
//! |---|---|---|
//! | `KILLS=5000` connections killed (`CLIENT KILL TYPE normal`) | 5,649 acknowledged | 4,495 acknowledged |
//! | `STALLS=50` of a node (`SIGSTOP`), longer than the response timeout | 16,024 acknowledged | 37,806 acknowledged |
//! | `CRASHES=30` of a node (`SIGKILL`), and restarts | 5,106 acknowledged | 75,492 acknowledged |
//! | `RESHARD_SECONDS=30` of moving the slots in use (test `reshard`, in memory) | | 92,450 acknowledged, 292 moves |
//! | `HANDOVERS=20` to a replica (`CLUSTER FAILOVER`; test `failover`), while 180 slots moved | | 59,743 acknowledged |
//!
//! In all these runs no entry was lost or stored twice, the entries of each writer kept their
//! order, and no call returned `Indeterminate`.
//!
//! A failover to a replica can lose entries. `FAILOVERS=12` causes such failovers by a `SIGKILL` or
//! a stall of the master (test `failover`, 4 writers that use `append_if`). A conflict reported
//! every loss, and no log had a gap or a duplicate.

mod batch;
mod client;
mod delivery;
mod disposition;
mod error;
mod index;
mod info;
mod inspect;
mod keys;
mod listing;
mod lookup;
mod maintenance;
mod metadata;
mod options;
mod pod;
mod push;
mod quarantine;
mod read;
mod remove;
mod reply;
mod scan;
mod script;
mod sizes;
mod staging;
mod store;
mod topology;
mod url;
mod write;
mod writer;

pub use options::RedisOptions;
pub use store::RedisStore;
pub use url::{RedisUrl, RedisUrlError};
