//! `create`: creates a segment, empty or with the entries of a file.

use serde::Serialize;
use session_store::{LogEntry, OpenStore, SegmentKey, StoreError, StoreExt};

use crate::args::CreateArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input::{Lines, Source};
use crate::message::Kind;
use crate::output::Output;
use crate::segment::open_to_append;
use crate::store::change;
use crate::text::entries;

/// The JSON of the segment that was created.
#[derive(Serialize)]
struct Created {
    #[serde(flatten)]
    key: SegmentKey,
    entries: usize,
}

pub(crate) fn run(args: &CreateArgs, out: &mut Output) -> Result<Exit, Failure> {
    // Read the whole input before opening the store, so that invalid input changes nothing.
    let entries = read_entries(args)?;
    let session = args.session.clone().unwrap_or_default();
    let segment = args.segment.clone().unwrap_or_default();
    let (store, key) = open_to_append(&args.store, &session, &segment, false)?;
    change(&store, || {
        let created = if args.replace {
            store.at(key).create(&entries)
        } else {
            store.at(key).append_if(None, &entries).map(drop)
        };
        created.map_err(|error| create_failure(&store, key, error))
    })?;
    let ids = format!("{} {}", key.session_id, key.segment_id);
    out.report(&Created { key, entries: entries.len() }, [ids])?;
    Ok(Exit::Done)
}

fn read_entries(args: &CreateArgs) -> Result<Vec<LogEntry>, Failure> {
    let Some(file) = &args.file else { return Ok(Vec::new()) };
    Lines::new(Source::open(file)?, args.lines.max).read_all()
}

fn create_failure(store: &OpenStore, key: SegmentKey, error: StoreError) -> Failure {
    let operation = format!("create {key} in {}", store.url());
    match error {
        StoreError::Conflict { actual: Some(head), .. } => {
            let entries = entries(head.entries());
            let cause = format!("it exists and has {entries}; use --replace to delete them");
            Failure::cannot(operation, cause).with_kind(Kind::Conflict)
        }
        error => Failure::cannot(operation, error),
    }
}
