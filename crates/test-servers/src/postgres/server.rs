//! One PostgreSQL server.

use std::path::{Path, PathBuf};
use std::process::Command;

use postgres::{Client, NoTls};
use rustix::process::Signal;
use tempfile::TempDir;

use super::programs::{self, User};
use crate::certificate::create_certificate;
use crate::process::{Program, ServerProcess};
use crate::{fast_folder, free_port};

/// The server is started through a shell. The shell replaces itself by the server, so that the
/// process id is the id of the server.
static PROGRAM: Program = Program { names: &["sh"], install: "install a shell" };

/// One PostgreSQL server, with the superuser `postgres` and the database `postgres`. Connections
/// need no password.
#[derive(Debug)]
pub struct PostgresServer {
    process: ServerProcess,
    port: u16,
}

impl PostgresServer {
    /// Starts a server that does not wait for the disk. A [`kill`](Self::kill) loses nothing. Only
    /// a power cut would lose data. `settings` are further settings, such as `max_connections=10`.
    #[must_use]
    pub fn start_fast(settings: &[&str]) -> Self {
        Self::start_in(fast_folder(), &[&["fsync=off"], settings].concat())
    }

    /// Starts a server that syncs every change to disk before it replies.
    #[must_use]
    pub fn start_durable(settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be created");
        Self::start_in(folder, settings)
    }

    /// Starts a server that also accepts TLS connections, with a new certificate for 127.0.0.1.
    #[must_use]
    pub fn start_with_tls() -> Self {
        let folder = fast_folder();
        create_certificate(folder.path());
        let files = ["certificate.pem", "key.pem"].map(|name| folder.path().join(name));
        files.iter().for_each(|file| User::find().own(file));
        let [certificate, key] = files.map(|file| text_of(&file));
        let files = [format!("ssl_cert_file={certificate}"), format!("ssl_key_file={key}")];
        // The certificate is not valid for the second address.
        let addresses = "listen_addresses=127.0.0.1,127.0.0.2";
        Self::start_in(folder, &["fsync=off", "ssl=on", addresses, &files[0], &files[1]])
    }

    /// The file with the certificate of the server, in PEM. Only a server [with
    /// TLS](Self::start_with_tls) has this file.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.folder().join("certificate.pem")
    }

    /// The version of the server that is installed.
    #[must_use]
    pub fn version() -> String {
        let output = Command::new(programs::folder().join("postgres")).arg("--version").output();
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        let text = text.unwrap_or_default();
        text.split_whitespace().nth(2).unwrap_or("unknown").to_owned()
    }

    /// Starts a standby with a copy of the files of `primary`. The standby connects to `primary`
    /// under this name, and receives its changes.
    pub(super) fn start_standby_of(primary: &Self, name: &str) -> Self {
        let folder = fast_folder();
        let source =
            format!("host=127.0.0.1 port={} user=postgres application_name={name}", primary.port);
        let words =
            ["--write-recovery-conf", "--checkpoint=fast", "--no-sync", "--dbname", &source];
        Self::start_with("pg_basebackup", &words, folder, &["fsync=off"])
    }

    fn start_in(folder: TempDir, settings: &[&str]) -> Self {
        let words = ["-U", "postgres", "-E", "UTF8", "--locale=C", "--auth=trust", "--no-sync"];
        Self::start_with("initdb", &words, folder, settings)
    }

    /// Starts a server. `program` is executed first, and creates the files of the server.
    fn start_with(program: &str, words: &[&str], folder: TempDir, settings: &[&str]) -> Self {
        let (user, port, programs) = (User::find(), free_port(), programs::folder());
        user.own(folder.path());
        let data = text_of(&folder.path().join("data"));
        let program = text_of(&programs.join(program));
        run(&[&user.prefix[..], &[program]].concat(), &[&["-D", &data], words].concat());
        let own = [
            format!("port={port}"),
            String::from("listen_addresses=127.0.0.1"),
            format!("unix_socket_directories={}", folder.path().display()),
            // Each test opens handles of its own, so the tests together need many connections.
            String::from("max_connections=300"),
        ];
        let settings = own.into_iter().chain(settings.iter().map(ToString::to_string));
        let settings = settings.flat_map(|setting| [String::from("-c"), setting]);
        let shell = ["-c", "exec \"$@\"", "sh"].map(String::from);
        let server = [text_of(&programs.join("postgres")), String::from("-D"), data];
        let arguments = shell.into_iter().chain(user.prefix).chain(server).chain(settings);
        let process = ServerProcess::start(&PROGRAM, arguments.collect(), folder);
        let mut server = Self { process, port };
        server.wait_until_it_answers();
        server
    }

    /// The TCP port of the server, on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of the database `postgres`, for the superuser.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// The folder of the server's socket. Its folder `data` has the server's files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.process.folder()
    }

    /// Opens a connection to the server, for the test itself.
    #[must_use]
    pub fn connection(&self) -> Client {
        Client::connect(&self.url(), NoTls).expect("the server accepts a connection")
    }

    /// Kills the server with all its processes, as a crash does.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts the server again after [`kill`](Self::kill), on the same port and folder.
    pub fn restart(&mut self) {
        self.process.restart();
        self.wait_until_it_answers();
    }

    /// Stops all processes of the server until [`resume`](Self::resume). The connections of the
    /// server remain open.
    pub fn pause(&self) {
        self.process.signal(Signal::STOP);
    }

    /// Lets a paused server continue.
    pub fn resume(&self) {
        self.process.signal(Signal::CONT);
    }

    /// Ends all connections except the connection that sends the command. Returns the number of
    /// ended connections.
    pub fn end_connections(&self) -> usize {
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'";
        self.connection().query(end, &[]).map_or(0, |rows| rows.len())
    }

    fn wait_until_it_answers(&mut self) {
        let url = self.url();
        self.process.wait_until(|| Client::connect(&url, NoTls).is_ok());
    }
}

/// Runs a program to its end. Panics with the output of the program if it fails.
fn run(program: &[String], words: &[&str]) {
    let (name, first) = program.split_first().expect("a command has a program");
    let output = Command::new(name).args(first).args(words).current_dir("/").output();
    let output = output.unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} failed: {text}", program.join(" "));
}

fn text_of(path: &Path) -> String {
    path.display().to_string()
}
