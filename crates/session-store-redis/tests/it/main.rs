//! Tests of the Redis backend on real servers, which the tests start and stop.

mod changes;
mod conformance;
mod failover;
mod faults;
mod late;
mod limits;
mod load;
mod log;
mod open;
mod reshard;
mod sentinels;
mod tls;
