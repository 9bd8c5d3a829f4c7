//! Redis servers: alone, with TLS, watched by Sentinels, and as a Cluster.

pub(crate) mod cluster;
pub(crate) mod proxy;
pub(crate) mod sentinel;
pub(crate) mod server;
pub(crate) mod tls;
