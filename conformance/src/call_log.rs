//! The call log: the last calls before a failure, in the order in which they returned.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use session_store_core::{SegmentId, SessionId};
use uuid::Uuid;

use crate::panics;

/// The number of calls that are kept. The last calls are enough to explain a failure.
const KEPT: usize = 40;

/// The maximum number of ids that are printed in full. A longer list would hide the calls.
const IDS_SHOWN: usize = 8;

/// The calls of one check. Ids appear as `s1`, `g2`, and so on, numbered in the order of their
/// first appearance.
#[derive(Default)]
pub(crate) struct CallLog(Mutex<Lines>);

#[derive(Default)]
struct Lines {
    last: VecDeque<String>,
    count: usize,
    handles: usize,
    names: HashMap<Uuid, String>,
    /// The calls that have not returned, with their numbers.
    running: BTreeMap<usize, String>,
    started: usize,
    /// Whether a call has panicked.
    panicked: bool,
}

/// A call that has started. If this value is dropped without a call of [`end`](Self::end), the call
/// has panicked.
#[must_use]
pub(crate) struct StartedCall<'a> {
    call_log: &'a CallLog,
    number: usize,
    ended: bool,
}

impl StartedCall<'_> {
    /// Records that the call has returned.
    pub(crate) fn end(mut self) {
        self.ended = true;
    }
}

impl Drop for StartedCall<'_> {
    fn drop(&mut self) {
        let place = panics::end_call();
        let mut lines = self.call_log.lines();
        if let (Some(call), false) = (lines.running.remove(&self.number), self.ended) {
            lines.panicked = true;
            let place = place.map(|place| format!(" at {place}")).unwrap_or_default();
            lines.record(format!("{call} -> panicked{place}"));
        }
    }
}

impl CallLog {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the number of a newly opened handle.
    pub(crate) fn next_handle(&self) -> usize {
        let mut lines = self.lines();
        lines.handles += 1;
        lines.handles
    }

    pub(crate) fn record(&self, line: String) {
        self.lines().record(line);
    }

    /// Records the start of a call without a handle, such as `open`.
    pub(crate) fn start(&self, name: &str) -> StartedCall<'_> {
        self.start_described(|_| name.to_owned())
    }

    /// Records the start of a call on a handle.
    pub(crate) fn start_call(
        &self,
        handle: usize,
        name: &str,
        ids: (Option<SessionId>, Option<SegmentId>),
    ) -> StartedCall<'_> {
        self.start_described(|lines| {
            format!("#{handle} {name}({})", lines.names_of(ids).collect::<Vec<_>>().join(", "))
        })
    }

    fn start_described(&self, describe: impl FnOnce(&mut Lines) -> String) -> StartedCall<'_> {
        let mut lines = self.lines();
        let call = describe(&mut lines);
        lines.started += 1;
        let number = lines.started;
        lines.running.insert(number, call);
        panics::begin_call();
        StartedCall { call_log: self, number, ended: false }
    }

    /// Returns whether a call has panicked.
    pub(crate) fn has_panicked_call(&self) -> bool {
        self.lines().panicked
    }

    /// Records a call on a handle and its outcome, with short names for the ids.
    pub(crate) fn record_call(
        &self,
        handle: usize,
        name: &str,
        ids: (Option<SessionId>, Option<SegmentId>),
        arguments: String,
        outcome: &str,
    ) {
        let mut lines = self.lines();
        let arguments = Some(arguments).filter(|arguments| !arguments.is_empty());
        let arguments: Vec<_> = lines.names_of(ids).chain(arguments).collect();
        lines.record(format!("#{handle} {name}({}) -> {outcome}", arguments.join(", ")));
    }

    /// Returns the message of a failure followed by the calls, with short names for the ids. If
    /// there are few ids, a last line lists them in full.
    pub(crate) fn failure_report(&self, message: &str) -> String {
        let lines = self.lines();
        let mut report = lines.with_short_names(&format!("{message}\n{lines}"));
        if (1..=IDS_SHOWN).contains(&lines.names.len()) {
            let mut ids: Vec<_> = lines.names.iter().map(|(id, name)| (name, id)).collect();
            ids.sort_by_key(|(name, _)| &name[1..]);
            let ids: Vec<_> = ids.iter().map(|(name, id)| format!("{name} {id}")).collect();
            let _ = write!(report, "\nids: {}", ids.join(", "));
        }
        report
    }
}

impl Lines {
    fn record(&mut self, line: String) {
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        self.last.push_back(line);
        self.count += 1;
    }

    /// Returns the short names of the ids of a call.
    fn names_of(
        &mut self,
        (session, segment): (Option<SessionId>, Option<SegmentId>),
    ) -> impl Iterator<Item = String> + use<> {
        let session = session.map(|id| self.name("s", id.into()));
        let segment = segment.map(|id| self.name("g", id.into()));
        session.into_iter().chain(segment)
    }

    fn name(&mut self, letter: &str, id: Uuid) -> String {
        let next = self.names.len() + 1;
        self.names.entry(id).or_insert_with(|| format!("{letter}{next}")).clone()
    }

    /// Replaces each id in the text by its short name.
    fn with_short_names(&self, text: &str) -> String {
        let separates = |c: char| !c.is_ascii_hexdigit() && c != '-';
        let replaced = text.split_inclusive(separates).map(|piece| {
            let id = piece.trim_end_matches(separates);
            let name = Uuid::try_parse(id).ok().and_then(|id| self.names.get(&id));
            name.map_or_else(|| piece.to_owned(), |name| piece.replacen(id, name, 1))
        });
        replaced.collect()
    }
}

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.count == 0 && self.running.is_empty() {
            return f.write_str("no call was made before the failure");
        }
        let first = self.count - self.last.len() + 1;
        write!(f, "calls before the failure")?;
        if first > 1 {
            write!(f, " (the last {} of {})", self.last.len(), self.count)?;
        }
        for (line, number) in self.last.iter().zip(first..) {
            write!(f, "\n  {number:>4}. {line}")?;
        }
        if !self.running.is_empty() {
            write!(f, "\ncalls that have not returned")?;
        }
        for call in self.running.values() {
            write!(f, "\n        {call}")?;
        }
        Ok(())
    }
}
