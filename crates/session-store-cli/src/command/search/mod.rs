//! `search`: finds the entries that contain a text, or are of a role, a kind or a time.

mod excerpt;
mod jobs;
mod pattern;
mod spelling;
mod texts;

use std::cell::Cell;
use std::num::NonZero;
use std::sync::mpsc::SyncSender;
use std::{fmt, thread};

use jiff::Timestamp;
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use session_store::{
    LogEntry, OpenStore, PageRequest, SegmentKey, SessionId, StoreError, StoreExt, TraceEntry,
};

use self::excerpt::Excerpt;
use self::jobs::run_in_order;
use self::pattern::{Found, Pattern};
use crate::args::SearchArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::log_format::{LogFormat, role_name};
use crate::message::is_incomplete;
use crate::output::Output;
use crate::progress::Bar;
use crate::segment::{Segment, lines, reading};
use crate::store::{list_segments, list_sessions, open, unknown_session};

/// The size of the pages that are read. A file store reads a log in one pass if one page holds the
/// log. For the first page of a longer log, the store reads 1 MiB, so a page must be smaller.
const PAGE_BYTES: usize = 960 * 1024;

pub(crate) fn run(args: &SearchArgs, out: &mut Output) -> Result<Exit, Failure> {
    let store = open(&args.store)?;
    let sessions = sessions(args, &store)?;
    let mut bar = Bar::new();
    bar.begin("searching", sessions.len());
    let pattern = Pattern::new(&args.pattern, args.traces)?;
    let names_sessions = args.sessions_with_matches;
    let mut report = Report { out, bar, has_found: false };
    let jobs = thread::available_parallelism().map_or(1, NonZero::get);
    let work = |session_id, events: &SyncSender<Event>| {
        let (store, pattern, traces) = (&store, &pattern, args.traces);
        let search = Search { store, pattern, names_sessions, traces, events };
        // Ignore the error. The search stops early only if the caller's thread does not receive
        // events any more.
        let _ = search.session(session_id);
    };
    run_in_order(jobs, sessions, work, |event| report.receive(event))?;
    // If a part could not be read, return success here. `main` then replaces it by the exit status
    // of an error.
    Ok(Exit::done_if(report.has_found || is_incomplete()))
}

/// Returns the sessions to search. A session that the user named must exist.
fn sessions(args: &SearchArgs, store: &OpenStore) -> Result<Vec<SessionId>, Failure> {
    let mut sessions = list_sessions(store)?;
    let named = args.sessions.iter().map(|session| session.resolve(store));
    let named = named.collect::<Result<Vec<_>, _>>()?;
    if let Some(missing) = named.iter().find(|session| !sessions.contains(session)) {
        return Err(unknown_session(store, *missing));
    }
    sessions.retain(|id| named.is_empty() || named.contains(id));
    Ok(sessions)
}

/// The search in one session. It ends early if sending an event fails.
struct Search<'a> {
    store: &'a OpenStore,
    pattern: &'a Pattern<'a>,
    /// Whether only the ids of sessions are printed.
    names_sessions: bool,
    traces: bool,
    events: &'a SyncSender<Event>,
}

/// An event of the search.
enum Event {
    /// Entries of a segment match. The matches of a page are one event, because each event can
    /// wake the thread that prints.
    Hits(SegmentKey, Vec<Hit>),
    /// A session contains a match.
    Session(SessionId),
    /// Entries were read, with this number of bytes.
    Read(usize, u64),
    /// A part of the store cannot be read.
    Failed(Failure),
    /// A session was searched.
    Done,
}

/// An entry that matches.
struct Hit {
    /// The number of the entry in its segment, from 1.
    number: usize,
    entry: LogEntry,
    found: Found,
}

/// The error of a search whose events are not received any more.
struct Stopped;

impl Search<'_> {
    fn session(&self, session_id: SessionId) -> Result<(), Stopped> {
        match list_segments(self.store, session_id) {
            Ok(segments) => {
                for segment_id in segments {
                    let segment = self.store.segment(session_id, segment_id);
                    let has_found =
                        if self.traces { self.trace(segment) } else { self.segment(segment) }?;
                    if has_found && self.names_sessions {
                        self.send(Event::Session(session_id))?;
                        break;
                    }
                }
            }
            Err(failure) => self.send(Event::Failed(failure))?,
        }
        self.send(Event::Done)
    }

    /// Searches a log. If only sessions are printed, the first hit ends the search. Returns whether
    /// there was a hit.
    fn segment(&self, segment: Segment<'_>) -> Result<bool, Stopped> {
        let format = LogFormat::new(segment);
        let (mut has_found, mut start) = (false, 0);
        loop {
            let bytes = Cell::new(0);
            // The store checks only the lines for which this function returns true. The function
            // returns true for a bad line too, so that the store checks the line and reports it.
            let may_match = |text: &str| {
                bytes.set(bytes.get() + text.len() as u64);
                self.pattern.may_be_in(text) || !LogEntry::is_valid(text)
            };
            let request = PageRequest::new(start, PAGE_BYTES).with_head(start > 0);
            let (entries, head) = match segment.read_page_matching(request, &may_match) {
                Ok(page) => page,
                // The segment was deleted after the listing.
                Err(StoreError::NotFound(_)) => return Ok(has_found),
                // The page contains a bad line, or cannot be read. Reading line by line reports
                // that.
                Err(_) => return Ok(self.lines(segment, start, &format)? | has_found),
            };
            let read = entries.len();
            let hits = (start + 1..)
                .zip(entries)
                .filter_map(|(number, entry)| self.hit(number, entry?, &format))
                .take(if self.names_sessions { 1 } else { usize::MAX });
            has_found |= self.send_hits(segment, hits)?;
            if has_found && self.names_sessions {
                return Ok(true);
            }
            self.send(Event::Read(read, bytes.get()))?;
            start += read;
            if read == 0 || head.is_some_and(|head| start >= head.entries()) {
                return Ok(has_found);
            }
        }
    }

    /// Searches a trace, whose entries have no format.
    fn trace(&self, segment: Segment<'_>) -> Result<bool, Stopped> {
        let format = LogFormat::new(segment);
        let mut entries = lines::<TraceEntry>(segment, 0);
        let mut has_found = false;
        while let Some(entry) = entries.next() {
            match entry.and_then(|entry| LogEntry::from_json(entry.as_json())) {
                Ok(entry) if self.pattern.may_be_in(entry.as_json()) => {
                    let hit = self.hit(entries.pages().position(), entry, &format);
                    has_found |= self.send_hits(segment, hit)?;
                }
                Ok(_) => {}
                Err(error) => {
                    let failure = Failure::cannot(reading::<TraceEntry>(segment), error);
                    self.send(Event::Failed(failure))?;
                }
            }
        }
        Ok(has_found)
    }

    /// Searches the rest of a log line by line, and reports the lines that are not entries.
    fn lines(
        &self,
        segment: Segment<'_>,
        start: usize,
        format: &LogFormat<'_>,
    ) -> Result<bool, Stopped> {
        let mut entries = lines::<LogEntry>(segment, start);
        let mut has_found = false;
        while let Some(entry) = entries.next() {
            match entry {
                Ok(entry) if self.pattern.may_be_in(entry.as_json()) => {
                    let hit = self.hit(entries.pages().position(), entry, format);
                    has_found |= self.send_hits(segment, hit)?;
                }
                Ok(_) | Err(StoreError::NotFound(_)) => {}
                Err(error) => {
                    let failure = Failure::cannot(reading::<LogEntry>(segment), error);
                    self.send(Event::Failed(failure))?;
                }
            }
        }
        Ok(has_found)
    }

    /// Decodes an entry that may match. Returns `None` if the entry does not match.
    fn hit(&self, number: usize, entry: LogEntry, format: &LogFormat<'_>) -> Option<Hit> {
        let found = self.pattern.find(&entry, |entry| format.describe(entry))?;
        Some(Hit { number, entry, found })
    }

    /// Sends the hits in a segment. Returns whether there is a hit.
    fn send_hits(
        &self,
        segment: Segment<'_>,
        hits: impl IntoIterator<Item = Hit>,
    ) -> Result<bool, Stopped> {
        let hits: Vec<_> = hits.into_iter().collect();
        let has_found = !hits.is_empty();
        if has_found && !self.names_sessions {
            self.send(Event::Hits(segment.key(), hits))?;
        }
        Ok(has_found)
    }

    fn send(&self, event: Event) -> Result<(), Stopped> {
        self.events.send(event).map_err(|_| Stopped)
    }
}

/// The output of a search.
struct Report<'a> {
    out: &'a mut Output,
    bar: Bar,
    has_found: bool,
}

impl Report<'_> {
    fn receive(&mut self, event: Event) -> Result<(), Failure> {
        let Self { out, bar, .. } = self;
        match event {
            Event::Hits(key, hits) => {
                self.has_found = true;
                bar.suspend(|| hits.iter().try_for_each(|hit| print(out, &Match::new(key, hit))))
            }
            Event::Session(session_id) => {
                self.has_found = true;
                bar.suspend(|| out.answer(&Session { session_id }))
            }
            Event::Read(entries, bytes) => {
                bar.read(entries, bytes);
                Ok(())
            }
            Event::Failed(failure) => {
                bar.suspend(|| failure.report());
                Ok(())
            }
            Event::Done => {
                bar.part_done();
                Ok(())
            }
        }
    }
}

/// Prints a match, with the hit in color if the output is colored.
fn print(out: &mut Output, hit: &Match<'_>) -> Result<(), Failure> {
    match hit.excerpt {
        Some(excerpt) if out.is_styled() && !out.is_json() => {
            out.text(&format!("{}{}\n", hit.place(), excerpt.styled()))?;
            out.flush()
        }
        _ => out.answer(hit),
    }
}

/// A session with a match.
#[derive(Serialize)]
struct Session {
    session_id: SessionId,
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.session_id.fmt(f)
    }
}

/// An entry that matches, and its place.
#[derive(Serialize)]
struct Match<'a> {
    #[serde(flatten)]
    key: SegmentKey,
    /// The number of the entry in its segment, from 1.
    number: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    excerpt: Option<&'a Excerpt>,
    #[serde(serialize_with = "as_json")]
    entry: &'a LogEntry,
}

/// Writes the entry as it is stored. Only the output as JSON decodes the entry.
fn as_json<S: Serializer>(entry: &LogEntry, serializer: S) -> Result<S::Ok, S::Error> {
    entry.decode::<&RawValue>().map_err(S::Error::custom)?.serialize(serializer)
}

impl<'a> Match<'a> {
    fn new(key: SegmentKey, Hit { number, entry, found }: &'a Hit) -> Self {
        let time = found.time.and_then(|time| Some(Timestamp::try_from(time).ok()?.to_string()));
        let role = found.role.map(|role| role_name(Some(role)));
        Self { key, number: *number, role, time, excerpt: found.excerpt.as_ref(), entry }
    }

    /// Returns the text before the entry or the excerpt.
    fn place(&self) -> String {
        let SegmentKey { session_id, segment_id } = self.key;
        let place = format!("{session_id}:{segment_id}:{}:", self.number);
        match self.excerpt {
            Some(_) => format!("{place}{}: ", self.role.unwrap_or(role_name(None))),
            None => place,
        }
    }
}

impl fmt::Display for Match<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place())?;
        match self.excerpt {
            Some(excerpt) => f.write_str(&excerpt.plain()),
            None => f.write_str(self.entry.as_json()),
        }
    }
}
