//! The floor of a migration, a copy loop. The loop reads each log as a whole, splits the log into
//! lines, checks the lines, and inserts all lines in one step.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use serde_json::value::RawValue;
use session_store_core::{Durability, SegmentId, SessionId};
use test_servers::RedisServer;

use crate::measure;
use crate::redis::raw::Raw as RawRedis;
use crate::server::Floor;
use crate::sqlite::raw::Raw as RawSqlite;
use crate::{Done, Fallible};

/// A function that stores the entries of one log.
pub(super) type Insert<'a> = dyn FnMut(SessionId, SegmentId, &[&str]) -> Done + 'a;

/// A source of logs.
pub(super) trait Logs {
    /// Calls `insert` with the entries of each log.
    fn each(&self, insert: &mut Insert<'_>) -> Done;
}

/// Copies all logs, then syncs the files in the folder `into`, as a migration does. Returns the
/// time.
pub(super) fn timed(
    source: &dyn Logs,
    insert: &mut Insert<'_>,
    into: Option<&Path>,
) -> Fallible<Duration> {
    measure::timed(|| {
        source.each(insert)?;
        into.map_or(Ok(()), sync)
    })
}

fn sync(folder: &Path) -> Done {
    for item in fs::read_dir(folder)? {
        let path = item?.path();
        if path.is_dir() { sync(&path)? } else { File::open(&path)?.sync_all()? }
    }
    Ok(File::open(folder)?.sync_all()?)
}

/// The folder of a file store.
pub(super) struct Files<'a>(pub(super) &'a Path);

impl Logs for Files<'_> {
    fn each(&self, insert: &mut Insert<'_>) -> Done {
        for folder in fs::read_dir(self.0)? {
            let folder = folder?;
            let Ok(session) = folder.file_name().to_string_lossy().parse() else { continue };
            for file in fs::read_dir(folder.path())? {
                let path = file?.path();
                let segment = path.file_stem().unwrap_or_default().to_string_lossy().parse()?;
                let text = fs::read_to_string(&path)?;
                let lines: Vec<_> = text.lines().collect();
                check(&lines)?;
                insert(session, segment, &lines)?;
            }
        }
        Ok(())
    }
}

/// The database of a SQLite store.
pub(super) struct Database(RawSqlite);

impl Database {
    pub(super) fn open(path: &Path) -> Fallible<Self> {
        RawSqlite::open(path, Durability::Process).map(Self)
    }
}

impl Logs for Database {
    fn each(&self, insert: &mut Insert<'_>) -> Done {
        for (session, segment) in self.0.logs()? {
            let (text, ends) = self.0.read(session, segment)?;
            let mut start = 0;
            let cut = |end| &text[std::mem::replace(&mut start, end)..end];
            let lines: Vec<_> = ends.into_iter().map(cut).collect();
            insert(session, segment, &lines)?;
        }
        Ok(())
    }
}

fn check(lines: &[&str]) -> Done {
    for line in lines {
        serde_json::from_str::<&RawValue>(line)?;
    }
    Ok(())
}

/// Returns a function that inserts each log in one transaction.
pub(super) fn into_database(path: &Path) -> Fallible<Box<Insert<'static>>> {
    let raw = RawSqlite::create(path, Durability::Process)?;
    Ok(Box::new(move |session, segment, lines| raw.append(session, segment, lines.iter().copied())))
}

/// Returns a function that writes a file for each log.
pub(super) fn into_files(root: &Path) -> Box<Insert<'_>> {
    Box::new(move |session, segment, lines| {
        let folder = root.join(session.to_string());
        fs::create_dir_all(&folder)?;
        let mut text = lines.join("\n");
        text.push('\n');
        fs::write(folder.join(format!("{segment}.jsonl")), text)?;
        Ok(())
    })
}

/// Returns a function that pushes each log in one command.
pub(super) fn into_server(server: &RedisServer) -> Fallible<Box<Insert<'static>>> {
    let mut connection = RawRedis::connect(server)?;
    Ok(Box::new(move |session, segment, lines| {
        connection.turn_to(session, segment);
        connection.append_plainly(lines)
    }))
}
