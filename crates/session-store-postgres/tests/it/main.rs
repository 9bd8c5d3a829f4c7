//! Tests of the PostgreSQL backend on real servers, which the tests start and stop.

mod asynchronous;
mod conformance;
mod durability;
mod failover;
mod late;
mod maintenance;
mod open;
mod permissions;
mod pooler;
mod shared;
mod tls;
