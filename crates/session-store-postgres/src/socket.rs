//! `Socket`: a socket that the calling thread reads and writes. `Socket` implements the traits of
//! an asynchronous stream, because the client library requires these traits.
//!
//! A call on the store needs no other thread and no runtime. So the call also works inside any
//! asynchronous runtime. An append takes two system calls: one write and one read.

use std::io::{self, ErrorKind, Read as _};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake};
use std::time::Duration;

use rustix::net::SendFlags;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A handle on a socket. The client library has a clone of this handle.
#[derive(Clone)]
pub(crate) struct Socket(Arc<Shared>);

/// The socket, and the state of the thread that polls the connection. This type is also the waker
/// that `drive` passes to `poll`. A call of the waker records that the next poll can make progress
/// without new data from the socket.
pub(crate) struct Shared {
    socket: socket2::Socket,
    is_woken: AtomicBool,
    /// Whether the next read of the socket waits for the server. If not, the read returns `Pending`
    /// at once.
    may_wait: AtomicBool,
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.is_woken.store(true, Ordering::Relaxed);
    }
}

impl Socket {
    pub(crate) fn new(socket: socket2::Socket) -> Self {
        let (is_woken, may_wait) = Default::default();
        Self(Arc::new(Shared { socket, is_woken, may_wait }))
    }

    /// Sets how long a read or a write waits for the server.
    pub(crate) fn set_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.0.socket.set_read_timeout(timeout)?;
        self.0.socket.set_write_timeout(timeout)
    }

    /// Calls `poll` until it is ready. If the last call of `poll` could not make progress without
    /// new data from the socket, the next read of the socket waits.
    pub(crate) fn drive<T>(&self, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
        let waker = Arc::clone(&self.0).into();
        let mut context = Context::from_waker(&waker);
        self.0.may_wait.store(false, Ordering::Relaxed);
        loop {
            self.0.is_woken.store(false, Ordering::Relaxed);
            if let Poll::Ready(output) = poll(&mut context) {
                return output;
            }
            let is_woken = self.0.is_woken.load(Ordering::Relaxed);
            self.0.may_wait.store(!is_woken, Ordering::Relaxed);
        }
    }

    /// Repeats an operation that was interrupted by a signal. Replaces the error of a timeout by an
    /// error with an explanation.
    fn retry(&self, mut operation: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
        loop {
            match operation() {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let waited = self.0.socket.read_timeout()?.unwrap_or_default();
                    let reason = format!("no reply from the server within {waited:?}");
                    return Err(io::Error::new(ErrorKind::TimedOut, reason));
                }
                done => return done,
            }
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.0.may_wait.swap(false, Ordering::Relaxed) {
            return Poll::Pending;
        }
        let read = self.retry(|| (&self.0.socket).read(buffer.initialize_unfilled()));
        Poll::Ready(read.map(|read| buffer.advance(read)))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        // NOSIGNAL: a write to a closed socket must return an error, and must not end a program
        // that has not ignored SIGPIPE.
        let send = || Ok(rustix::net::send(&self.0.socket, bytes, SendFlags::NOSIGNAL)?);
        Poll::Ready(self.retry(send))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
