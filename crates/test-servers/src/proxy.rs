//! A proxy that loses replies of a server, and can send requests to a Redis server a second time.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use test_deadlines::wait_until;

/// A TCP proxy in front of a server. The proxy runs until the test process ends.
#[derive(Debug)]
pub struct LossyProxy {
    port: u16,
    server_port: u16,
    traffic: Arc<Traffic>,
}

/// The state that the connections of a proxy share.
#[derive(Debug)]
struct Traffic {
    /// The number of replies that are still forwarded before a reply is lost. Negative if no reply
    /// must be lost.
    replies_until_loss: AtomicI64,
    requests: Mutex<Vec<u8>>,
}

impl LossyProxy {
    /// Starts a proxy that forwards everything until [`lose_next_reply`](Self::lose_next_reply).
    #[must_use]
    pub fn start(server_port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (replies_until_loss, requests) = (AtomicI64::new(-1), Mutex::default());
        let traffic = Arc::new(Traffic { replies_until_loss, requests });
        let shared = Arc::clone(&traffic);
        thread::spawn(move || {
            for client in listener.incoming() {
                let server = TcpStream::connect(("127.0.0.1", server_port)).unwrap();
                forward(client.unwrap(), server, &shared);
            }
        });
        Self { port, server_port, traffic }
    }

    /// The port of the proxy. Clients reach the server through this port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Drops the next reply and closes the connection of this reply. Also clears the recorded
    /// requests.
    pub fn lose_next_reply(&self) {
        self.lose_reply(0);
    }

    /// Forwards this number of replies, and then loses a reply as
    /// [`lose_next_reply`](Self::lose_next_reply) does. All bytes that one read from the server
    /// returns count as one reply.
    pub fn lose_reply(&self, forwarded: usize) {
        self.traffic.requests.lock().unwrap().clear();
        self.traffic.replies_until_loss.store(forwarded as i64, Ordering::SeqCst);
    }

    /// Whether a reply was lost since the last call of [`lose_next_reply`](Self::lose_next_reply).
    /// There must have been such a call.
    #[must_use]
    pub fn has_lost_reply(&self) -> bool {
        self.traffic.replies_until_loss.load(Ordering::SeqCst) < 0
    }

    /// Sends all requests since [`lose_next_reply`](Self::lose_next_reply) to a Redis server a
    /// second time, as if the network had delayed a copy of these requests. Returns when the server
    /// has executed these requests.
    pub fn resend_requests(&self) {
        let _ = replies_to(self.server_port, &self.traffic.requests.lock().unwrap());
    }
}

/// Sends requests to the Redis server at `port`. Returns the bytes of all replies when the server
/// has executed the requests.
///
/// # Panics
/// If the server cannot be reached, or does not reply in time.
#[must_use]
pub fn replies_to(port: u16, requests: &[u8]) -> Vec<u8> {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    connection.write_all(requests).unwrap();
    // The reply to `ECHO` comes after the replies to all requests.
    connection.write_all(b"*2\r\n$4\r\nECHO\r\n$7\r\nthe end\r\n").unwrap();
    let (mut replies, mut buffer) = (Vec::new(), [0; 4096]);
    wait_until("the last reply", || {
        let length = connection.read(&mut buffer).unwrap();
        replies.extend_from_slice(&buffer[..length]);
        replies.ends_with(b"the end\r\n")
    });
    replies
}

/// Starts the two threads that copy one connection, a thread for each direction.
fn forward(client: TcpStream, server: TcpStream, traffic: &Arc<Traffic>) {
    let (mut from_client, mut to_server) =
        (client.try_clone().unwrap(), server.try_clone().unwrap());
    let shared = Arc::clone(traffic);
    thread::spawn(move || {
        copy(&mut from_client, &mut to_server, |bytes| {
            shared.requests.lock().unwrap().extend_from_slice(bytes);
            true
        });
    });
    let (mut from_server, mut to_client, shared) = (server, client, Arc::clone(traffic));
    thread::spawn(move || {
        copy(&mut from_server, &mut to_client, |_| {
            shared.replies_until_loss.fetch_sub(1, Ordering::SeqCst) != 0
        });
    });
}

/// Copies bytes until a connection closes or `accepts` returns false, and then closes both
/// connections.
fn copy(from: &mut TcpStream, to: &mut TcpStream, accepts: impl Fn(&[u8]) -> bool) {
    let mut buffer = [0; 65_536];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if !accepts(&buffer[..length]) || to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
