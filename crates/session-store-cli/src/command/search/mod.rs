//! `search`: finds the entries that contain a text, or are of a role, a kind or a time.

mod excerpt;
mod pattern;
mod spelling;
mod texts;

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use session_store::{LogEntry, OpenStore, SegmentKey, SessionId, StoreError, StoreExt};

use self::excerpt::Excerpt;
use self::pattern::{Found, Pattern};
use crate::args::SearchArgs;
use crate::conversation::{Conversation, role_name};
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::output::Output;
use crate::progress::Bar;
use crate::segment::{Segment, reading};
use crate::store::{list_segments, list_sessions, open, unknown_session};

pub(crate) fn run(args: &SearchArgs, out: &mut Output) -> Result<Exit, Failure> {
    let store = open(&args.store)?;
    let sessions = sessions(args, &store)?;
    let mut bar = Bar::new();
    bar.begin("searching", sessions.len());
    let pattern = Pattern::new(&args.pattern)?;
    let names_sessions = args.sessions_with_matches;
    let mut search =
        Search { pattern, names_sessions, out, bar, has_found: false, has_failed: false };
    for session_id in sessions {
        search.session(&store, session_id)?;
    }
    Ok(if search.has_failed { Exit::Failed } else { Exit::done_if(search.has_found) })
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

struct Search<'a> {
    pattern: Pattern<'a>,
    /// Whether only the ids of sessions are printed.
    names_sessions: bool,
    out: &'a mut Output,
    bar: Bar,
    has_found: bool,
    has_failed: bool,
}

impl Search<'_> {
    fn session(&mut self, store: &OpenStore, session_id: SessionId) -> Result<(), Failure> {
        match list_segments(store, session_id) {
            Ok(segments) => {
                for segment_id in segments {
                    let has_found = self.segment(store.segment(session_id, segment_id))?;
                    if has_found && self.names_sessions {
                        let Self { bar, out, .. } = self;
                        bar.suspend(|| out.answer(&Session { session_id }))?;
                        break;
                    }
                }
            }
            Err(failure) => self.fail(&failure),
        }
        self.bar.part_done();
        Ok(())
    }

    /// Searches a log, and prints the hits unless only sessions are printed. Then the first hit
    /// ends the search. Returns whether there was a hit.
    fn segment(&mut self, segment: Segment<'_>) -> Result<bool, Failure> {
        let mut conversation = Conversation::open(segment);
        let mut has_found = false;
        while let Some(line) = conversation.next() {
            let (number, entry) = match line {
                Ok(numbered) => numbered,
                // The segment was deleted after the listing.
                Err(StoreError::NotFound(_)) => continue,
                Err(error) => {
                    self.fail(&Failure::cannot(reading::<LogEntry>(segment), error));
                    continue;
                }
            };
            self.bar.read(1, entry.as_json().len() as u64);
            let found = self.pattern.find(&entry, |entry| conversation.describe(entry));
            let Some(found) = found else { continue };
            (self.has_found, has_found) = (true, true);
            if self.names_sessions {
                break;
            }
            self.print(segment, number, &entry, found)?;
        }
        Ok(has_found)
    }

    fn print(
        &mut self,
        segment: Segment<'_>,
        number: usize,
        entry: &LogEntry,
        found: Found,
    ) -> Result<(), Failure> {
        let Self { bar, out, .. } = self;
        let entry = entry.decode().context(|| reading::<LogEntry>(segment))?;
        let hit = Match::new(segment.key(), number, found, entry);
        bar.suspend(|| match &hit.excerpt {
            Some(excerpt) if out.is_styled() && !out.is_json() => {
                out.text(&format!("{}{}\n", hit.place(), excerpt.styled()))
            }
            _ => out.answer(&hit),
        })
    }

    fn fail(&mut self, failure: &Failure) {
        self.has_failed = true;
        self.bar.suspend(|| failure.report());
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
    excerpt: Option<Excerpt>,
    entry: &'a RawValue,
}

impl<'a> Match<'a> {
    fn new(key: SegmentKey, number: usize, found: Found, entry: &'a RawValue) -> Self {
        let Found { role, time, excerpt } = found;
        let time = time.and_then(|time| Some(Timestamp::try_from(time).ok()?.to_string()));
        Self { key, number, role: role.map(|role| role_name(Some(role))), time, excerpt, entry }
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
        match &self.excerpt {
            Some(excerpt) => f.write_str(&excerpt.plain()),
            None => f.write_str(self.entry.get()),
        }
    }
}
