//! Free ports on the loopback interface.

use std::net::TcpListener;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

/// Returns a port of 127.0.0.1 on which no process listens.
///
/// The port whose number is higher by 10,000 is free too, because a node of a Redis Cluster uses
/// this second port for connections to other nodes.
#[must_use]
pub fn free_port() -> u16 {
    // The ports from 10,000 to 19,999 are below the ports that the kernel assigns to outgoing
    // connections. Each test process starts its search at another port. A server binds its port
    // only some moments after the search. In this time, another test process could otherwise find
    // the same port.
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let first = process::id().wrapping_mul(61);
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    loop {
        let offset = first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
        let port = 10_000 + offset as u16;
        if is_free(port) && is_free(port + 10_000) {
            return port;
        }
    }
}
