//! The floor of a migration: each log read whole, split, its lines checked, and inserted at once.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use serde_json::value::RawValue;
use session_store_core::{SegmentId, SessionId};
use test_servers::RedisServer;

use crate::measure;
use crate::redis::raw::Raw as Connection;
use crate::sqlite::raw::Raw;
use crate::{Answer, Done};

/// What takes the entries of one log.
pub(super) type Insert<'a> = dyn FnMut(SessionId, SegmentId, &[&str]) -> Done + 'a;

/// What has logs.
pub(super) trait Logs {
    /// Hands over the entries of each log.
    fn each(&self, insert: &mut Insert<'_>) -> Done;
}

/// Copies all logs, and syncs what is in the folder then, as a migration does where it can.
pub(super) fn timed(
    source: &dyn Logs,
    insert: &mut Insert<'_>,
    into: Option<&Path>,
) -> Answer<Duration> {
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

/// A folder with the logs of a store.
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

/// A database of a store.
pub(super) struct Database(Raw);

impl Database {
    pub(super) fn open(path: &Path) -> Answer<Self> {
        Raw::open(path).map(Self)
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

/// Inserts in a transaction for each log.
pub(super) fn into_database(path: &Path) -> Answer<Box<Insert<'static>>> {
    let raw = Raw::create(path)?;
    Ok(Box::new(move |session, segment, lines| raw.append(session, segment, lines.iter().copied())))
}

/// Writes a file for each log.
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

/// Pushes each log in one command.
pub(super) fn into_server(server: &RedisServer) -> Answer<Box<Insert<'static>>> {
    let mut connection = Connection::connect(server)?;
    Ok(Box::new(move |session, segment, lines| {
        connection.turn_to(session, segment);
        connection.push(lines.iter().copied())
    }))
}
