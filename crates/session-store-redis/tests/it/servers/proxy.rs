//! A network between a store and its server that loses replies, and keeps what was sent.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::{Server, wait_for};

pub(crate) struct Proxy {
    pub(crate) port: u16,
    server: u16,
    wire: Arc<Wire>,
}

#[derive(Default)]
struct Wire {
    loses_reply: AtomicBool,
    sent: Mutex<Vec<u8>>,
}

impl Proxy {
    /// It ends with the process.
    pub(crate) fn before(server: &Server) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let (port, server) = (listener.local_addr().unwrap().port(), server.port);
        let wire = Arc::<Wire>::default();
        let shared = Arc::clone(&wire);
        thread::spawn(move || {
            for client in listener.incoming() {
                let server = TcpStream::connect(("127.0.0.1", server)).unwrap();
                connect(client.unwrap(), server, &shared);
            }
        });
        Self { port, server, wire }
    }

    /// The next reply is lost, and its connection with it. What was sent before is forgotten.
    pub(crate) fn lose_a_reply(&self) {
        self.wire.sent.lock().unwrap().clear();
        self.wire.loses_reply.store(true, Ordering::SeqCst);
    }

    pub(crate) fn has_lost_it(&self) -> bool {
        !self.wire.loses_reply.load(Ordering::SeqCst)
    }

    /// Sends the server once more all that it was sent since, and waits until it is done.
    pub(crate) fn send_again(&self) {
        let mut connection = TcpStream::connect(("127.0.0.1", self.server)).unwrap();
        connection.write_all(&self.wire.sent.lock().unwrap()).unwrap();
        connection.write_all(b"*2\r\n$4\r\nECHO\r\n$7\r\nthe end\r\n").unwrap();
        connection.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let (mut replies, mut part) = (Vec::new(), [0; 4096]);
        wait_for("the last reply", || {
            let length = connection.read(&mut part).unwrap();
            replies.extend_from_slice(&part[..length]);
            replies.ends_with(b"the end\r\n")
        });
    }
}

fn connect(client: TcpStream, server: TcpStream, wire: &Arc<Wire>) {
    let (mut requests, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let kept = Arc::clone(wire);
    thread::spawn(move || {
        copy(&mut requests, &mut to_server, |part| {
            kept.sent.lock().unwrap().extend_from_slice(part);
            true
        });
    });
    let (mut replies, mut to_client, wire) = (server, client, Arc::clone(wire));
    thread::spawn(move || {
        copy(&mut replies, &mut to_client, |_| !wire.loses_reply.swap(false, Ordering::SeqCst));
    });
}

/// Passes bytes on until either side closes or `passes` says no, and closes both.
fn copy(from: &mut TcpStream, to: &mut TcpStream, passes: impl Fn(&[u8]) -> bool) {
    let mut part = [0; 65_536];
    while let Ok(length @ 1..) = from.read(&mut part) {
        if !passes(&part[..length]) || to.write_all(&part[..length]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
