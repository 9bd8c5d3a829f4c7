//! Redis servers: a single server, a server with TLS, a group with Sentinels, and a Cluster.

pub(crate) mod cluster;
pub(crate) mod sentinel;
pub(crate) mod server;
pub(crate) mod tls;
