//! `ls`: the sessions of a store, or the segments of a session.

use serde::Serialize;
use session_store::{OpenStore, SegmentId, SessionId, Store};

use crate::args::LsArgs;
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::output::Output;
use crate::store::{list_segments, list_sessions, open, unknown_session};
use crate::table::{Row, Table, cell, cell_or_dash, created};

/// A session. Its entries are unknown as soon as one of its segments cannot be counted.
#[derive(Serialize)]
struct SessionRow {
    session_id: SessionId,
    created: Option<String>,
    segments: Option<usize>,
    entries: Option<usize>,
}

impl Row for SessionRow {
    const HEADER: &'static [&'static str] = &["SESSION", "CREATED", "SEGMENTS", "ENTRIES"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.session_id.to_string(),
            cell_or_dash(self.created.as_ref()),
            cell(self.segments),
            cell(self.entries),
        ]
    }

    fn is_known(&self) -> bool {
        self.entries.is_some()
    }
}

#[derive(Serialize)]
struct SegmentRow {
    segment_id: SegmentId,
    created: Option<String>,
    entries: Option<usize>,
}

impl Row for SegmentRow {
    const HEADER: &'static [&'static str] = &["SEGMENT", "CREATED", "ENTRIES"];

    fn cells(&self) -> Vec<String> {
        vec![self.segment_id.to_string(), cell_or_dash(self.created.as_ref()), cell(self.entries)]
    }

    fn is_known(&self) -> bool {
        self.entries.is_some()
    }
}

pub(crate) fn run(args: &LsArgs, out: &mut Output) -> Result<Exit, Failure> {
    let store = open(&args.store)?;
    match args.session {
        Some(session_id) => print_segments(&store, session_id, out),
        None => print_sessions(&store, out),
    }
}

fn print_sessions(store: &OpenStore, out: &mut Output) -> Result<Exit, Failure> {
    let mut table = Table::new(out);
    for session_id in list_sessions(store)? {
        table.row(&session_row(store, session_id))?;
    }
    table.finish()
}

fn session_row(store: &OpenStore, session_id: SessionId) -> SessionRow {
    let segments = known(list_segments(store, session_id));
    // All are counted before the sum gives up, so that each broken one is named.
    let counts = segments.as_ref().map(|segments| -> Vec<_> {
        segments.iter().map(|&segment_id| known(count(store, session_id, segment_id))).collect()
    });
    SessionRow {
        session_id,
        created: created(session_id.into()),
        segments: segments.map(|segments| segments.len()),
        entries: counts.and_then(|counts| counts.into_iter().sum()),
    }
}

fn print_segments(
    store: &OpenStore,
    session_id: SessionId,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let segments = list_segments(store, session_id)?;
    if segments.is_empty() {
        return Err(unknown_session(store, session_id));
    }
    let mut table = Table::new(out);
    for segment_id in segments {
        let entries = known(count(store, session_id, segment_id));
        table.row(&SegmentRow { segment_id, created: created(segment_id.into()), entries })?;
    }
    table.finish()
}

fn count(
    store: &OpenStore,
    session_id: SessionId,
    segment_id: SegmentId,
) -> Result<usize, Failure> {
    let counted = store.read_entry_count(session_id, segment_id);
    counted.context(|| format!("count segment {segment_id} of session {session_id}"))
}

/// What cannot be found out is told on standard error and does not stop the listing.
fn known<T>(found: Result<T, Failure>) -> Option<T> {
    found.inspect_err(Failure::report).ok()
}
