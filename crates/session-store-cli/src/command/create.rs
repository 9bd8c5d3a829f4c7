//! `create`: creates a segment, empty or with the entries of a file.

use std::fmt;

use serde::Serialize;
use session_store::{LogEntry, OpenStore, SegmentId, SessionId, Store, StoreError};

use crate::args::CreateArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input::{Lines, Source};
use crate::output::Output;
use crate::store::open_or_create;
use crate::text::entries;

#[derive(Serialize)]
struct Created {
    session_id: SessionId,
    segment_id: SegmentId,
    entries: usize,
}

impl fmt::Display for Created {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.session_id, self.segment_id)
    }
}

pub(crate) fn run(args: &CreateArgs, out: &mut Output) -> Result<Exit, Failure> {
    // The whole input is read before the store is opened, so that invalid input changes nothing.
    let entries = read_entries(args)?;
    let created = Created {
        session_id: args.session.unwrap_or_default(),
        segment_id: args.segment.unwrap_or_default(),
        entries: entries.len(),
    };
    let store = open_or_create(&args.store)?;
    store_entries(&store, args.replace, &created, &entries)
        .map_err(|error| create_failure(args, created.segment_id, error))?;
    out.answer(&created)?;
    Ok(Exit::Done)
}

fn read_entries(args: &CreateArgs) -> Result<Vec<LogEntry>, Failure> {
    let Some(file) = &args.file else { return Ok(Vec::new()) };
    let mut lines = Lines::new(Source::open(file)?);
    let mut entries = Vec::new();
    while let Some(entry) = lines.next(LogEntry::from_utf8)? {
        entries.push(entry);
    }
    Ok(entries)
}

fn store_entries(
    store: &OpenStore,
    replace: bool,
    created: &Created,
    entries: &[LogEntry],
) -> Result<(), StoreError> {
    let Created { session_id, segment_id, .. } = *created;
    if replace {
        store.create_segment(session_id, segment_id, entries)
    } else {
        store.append_if(session_id, segment_id, None, entries).map(drop)
    }
}

fn create_failure(args: &CreateArgs, segment_id: SegmentId, error: StoreError) -> Failure {
    let operation = format!("create segment {segment_id} in {}", args.store);
    match error {
        StoreError::Conflict { actual: Some(head), .. } => {
            let entries = entries(head.entries());
            let cause = format!("it exists and has {entries}; use --replace to delete them");
            Failure::cannot(operation, cause)
        }
        error => Failure::cannot(operation, error),
    }
}
