//! `Background`: the thread that drives the connections of a handle.

use std::io;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// A thread with a runtime of one thread. The thread ends when this value and all connections are
/// dropped.
pub(crate) struct Background {
    pub(crate) handle: Handle,
    /// Each connection holds a clone until it is closed.
    pub(crate) alive: Sender<()>,
}

impl Background {
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        let handle = runtime.handle().clone();
        let (alive, mut closed): (_, Receiver<()>) = channel(1);
        let run = move || runtime.block_on(closed.recv());
        thread::Builder::new().name("session-store-postgres".to_owned()).spawn(run)?;
        Ok(Self { handle, alive })
    }
}
