//! Servers for tests: child processes on free ports, each with a temporary folder, stopped when dropped.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub(crate) mod cluster;
pub(crate) mod proxy;
pub(crate) mod sentinel;

/// How long a server may take to do what is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// One process, of `redis-server` or of another server by the same program.
pub(crate) struct Server {
    child: Child,
    /// Ends the server if this process ends without dropping it, as it does with what is static.
    guard: Child,
    command: Vec<String>,
    pub(crate) port: u16,
    /// What the test's own connections need, as it stands in a URL: `:PASSWORD@`, or nothing.
    pub(crate) login: &'static str,
    folder: TempDir,
}

impl Server {
    /// A server that keeps what it acknowledges, even through a power cut.
    pub(crate) fn start(options: &[&str]) -> Self {
        let durable = ["--appendonly", "yes", "--appendfsync", "always"];
        Self::start_plain(&[&durable, options].concat())
    }

    /// A server that starts empty each time.
    pub(crate) fn start_fleeting(options: &[&str]) -> Self {
        Self::start_plain(&[&["--appendonly", "no"], options].concat())
    }

    fn start_plain(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let own = [
            "--port".to_owned(),
            port.to_string(),
            "--dir".to_owned(),
            folder.path().display().to_string(),
            "--save".to_owned(),
            String::new(),
            "--unixsocket".to_owned(),
            folder.path().join("redis.sock").display().to_string(),
            "--repl-diskless-sync-delay".to_owned(),
            "0".to_owned(),
        ];
        let command: Vec<_> =
            own.into_iter().chain(options.iter().map(|&option| option.to_owned())).collect();
        let child = spawn(&command, folder.path());
        let guard = guard(&child, folder.path());
        let mut server = Self { child, guard, command, port, login: "", folder };
        server.wait_until_up();
        server
    }

    /// A server of another kind, whose file of configuration it rewrites itself.
    pub(crate) fn start_sentinel(configuration: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let file = folder.path().join("sentinel.conf");
        fs::write(&file, format!("port {port}\n{configuration}")).unwrap();
        let command = vec![file.display().to_string(), "--sentinel".to_owned()];
        let child = spawn(&command, folder.path());
        let guard = guard(&child, folder.path());
        let mut server = Self { child, guard, command, port, login: "", folder };
        server.wait_until_up();
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }

    /// A connection of the test's own, without TLS.
    pub(crate) fn connection(&self) -> redis::Connection {
        let url = format!("redis://{}127.0.0.1:{}", self.login, self.port);
        redis::Client::open(url).unwrap().get_connection().unwrap()
    }

    /// What the server says of itself, a section of it.
    pub(crate) fn info(&self, section: &str) -> String {
        redis::cmd("INFO").arg(section).query(&mut self.connection()).unwrap()
    }

    pub(crate) fn is_master(&self) -> bool {
        self.info("replication").contains("role:master")
    }

    /// Whether it is a replica that has all that its master had.
    pub(crate) fn is_in_step_with(&self, master: &Self) -> bool {
        let (master, own) = (master.info("replication"), self.info("replication"));
        own.contains("master_link_status:up") && offset(&own) >= offset(&master)
    }

    /// Ends the process as a crash would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again, on the same port and folder.
    pub(crate) fn restart(&mut self) {
        self.child = spawn(&self.command, self.folder.path());
        end(&mut self.guard);
        self.guard = guard(&self.child, self.folder.path());
        self.wait_until_up();
    }

    /// Sends a signal by the name that `kill` knows.
    pub(crate) fn signal(&self, name: &str) {
        let process = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &process]).status().unwrap().success());
    }

    fn wait_until_up(&mut self) {
        let port = self.port;
        wait_for("a server to listen", || {
            if let Some(status) = self.child.try_wait().unwrap() {
                let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
                panic!("redis-server ended with {status}: {log}");
            }
            answers(port).is_ok_and(|answers| answers)
        });
    }
}

/// How much of the stream of changes a server has made or received.
fn offset(replication: &str) -> u64 {
    let offset = |line: &str| line.strip_prefix("master_repl_offset:")?.parse().ok();
    replication.lines().find_map(offset).expect("every server has an offset")
}

/// Whether a server obeys commands there, or at least refuses one.
fn answers(port: u16) -> io::Result<bool> {
    let mut connection = TcpStream::connect(("127.0.0.1", port))?;
    connection.write_all(b"PING\r\n")?;
    connection.set_read_timeout(Some(Duration::from_secs(1)))?;
    Ok(connection.read(&mut [0])? == 1)
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.guard);
        end(&mut self.child);
    }
}

/// One that ended already is gone either way.
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// A process that waits for the end of this one, which closes its input, and then cleans up.
fn guard(child: &Child, folder: &Path) -> Child {
    Command::new("sh")
        .args(["-c", r#"cat; kill -9 "$1"; rm -rf "$2""#, "guard", &child.id().to_string()])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn spawn(command: &[String], folder: &Path) -> Child {
    let log = fs::File::options().create(true).append(true).open(folder.join("log")).unwrap();
    for program in ["redis-server", "valkey-server"] {
        let started = Command::new(program)
            .args(command)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log.try_clone().unwrap())
            .spawn();
        match started {
            Ok(child) => return child,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => panic!("{program} does not start: {error}"),
        }
    }
    panic!(
        "these tests need redis-server 7 or newer: apt-get install -y redis-server redis-sentinel"
    )
}

/// A port that nobody listens on. A Cluster's node also takes the one 10,000 above.
pub(crate) fn free_port() -> u16 {
    // Below those that the system hands out itself, and apart for test programs that run at once.
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id().wrapping_mul(61);
    loop {
        let port = 10_000 + (first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed))) % 10_000;
        let port = u16::try_from(port).unwrap();
        let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
        if free(port) && free(port + 10_000) {
            return port;
        }
    }
}

pub(crate) fn wait_for(what: &str, mut reached: impl FnMut() -> bool) {
    let start = Instant::now();
    while !reached() {
        assert!(start.elapsed() < PATIENCE, "waited too long for {what}");
        thread::sleep(Duration::from_millis(20));
    }
}
