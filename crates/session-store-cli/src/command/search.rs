//! `search`: prints the entries that contain a text or are of a kind.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use session_store::{LogEntry, OpenStore, SegmentKey, SessionId, StoreError, StoreExt};

use crate::args::{PatternArgs, SearchArgs};
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::output::Output;
use crate::progress::Bar;
use crate::segment::{Segment, lines, reading};
use crate::store::{list_segments, list_sessions, open, unknown_session};

pub(crate) fn run(args: &SearchArgs, out: &mut Output) -> Result<Exit, Failure> {
    let store = open(&args.store)?;
    let sessions = sessions(args, &store)?;
    let mut bar = Bar::new();
    bar.begin("searching", sessions.len());
    let pattern = Pattern::new(&args.pattern);
    let mut search = Search { pattern, out, bar, has_found: false, has_failed: false };
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
                    self.segment(store.segment(session_id, segment_id))?;
                }
            }
            Err(failure) => self.fail(&failure),
        }
        self.bar.part_done();
        Ok(())
    }

    fn segment(&mut self, segment: Segment<'_>) -> Result<(), Failure> {
        let mut lines = lines::<LogEntry>(segment, 0);
        while let Some(line) = lines.next() {
            match line {
                Ok(entry) => self.entry(segment, lines.pages().position(), entry.as_json())?,
                // The segment was deleted after the listing.
                Err(StoreError::NotFound(_)) => {}
                Err(error) => self.fail(&Failure::cannot(reading::<LogEntry>(segment), error)),
            }
        }
        Ok(())
    }

    fn entry(&mut self, segment: Segment<'_>, number: usize, json: &str) -> Result<(), Failure> {
        self.bar.read(1, json.len() as u64);
        if !self.pattern.matches(json) {
            return Ok(());
        }
        self.has_found = true;
        let entry = serde_json::from_str(json).context(|| reading::<LogEntry>(segment))?;
        let found = Match { key: segment.key(), number, entry };
        let Self { bar, out, .. } = self;
        bar.suspend(|| out.answer(&found))
    }

    fn fail(&mut self, failure: &Failure) {
        self.has_failed = true;
        self.bar.suspend(|| failure.report());
    }
}

/// An entry that matches, and its place.
#[derive(Serialize)]
struct Match<'a> {
    #[serde(flatten)]
    key: SegmentKey,
    /// The number of the entry in its segment, from 1.
    number: usize,
    entry: &'a RawValue,
}

impl fmt::Display for Match<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key: SegmentKey { session_id, segment_id }, number, entry } = self;
        write!(f, "{session_id}:{segment_id}:{number}:{entry}")
    }
}

/// The conditions that an entry must meet.
struct Pattern<'a> {
    text: Option<Cow<'a, str>>,
    ignore_case: bool,
    kind: Option<&'a str>,
}

impl<'a> Pattern<'a> {
    fn new(args: &'a PatternArgs) -> Self {
        let text = args.text.as_deref().map(|text| match args.ignore_case {
            true => Cow::Owned(text.to_lowercase()),
            false => Cow::Borrowed(text),
        });
        Self { text, ignore_case: args.ignore_case, kind: args.kind.as_deref() }
    }

    fn matches(&self, json: &str) -> bool {
        let has_text = self.text.as_deref().is_none_or(|text| match self.ignore_case {
            true => json.to_lowercase().contains(text),
            false => json.contains(text),
        });
        has_text && self.kind.is_none_or(|kind| kind_of(json).as_deref() == Some(kind))
    }
}

/// Returns the kind of an entry. Some programs name this field `type`.
fn kind_of(json: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Fields<'a> {
        #[serde(borrow)]
        kind: Option<&'a RawValue>,
        #[serde(borrow)]
        r#type: Option<&'a RawValue>,
    }
    let Fields { kind, r#type } = serde_json::from_str(json).ok()?;
    serde_json::from_str(kind.or(r#type)?.get()).ok()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(r#"{"kind":"user_input","type":"x"}"#, Some("user_input"))]
    #[case(r#"{"type":"assistant","kind":null}"#, Some("assistant"))]
    #[case(r#"{"n":1e999,"deep":[{"kind":"no"}],"kind":"tu\u0072n_end"}"#, Some("turn_end"))]
    #[case(r#"{"kind":"a","kind":"b"}"#, None)]
    #[case(r#"{"kind":1,"type":"a"}"#, None)]
    #[case("{}", None)]
    fn a_kind_is_a_field_of_the_entry(#[case] json: &str, #[case] kind: Option<&str>) {
        assert_eq!(kind_of(json).as_deref(), kind);
    }

    #[rstest]
    #[case(Some("Leap"), false, None, true)]
    #[case(Some("leap"), false, None, false)]
    #[case(Some("LEAP été"), true, None, true)]
    #[case(None, false, Some("note"), true)]
    #[case(Some("Leap"), false, Some("note"), true)]
    #[case(Some("Leap"), false, Some("not"), false)]
    #[case(Some("winter"), true, Some("note"), false)]
    fn text_and_kind_must_both_match(
        #[case] text: Option<&str>,
        #[case] ignore_case: bool,
        #[case] kind: Option<&str>,
        #[case] expected: bool,
    ) {
        let [text, kind] = [text, kind].map(|text| text.map(str::to_owned));
        let args = PatternArgs { text, kind, ignore_case };
        let matches = Pattern::new(&args).matches(r#"{"kind":"note","text":"Leap ÉTÉ"}"#);
        assert_eq!(matches, expected);
    }
}
