//! Storages whose entries can be damaged. The damage bypasses the store, as the damage by another
//! program does.

use std::path::{Path, PathBuf};
use std::{fs, io};

use redis::{Commands, RedisResult};
use rusqlite::Connection;
use tempfile::TempDir;
use test_servers::{PostgresServer, RedisCluster, RedisServer};

use crate::subject::{Backend, Subject};

pub(super) type Failure = Box<dyn std::error::Error>;

/// A storage with a folder or servers of its own. Dropping the value deletes the folder, or ends
/// the servers.
pub(super) trait Storage {
    /// Returns the address of the storage for [`open_or_create`](crate::subject::open_or_create).
    fn address(&self) -> String;

    /// Replaces texts of entries by other texts.
    fn damage(&self, texts: &[(String, String)]) -> Result<(), Failure>;

    /// Returns the texts that repairs have moved out of logs and traces.
    fn quarantined(&self) -> Result<Vec<String>, Failure>;

    /// Keeps the files for inspection, and returns their path. The data of a server is not kept.
    fn keep(self: Box<Self>) -> Option<PathBuf> {
        None
    }
}

pub(super) fn start(subject: &Subject) -> io::Result<Box<dyn Storage>> {
    let in_folder = |folder: &TempDir| subject.address(&folder.path().join(NAME));
    Ok(match subject.backend {
        Backend::Fs => {
            let folder = TempDir::new()?;
            Box::new(Files { address: in_folder(&folder), folder })
        }
        Backend::Sqlite => {
            let folder = TempDir::new()?;
            Box::new(Database { address: in_folder(&folder), folder })
        }
        Backend::Redis => Box::new(RedisServer::start_in_memory(&[])),
        Backend::Cluster => Box::new(RedisCluster::start_in_memory()),
        Backend::Postgres => Box::new(PostgresServer::start_fast(&[])),
    })
}

/// The name of a file store or a database in its folder.
const NAME: &str = "storage";

struct Files {
    folder: TempDir,
    address: String,
}

impl Storage for Files {
    fn address(&self) -> String {
        self.address.clone()
    }

    fn damage(&self, texts: &[(String, String)]) -> Result<(), Failure> {
        for path in logs_and_traces(&self.folder.path().join(NAME))? {
            let lines = fs::read_to_string(&path)?;
            let lines = lines.lines().map(|line| replacement(texts, line).unwrap_or(line));
            fs::write(&path, lines.map(|line| format!("{line}\n")).collect::<String>())?;
        }
        Ok(())
    }

    fn quarantined(&self) -> Result<Vec<String>, Failure> {
        let copies = fs::read_dir(self.folder.path().join(NAME).join(".session-store/torn"))?;
        Ok(copies.map(|copy| fs::read_to_string(copy?.path())).collect::<io::Result<_>>()?)
    }

    fn keep(self: Box<Self>) -> Option<PathBuf> {
        Some(self.folder.keep())
    }
}

/// Returns the files of logs and traces in the folders of a storage.
fn logs_and_traces(storage: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for folder in fs::read_dir(storage)? {
        for file in fs::read_dir(folder?.path())? {
            let path = file?.path();
            files.extend(path.extension().is_some_and(|found| found == "jsonl").then_some(path));
        }
    }
    Ok(files)
}

struct Database {
    folder: TempDir,
    address: String,
}

impl Database {
    fn connect(&self) -> rusqlite::Result<Connection> {
        Connection::open(self.folder.path().join(NAME))
    }
}

impl Storage for Database {
    fn address(&self) -> String {
        self.address.clone()
    }

    fn damage(&self, texts: &[(String, String)]) -> Result<(), Failure> {
        let database = self.connect()?;
        for (from, to) in texts {
            database.execute("UPDATE entry SET text = ?2 WHERE text = ?1", [from, to])?;
        }
        Ok(())
    }

    fn quarantined(&self) -> Result<Vec<String>, Failure> {
        let database = self.connect()?;
        let mut select = database.prepare("SELECT text FROM quarantined_entry")?;
        Ok(select.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    fn keep(self: Box<Self>) -> Option<PathBuf> {
        Some(self.folder.keep())
    }
}

impl Storage for PostgresServer {
    fn address(&self) -> String {
        self.url()
    }

    fn damage(&self, texts: &[(String, String)]) -> Result<(), Failure> {
        let mut connection = self.connection();
        for (from, to) in texts {
            let update = "UPDATE session_store.entry SET text = $2 WHERE text = $1";
            connection.execute(update, &[from, to])?;
        }
        Ok(())
    }

    fn quarantined(&self) -> Result<Vec<String>, Failure> {
        let select = "SELECT text FROM session_store.quarantined_entry";
        let rows = self.connection().query(select, &[])?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }
}

impl Storage for RedisServer {
    fn address(&self) -> String {
        self.url()
    }

    fn damage(&self, texts: &[(String, String)]) -> Result<(), Failure> {
        Ok(damage_lists(self, texts)?)
    }

    fn quarantined(&self) -> Result<Vec<String>, Failure> {
        Ok(quarantine_lists(self)?)
    }
}

impl Storage for RedisCluster {
    fn address(&self) -> String {
        self.url()
    }

    fn damage(&self, texts: &[(String, String)]) -> Result<(), Failure> {
        Ok(self.masters.iter().try_for_each(|node| damage_lists(node, texts))?)
    }

    fn quarantined(&self) -> Result<Vec<String>, Failure> {
        let lists: RedisResult<Vec<_>> = self.masters.iter().map(quarantine_lists).collect();
        Ok(lists?.concat())
    }
}

/// Replaces the items of all logs and traces of a server.
fn damage_lists(server: &RedisServer, texts: &[(String, String)]) -> RedisResult<()> {
    let mut connection = server.connection();
    for key in
        keys(&mut connection, "*:entries:*")?.into_iter().chain(keys(&mut connection, "*:trace:*")?)
    {
        let items: Vec<String> = connection.lrange(&key, 0, -1)?;
        for (index, item) in items.iter().enumerate() {
            if let Some(text) = replacement(texts, item) {
                let _: () = connection.lset(&key, index as isize, text)?;
            }
        }
    }
    Ok(())
}

fn quarantine_lists(server: &RedisServer) -> RedisResult<Vec<String>> {
    let mut connection = server.connection();
    let keys = keys(&mut connection, "*:quarantine:*")?;
    let lists: RedisResult<Vec<Vec<String>>> =
        keys.iter().map(|key| connection.lrange(key, 0, -1)).collect();
    Ok(lists?.concat())
}

fn keys(connection: &mut redis::Connection, pattern: &str) -> RedisResult<Vec<String>> {
    redis::cmd("KEYS").arg(pattern).query(connection)
}

/// Returns the text that replaces `from`, or `None` if `from` is not replaced.
fn replacement<'a>(texts: &'a [(String, String)], from: &str) -> Option<&'a str> {
    texts.iter().find(|(text, _)| text == from).map(|(_, to)| to.as_str())
}
