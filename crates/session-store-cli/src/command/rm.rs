//! `rm`: deletes a segment or a whole session, after a confirmation.

use std::fmt;
use std::io::{self, BufRead, IsTerminal, Write};

use serde::Serialize;
use session_store::{OpenStore, SegmentId, SegmentKey, SessionId, Store, StoreError};

use crate::args::RmArgs;
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::output::Output;
use crate::store::{change, list_segments, open, unknown_session};
use crate::terminal::visible;
use crate::text::plural;

/// The segment or session to delete. It is printed after the deletion.
#[derive(Serialize)]
struct Deletion {
    session_id: SessionId,
    #[serde(skip_serializing_if = "Option::is_none")]
    segment_id: Option<SegmentId>,
    segments: usize,
}

impl fmt::Display for Deletion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { session_id, segment_id, segments } = *self;
        if let Some(segment_id) = segment_id {
            return SegmentKey { session_id, segment_id }.fmt(f);
        }
        write!(f, "session {session_id} with {}", plural(segments, "segment", "segments"))
    }
}

pub(crate) fn run(args: &RmArgs, out: &mut Output) -> Result<Exit, Failure> {
    let store = open(&args.store)?;
    let deletion = choose(args, &store)?;
    let operation = || format!("delete {deletion} from {}", store.url());
    if !args.yes && !is_confirmed(operation)? {
        return Ok(Exit::No);
    }
    if !change(&store, || delete(&store, &deletion).context(operation))? {
        return Err(Failure::cannot(operation(), "it does not exist"));
    }
    out.report(&deletion, [format_args!("deleted {deletion}")])?;
    Ok(Exit::Done)
}

fn choose(args: &RmArgs, store: &OpenStore) -> Result<Deletion, Failure> {
    if let Some(segment) = &args.segment {
        let SegmentKey { session_id, segment_id } =
            segment.resolve(args.session.as_ref(), store)?;
        return Ok(Deletion { session_id, segment_id: Some(segment_id), segments: 1 });
    }
    let session = args.session.as_ref().expect("the parser requires SEGMENT or --session");
    let session_id = session.resolve(store)?;
    match list_segments(store, session_id)?.len() {
        0 => Err(unknown_session(store, session_id)),
        segments => Ok(Deletion { session_id, segment_id: None, segments }),
    }
}

fn delete(store: &OpenStore, deletion: &Deletion) -> Result<bool, StoreError> {
    match deletion.segment_id {
        Some(segment_id) => store.delete_segment(deletion.session_id, segment_id),
        None => store.delete_session(deletion.session_id),
    }
}

/// Asks the user to confirm the operation. A script must use `--yes`.
fn is_confirmed(operation: impl Fn() -> String) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        let cause = "a confirmation needs a terminal; use --yes to delete without one";
        return Err(Failure::cannot(operation(), cause));
    }
    let mut answer = String::new();
    write!(io::stderr(), "Permanently {}? [y/N] ", visible(&operation()))
        .and_then(|()| io::stdin().lock().read_line(&mut answer))
        .context(operation)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
