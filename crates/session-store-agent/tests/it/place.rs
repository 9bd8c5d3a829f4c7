//! Places for a storage, by the scheme of its URL; for Redis a server of the test's own, on a socket.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Somewhere new, gone when dropped.
pub(crate) struct Place {
    url: String,
    server: Option<Child>,
    _folder: TempDir,
}

impl Place {
    pub(crate) fn new(scheme: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("storage");
        let server = (scheme == "redis+unix").then(|| start(folder.path()));
        let slashes = if server.is_some() { "//" } else { "" };
        let url = format!("{scheme}:{slashes}{}", path.display());
        Self { url, server, _folder: folder }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

/// A server that listens on the socket `storage` in the folder, and on no port.
fn start(folder: &Path) -> Child {
    let socket = folder.join("storage");
    let start = |program: &str| {
        Command::new(program)
            .args(["--port", "0", "--save", "", "--unixsocket"])
            .arg(&socket)
            .arg("--dir")
            .arg(folder)
            .stdout(Stdio::null())
            .spawn()
    };
    let server = start("redis-server").or_else(|_| start("valkey-server"));
    let server = server.expect("these tests need redis-server: apt-get install redis-server");
    let begin = Instant::now();
    while UnixStream::connect(&socket).is_err() {
        assert!(begin.elapsed() < Duration::from_secs(30), "the server does not listen");
        std::thread::sleep(Duration::from_millis(5));
    }
    server
}
