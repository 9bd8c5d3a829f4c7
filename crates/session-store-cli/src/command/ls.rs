//! `ls`: lists the sessions of a store, or the segments of a session.

use serde::Serialize;
use session_store::{OpenStore, SegmentId, SessionId};

use crate::args::LsArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::listing::{ListedSegment, ListedSession, for_each_session, read_session};
use crate::output::Output;
use crate::store::{open, unknown_session};
use crate::table::{Row, Table, cell, cell_or_dash, created};

/// A session. The number of its entries is unknown if a segment cannot be counted.
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
    match &args.session {
        Some(session) => print_segments(&store, session.resolve(&store)?, out),
        None => print_sessions(&store, out),
    }
}

fn print_sessions(store: &OpenStore, out: &mut Output) -> Result<Exit, Failure> {
    let mut table = Table::new(out);
    for_each_session(store, |session| table.row(&session_row(session)))?;
    table.finish()
}

fn session_row(ListedSession { session_id, segments }: ListedSession) -> SessionRow {
    let segments = known(segments);
    // All counts are collected before they are added. `sum` alone would stop at the first unknown
    // count, and the errors of later segments would not be reported.
    let counts = segments.as_ref().map(|segments| segments.iter().map(entries).collect::<Vec<_>>());
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
    let segments = read_session(store, session_id).segments?;
    if segments.is_empty() {
        return Err(unknown_session(store, session_id));
    }
    let mut table = Table::new(out);
    for segment in segments {
        let segment_id = segment.key.segment_id;
        let created = created(segment_id.into());
        table.row(&SegmentRow { segment_id, created, entries: entries(&segment) })?;
    }
    table.finish()
}

fn entries(segment: &ListedSegment) -> Option<usize> {
    let info = segment.info.as_ref();
    info.inspect_err(|failure| failure.report()).ok().map(|info| info.head.entries())
}

/// Reports an error on standard error. The listing goes on with an unknown value.
fn known<T>(read: Result<T, Failure>) -> Option<T> {
    read.inspect_err(Failure::report).ok()
}
