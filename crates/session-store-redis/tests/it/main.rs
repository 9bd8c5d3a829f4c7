//! Tests of the Redis backend on real servers, which the tests start and stop.

mod changes;
mod conformance;
mod failover;
mod full;
mod info;
mod late;
mod limits;
mod load;
mod log;
mod maintenance;
mod older;
mod open;
mod permissions;
mod push;
mod quarantine;
mod replica;
mod reshard;
mod sentinels;
mod shared;
mod timeouts;
mod tls;
