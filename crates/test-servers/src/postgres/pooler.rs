//! A pooler in front of a PostgreSQL server.

use std::fs;
use std::path::Path;

use postgres::{Client, NoTls};

use super::programs::User;
use super::server::PostgresServer;
use crate::free_port;
use crate::process::{Program, ServerProcess};

static PROGRAM: Program = Program { names: &["sh"], install: "install a shell" };

/// Debian puts the program in a folder that is not in the PATH of every user.
const NAMES: [&str; 2] = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"];

/// PgBouncer, which gives each transaction another connection to the server.
#[derive(Debug)]
pub struct PgBouncer {
    _process: ServerProcess,
    port: u16,
}

impl PgBouncer {
    /// Starts the pooler with at most 4 connections to the server.
    #[must_use]
    pub fn start(server: &PostgresServer) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be created");
        let (user, port) = (User::find(), free_port());
        let file = folder.path().join("pgbouncer.ini");
        let text = format!(
            "[databases]\n* = user=postgres host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\n\
             default_pool_size = 4\nmax_client_conn = 200\n",
            server.port()
        );
        fs::write(&file, text).expect("a file can be written in a temporary folder");
        user.own(folder.path());
        user.own(&file);
        let name = NAMES.iter().find(|name| Path::new(name).is_file());
        let name = name.expect("cannot start pgbouncer: not installed; apt-get install pgbouncer");
        let shell = ["-c", "exec \"$@\"", "sh"].map(String::from);
        let arguments = shell.into_iter().chain(user.prefix);
        let arguments = arguments.chain([(*name).to_owned(), file.display().to_string()]);
        let mut process = ServerProcess::start(&PROGRAM, arguments.collect(), folder);
        let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
        process.wait_until(|| Client::connect(&url, NoTls).is_ok());
        Self { _process: process, port }
    }

    /// The URL of the database `postgres`, through the pooler.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres?pooler=transaction", self.port)
    }
}
