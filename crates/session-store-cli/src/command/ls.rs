//! `ls`: lists the sessions of a store, or the segments of a session.

use std::cell::OnceCell;
use std::cmp::Reverse;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use indicatif::HumanBytes;
use serde::Serialize;
use session_store::{OpenStore, SegmentId, SessionId};

use crate::args::{LsArgs, SortArg};
use crate::content_time::{ContentTime, TimeSource, time_in_id};
use crate::exit::Exit;
use crate::failure::{Failure, ok_or_report};
use crate::listing::{ListedSegment, ListedSession, for_each_session, read_session};
use crate::output::Output;
use crate::store::{open, unknown_session};
use crate::table::{Row, Table, cell, cell_or_dash, created, in_seconds};
use crate::text::entries as entries_text;
use crate::title::{main_segment, read_headline};

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
}

/// A session with the columns of `--long`.
#[derive(Serialize)]
pub(super) struct LongRow {
    #[serde(flatten)]
    row: SessionRow,
    written: Option<String>,
    written_source: Option<TimeSource>,
    bytes: Option<u64>,
    agent: Option<&'static str>,
    title: Option<String>,
}

impl LongRow {
    /// Returns the mark that is printed after the time. A time that comes from an entry has no
    /// mark.
    const fn source(&self) -> &'static str {
        match self.written_source {
            None | Some(TimeSource::Entry) => "",
            Some(TimeSource::Id) => " (id)",
            Some(TimeSource::Storage) => " (storage)",
        }
    }
}

impl fmt::Display for LongRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.row.entries.map_or_else(|| "? entries".to_owned(), entries_text))?;
        if let Some(bytes) = self.bytes {
            write!(f, ", {}", HumanBytes(bytes))?;
        }
        if let Some(written) = &self.written {
            write!(f, ", written {written}{}", self.source())?;
        }
        self.title.as_ref().map_or(Ok(()), |title| write!(f, ": {title}"))
    }
}

impl Row for LongRow {
    const HEADER: &'static [&'static str] =
        &["SESSION", "CREATED", "SEGMENTS", "ENTRIES", "WRITTEN", "BYTES", "AGENT", "TITLE"];

    fn cells(&self) -> Vec<String> {
        let mut cells = self.row.cells();
        cells.extend([
            cell_or_dash(self.written.as_ref().map(|time| format!("{time}{}", self.source()))),
            cell_or_dash(self.bytes),
            cell_or_dash(self.agent),
            cell_or_dash(self.title.as_ref()),
        ]);
        cells
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
}

pub(crate) fn run(args: &LsArgs, out: &mut Output) -> Result<Exit, Failure> {
    let store = open(&args.store)?;
    match &args.session {
        Some(session) => print_segments(&store, session.resolve(&store)?, out),
        None => print_sessions(&store, args, out),
    }
}

fn print_sessions(store: &OpenStore, args: &LsArgs, out: &mut Output) -> Result<Exit, Failure> {
    let limit = args.limit.unwrap_or(usize::MAX);
    let mut table = Table::new(out);
    let mut print = |session: DatedSession| {
        if args.long {
            table.row(&long_row(store, session))
        } else {
            table.row(&session_row(session.session))
        }
    };
    let Some(order) = args.sort else {
        let mut shown = 0;
        for_each_session(store, |session| {
            let session = DatedSession::new(session);
            if shown == limit || !session.is_in(store, args) {
                return Ok(());
            }
            shown += 1;
            print(session)
        })?;
        return table.finish();
    };
    let mut sessions = Vec::new();
    for_each_session(store, |session| {
        sessions.push(DatedSession::new(session));
        Ok(())
    })?;
    if matches!(order, SortArg::Written) {
        DatedSession::read_times(store, &mut sessions);
    }
    sessions.retain(|session| session.is_in(store, args));
    sessions.sort_by_cached_key(|session| Reverse(session.rank(store, order)));
    sessions.into_iter().take(limit).try_for_each(print)?;
    table.finish()
}

/// A session and its time. The time is read when it is first needed, so a listing without times
/// reads no entries.
struct DatedSession {
    session: ListedSession,
    time: OnceCell<Option<ContentTime>>,
}

impl DatedSession {
    const fn new(session: ListedSession) -> Self {
        Self { session, time: OnceCell::new() }
    }

    /// Reads the times of all sessions.
    fn read_times(store: &OpenStore, sessions: &mut [Self]) {
        let listed: Vec<_> = sessions.iter().map(|dated| &dated.session).collect();
        let times = ContentTime::of_sessions(store, &listed);
        sessions.iter_mut().zip(times).for_each(|(dated, time)| dated.time = OnceCell::from(time));
    }

    fn time(&self, store: &OpenStore) -> Option<ContentTime> {
        *self.time.get_or_init(|| ContentTime::of_session(store, &self.session))
    }

    /// Returns whether the time of the session is in the range that the arguments give.
    fn is_in(&self, store: &OpenStore, args: &LsArgs) -> bool {
        if args.since.is_none() && args.until.is_none() {
            return true;
        }
        self.time(store).is_some_and(|ContentTime { time, .. }| {
            args.since.is_none_or(|since| time >= since)
                && args.until.is_none_or(|until| time < until)
        })
    }

    /// Returns the value by which a session is sorted. A session whose value is unknown is the
    /// last.
    fn rank(&self, store: &OpenStore, order: SortArg) -> Option<u128> {
        let nanos = |time: SystemTime| Some(time.duration_since(UNIX_EPOCH).ok()?.as_nanos());
        match order {
            SortArg::Created => nanos(time_in_id(self.session.session_id.into())?),
            SortArg::Written => nanos(self.time(store)?.time),
            SortArg::Size => bytes(&self.session).map(u128::from),
        }
    }
}

/// Returns the size of all logs of a session.
fn bytes(session: &ListedSession) -> Option<u64> {
    let segments = session.segments.as_ref().ok()?;
    segments.iter().map(|segment| segment.info.as_ref().ok()?.bytes).sum()
}

/// Returns the row of a session for `--long`. The program and the title come from the beginning of
/// its main log. If the log cannot be read, the error is reported and both are unknown.
fn long_row(store: &OpenStore, session: DatedSession) -> LongRow {
    let time = session.time(store);
    let session = session.session;
    let main = session.segments.as_deref().ok().and_then(main_segment);
    let headline = main.and_then(|key| ok_or_report(read_headline(store, key))?);
    LongRow {
        written: time.and_then(|found| in_seconds(found.time)),
        written_source: time.map(|found| found.source),
        bytes: bytes(&session),
        agent: headline.as_ref().map(|headline| headline.agent),
        title: headline.and_then(|headline| headline.title),
        row: session_row(session),
    }
}

/// Reads the row of a session, or of one of its segments, for a command that deletes it.
pub(super) fn read_long_row(
    store: &OpenStore,
    session_id: SessionId,
    segment_id: Option<SegmentId>,
) -> LongRow {
    let mut session = read_session(store, session_id);
    if let (Ok(segments), Some(segment_id)) = (&mut session.segments, segment_id) {
        segments.retain(|segment| segment.key.segment_id == segment_id);
    }
    long_row(store, DatedSession::new(session))
}

fn session_row(ListedSession { session_id, segments }: ListedSession) -> SessionRow {
    let segments = ok_or_report(segments);
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
