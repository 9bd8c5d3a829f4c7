//! `rm`: delete a segment or a whole session, after asking.

use std::fmt;
use std::io::{self, BufRead, IsTerminal, Write};

use serde::Serialize;
use session_store::{OpenStore, SegmentId, SessionId, Store, StoreError};

use crate::args::RmArgs;
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::output::Output;
use crate::store::open;
use crate::target::holder_of;

/// What is to be deleted; also the answer, once it is.
#[derive(Serialize)]
struct Doomed {
    session_id: SessionId,
    #[serde(skip_serializing_if = "Option::is_none")]
    segment_id: Option<SegmentId>,
    segments: usize,
}

impl fmt::Display for Doomed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { session_id, segment_id, segments } = self;
        match (segment_id, segments) {
            (Some(segment_id), _) => write!(f, "segment {segment_id} of session {session_id}"),
            (None, 1) => write!(f, "session {session_id} with 1 segment"),
            (None, _) => write!(f, "session {session_id} with {segments} segments"),
        }
    }
}

pub(crate) fn run(args: &RmArgs, out: &mut Output) -> Result<Exit, Failure> {
    let store = open(&args.store)?;
    let doomed = choose(args, &store)?;
    if !args.yes && !confirmed(&doomed, &store)? {
        return Ok(Exit::No);
    }
    let operation = || format!("delete {doomed} from {}", store.url());
    if !delete(&store, &doomed).context(operation)? {
        return Err(Failure::cannot(operation(), "it is not there"));
    }
    if out.is_json() {
        out.json_line(&doomed)?;
    } else {
        out.line(format_args!("deleted {doomed}"))?;
    }
    Ok(Exit::Done)
}

fn choose(args: &RmArgs, store: &OpenStore) -> Result<Doomed, Failure> {
    match (args.segment, args.session) {
        (Some(segment_id), session) => {
            let session_id = match session {
                Some(session_id) => session_id,
                None => holder_of(store, segment_id)?,
            };
            Ok(Doomed { session_id, segment_id: Some(segment_id), segments: 1 })
        }
        (None, session) => {
            let session_id = session.expect("the parser wants one of the two");
            let listed = store.list_segments(session_id);
            let segments = listed.context(|| format!("list session {session_id}"))?.len();
            Ok(Doomed { session_id, segment_id: None, segments })
        }
    }
}

fn delete(store: &OpenStore, doomed: &Doomed) -> Result<bool, StoreError> {
    match doomed.segment_id {
        Some(segment_id) => store.delete_segment(doomed.session_id, segment_id),
        None => store.delete_session(doomed.session_id),
    }
}

/// Asks a person; a script has to say `--yes`.
fn confirmed(doomed: &Doomed, store: &OpenStore) -> Result<bool, Failure> {
    let operation = || format!("delete {doomed} from {}", store.url());
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::cannot(operation(), "there is nobody to ask; say so with --yes"));
    }
    let mut answer = String::new();
    write!(io::stderr(), "Delete {doomed} from {} for good? [y/N] ", store.url())
        .and_then(|()| io::stdin().lock().read_line(&mut answer))
        .context(operation)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
