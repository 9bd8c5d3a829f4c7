//! A server that keeps everything in memory, on a free port, and ends with its owner.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::Answer;

/// How long a server may take to listen.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Server {
    child: Child,
    port: u16,
    _folder: TempDir,
}

impl Server {
    pub(crate) fn start() -> Answer<Self> {
        let folder = tempfile::tempdir()?;
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| format!("redis-server does not start: {error}"))?;
        let mut server = Self { child, port, _folder: folder };
        server.wait_until_up()?;
        Ok(server)
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    fn wait_until_up(&mut self) -> Answer<()> {
        let start = Instant::now();
        while !self.answers() {
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("redis-server ended with {status}").into());
            }
            if start.elapsed() > PATIENCE {
                return Err("redis-server does not answer".into());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn answers(&self) -> bool {
        let ask = || {
            let mut connection = TcpStream::connect(("127.0.0.1", self.port))?;
            connection.write_all(b"PING\r\n")?;
            connection.read_exact(&mut [0])
        };
        ask().is_ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that ended already is gone either way.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
