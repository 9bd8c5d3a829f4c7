//! One Redis process, as a server of data or as a Sentinel.

use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use redis::{Connection, RedisResult};
use rustix::process::Signal;
use tempfile::TempDir;
use test_deadlines::wait_until;

use crate::free_port;
use crate::process::{Program, ServerProcess};

static PROGRAM: Program = Program {
    names: &["redis-server", "valkey-server"],
    install: "install version 7 or newer: apt-get install redis-server",
};

/// One Redis process. A Sentinel is the same program in another mode.
#[derive(Debug)]
pub struct RedisServer {
    process: ServerProcess,
    port: u16,
    /// The password for the connections of the tests, if the server requires one.
    password: Option<&'static str>,
}

impl RedisServer {
    /// Starts a server that keeps its data in memory only. `options` are further arguments of
    /// `redis-server`.
    #[must_use]
    pub fn start_in_memory(options: &[&str]) -> Self {
        Self::start_in(temporary_folder(), &[&["--appendonly", "no"], options].concat())
    }

    /// Starts a server that syncs every change to disk before it replies, so that a
    /// [`kill`](Self::kill) loses nothing. `options` are further arguments of `redis-server`.
    #[must_use]
    pub fn start_durable(options: &[&str]) -> Self {
        let durable = ["--appendonly", "yes", "--appendfsync", "always"];
        Self::start_in(temporary_folder(), &[&durable, options].concat())
    }

    /// Starts a Sentinel. `configuration` is the text of its configuration file, without the port.
    #[must_use]
    pub fn start_sentinel(configuration: &str) -> Self {
        let (folder, port) = (temporary_folder(), free_port());
        // A Sentinel rewrites its configuration file. So the configuration must be in a file, and
        // cannot be in arguments.
        let file = folder.path().join("sentinel.conf");
        let text = format!("port {port}\nbind 127.0.0.1\n{configuration}");
        fs::write(&file, text).expect("a file can be written in a temporary folder");
        Self::start_process(folder, port, vec![text_of(&file), "--sentinel".to_owned()])
    }

    /// Starts a server whose data and log are in `folder`.
    pub(crate) fn start_in(folder: TempDir, options: &[&str]) -> Self {
        let port = free_port();
        let (path, socket) = (text_of(folder.path()), text_of(&socket_in(folder.path())));
        let own = [
            ["--bind", "127.0.0.1"],
            ["--port", &port.to_string()],
            ["--unixsocket", &socket],
            ["--dir", &path],
            // Without snapshots, only the append-only file determines which data a server keeps.
            ["--save", ""],
            // A master sends its data to a new replica at once. By default it waits 5 seconds for
            // further replicas.
            ["--repl-diskless-sync-delay", "0"],
        ];
        let arguments = own.as_flattened().iter().chain(options).map(ToString::to_string).collect();
        Self::start_process(folder, port, arguments)
    }

    fn start_process(folder: TempDir, port: u16, arguments: Vec<String>) -> Self {
        let process = ServerProcess::start(&PROGRAM, arguments, folder);
        let mut server = Self { process, port, password: None };
        server.wait_until_it_answers();
        server
    }

    /// Sets the password with which the connections of the tests log in.
    pub(crate) fn set_password(&mut self, password: Option<&'static str>) {
        self.password = password;
    }

    /// The TCP port of the server, on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of the server, without a password.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The path of the server's Unix socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        socket_in(self.process.folder())
    }

    /// Opens a connection to the server, for the test itself.
    #[must_use]
    pub fn connection(&self) -> Connection {
        self.try_connection().expect("the server accepts a connection")
    }

    fn try_connection(&self) -> RedisResult<Connection> {
        let login = self.password.map(|password| format!(":{password}@")).unwrap_or_default();
        let url = format!("redis://{login}127.0.0.1:{}", self.port);
        redis::Client::open(url)?.get_connection()
    }

    /// The reply to the command `INFO`, for one section.
    ///
    /// The command is repeated until the server replies. This is necessary because a Sentinel
    /// closes all connections to a replica when the replica becomes the master.
    #[must_use]
    pub fn info(&self, section: &str) -> String {
        let mut reply = None;
        wait_until("a reply to INFO", || {
            let connection = self.try_connection();
            let query = |mut connection| redis::cmd("INFO").arg(section).query(&mut connection);
            reply = connection.and_then(query).ok();
            reply.is_some()
        });
        reply.expect("the wait ends with a reply")
    }

    /// Whether the server is a master.
    #[must_use]
    pub fn is_master(&self) -> bool {
        self.info("replication").contains("role:master")
    }

    /// Whether the server is a replica that has received every change of its master.
    #[must_use]
    pub fn is_in_step_with(&self, master: &Self) -> bool {
        let (master, own) = (master.info("replication"), self.info("replication"));
        own.contains("master_link_status:up") && offset(&own) >= offset(&master)
    }

    /// Kills the server, as a crash does.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts the server again after [`kill`](Self::kill), on the same port and folder.
    pub fn restart(&mut self) {
        self.process.restart();
        self.wait_until_it_answers();
    }

    /// Stops the server's process until [`resume`](Self::resume). The connections of the server
    /// remain open.
    pub fn pause(&self) {
        self.process.signal(Signal::STOP);
    }

    /// Lets a paused server continue.
    pub fn resume(&self) {
        self.process.signal(Signal::CONT);
    }

    fn wait_until_it_answers(&mut self) {
        let port = self.port;
        self.process.wait_until(|| accepts_commands(port).unwrap_or(false));
    }
}

fn temporary_folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder can be created")
}

fn socket_in(folder: &Path) -> PathBuf {
    folder.join("redis.sock")
}

fn text_of(path: &Path) -> String {
    path.display().to_string()
}

/// Sends a `PING` and waits for the reply. Returns whether the server accepts commands.
///
/// A server that requires a password replies with an error, and accepts commands. A server that
/// still loads its data also replies with an error, but does not accept commands yet. So the text
/// of the error decides.
fn accepts_commands(port: u16) -> io::Result<bool> {
    let mut connection = TcpStream::connect(("127.0.0.1", port))?;
    connection.set_read_timeout(Some(Duration::from_secs(1)))?;
    connection.write_all(b"PING\r\n")?;
    // The shortest reply is `+PONG` and a line break.
    let mut start = [0; 7];
    connection.read_exact(&mut start)?;
    Ok(start != *b"-LOADIN")
}

/// The position of a server in the replication stream.
fn offset(replication: &str) -> u64 {
    let offset = |line: &str| line.strip_prefix("master_repl_offset:")?.parse().ok();
    replication.lines().find_map(offset).expect("every server has a replication offset")
}
