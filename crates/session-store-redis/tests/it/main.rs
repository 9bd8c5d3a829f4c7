//! Tests of the Redis backend on real servers, which they start themselves and stop again.

mod conformance;
mod failover;
mod faults;
mod late;
mod load;
mod log;
mod open;
mod reshard;
mod servers;
mod tls;
