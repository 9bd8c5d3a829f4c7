//! `rm`: deletes a segment or a whole session, after a confirmation.

use std::fmt;
use std::io::{self, BufRead, IsTerminal, Write};

use serde::Serialize;
use session_store::{OpenStore, SegmentId, SessionId, Store, StoreError};

use crate::args::RmArgs;
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::output::Output;
use crate::store::{list_segments, open};
use crate::target::holder_of;
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
        let Self { session_id, segment_id, segments } = self;
        match (segment_id, segments) {
            (Some(segment_id), _) => write!(f, "segment {segment_id} of session {session_id}"),
            (None, count) => {
                let segments = plural(*count, "segment", "segments");
                write!(f, "session {session_id} with {segments}")
            }
        }
    }
}

pub(crate) fn run(args: &RmArgs, out: &mut Output) -> Result<Exit, Failure> {
    let store = open(&args.store)?;
    let deletion = choose(args, &store)?;
    if !args.yes && !confirmed(&deletion, &store)? {
        return Ok(Exit::No);
    }
    let operation = || format!("delete {deletion} from {}", store.url());
    if !delete(&store, &deletion).context(operation)? {
        return Err(Failure::cannot(operation(), "it does not exist"));
    }
    if out.is_json() {
        out.json_line(&deletion)?;
    } else {
        out.line(format_args!("deleted {deletion}"))?;
    }
    Ok(Exit::Done)
}

fn choose(args: &RmArgs, store: &OpenStore) -> Result<Deletion, Failure> {
    match (args.segment, args.session) {
        (Some(segment_id), session) => {
            let session_id = match session {
                Some(session_id) => session_id,
                None => holder_of(store, segment_id)?,
            };
            Ok(Deletion { session_id, segment_id: Some(segment_id), segments: 1 })
        }
        (None, session) => {
            let session_id = session.expect("the parser requires SEGMENT or --session");
            let segments = list_segments(store, session_id)?.len();
            Ok(Deletion { session_id, segment_id: None, segments })
        }
    }
}

fn delete(store: &OpenStore, deletion: &Deletion) -> Result<bool, StoreError> {
    match deletion.segment_id {
        Some(segment_id) => store.delete_segment(deletion.session_id, segment_id),
        None => store.delete_session(deletion.session_id),
    }
}

/// Asks the user for a confirmation. A script must use `--yes`.
fn confirmed(deletion: &Deletion, store: &OpenStore) -> Result<bool, Failure> {
    let operation = || format!("delete {deletion} from {}", store.url());
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        let cause = "a confirmation needs a terminal; use --yes to delete without one";
        return Err(Failure::cannot(operation(), cause));
    }
    let mut answer = String::new();
    write!(io::stderr(), "Delete {deletion} from {} permanently? [y/N] ", store.url())
        .and_then(|()| io::stdin().lock().read_line(&mut answer))
        .context(operation)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
