//! Changes to a log: which script, with which keys, and what its answer means.

use std::fmt::{Arguments, Display};

use redis::Value;
use session_store_core::{BackendError, Head, LogEntry, SegmentId, SessionId, StoreError};
use uuid::Uuid;

use crate::answer::Answer;
use crate::client::{Call, Client};
use crate::keys::{Key, Tag};
use crate::lookup::make_known;
use crate::script::{APPEND, BEGIN, DELETE, STAGE, TRACE, TRUNCATE};

/// What goes into one call; more is staged first.
const MAX_BATCH_BYTES: usize = 4 * 1024 * 1024;
const MAX_BATCH_ENTRIES: usize = 5_000;

/// From how many bytes on a new log's entries are staged, by the command for lists: it takes half the time of
/// a script, through which each goes twice.
const MIN_STAGED_BYTES: usize = 64 * 1024;

/// How long staged entries wait for the rest, in milliseconds.
const STAGED_FOR: &[u8] = b"900000";

/// What becomes of the entries that a log has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Append,
    Replace,
}

/// The head that a log must have to be changed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    Any,
    Exactly(Option<Head>),
}

impl Expected {
    /// As the scripts take it.
    fn text(self) -> String {
        match self {
            Self::Any => String::new(),
            Self::Exactly(None) => String::from("none"),
            Self::Exactly(Some(head)) => head.to_string(),
        }
    }

    /// The error for a log whose head is another.
    fn conflict(self, actual: Option<Head>) -> StoreError {
        let expected = match self {
            Self::Exactly(head) => head,
            Self::Any => None,
        };
        StoreError::Conflict { expected, actual }
    }
}

/// Entries for a log, and how they get there.
pub(crate) struct Write<'a> {
    pub(crate) client: &'a Client,
    pub(crate) key: Key,
    pub(crate) mode: Mode,
    pub(crate) expected: Expected,
    pub(crate) entries: &'a [LogEntry],
}

impl Write<'_> {
    /// Writes all entries in one step, and returns the head after it.
    pub(crate) fn run(&self, attempt: Arguments<'_>) -> Result<Head, StoreError> {
        self.entries.iter().try_for_each(|entry| self.client.check_size(entry.as_json()))?;
        if self.is_one_call() && !self.is_worth_staging() {
            return self.write(attempt, None);
        }
        let tag = Tag::of_session(self.key.0);
        let staging = self.client.keys.staging(tag, &Uuid::new_v4().simple().to_string());
        let staged = self.stage(attempt, tag, &staging);
        let done = staged.and_then(|staged| self.write(attempt, staged.then_some(&staging)));
        match &done {
            // Nobody answers now, or a copy that needs it may still arrive.
            Err(error) if error.is_transient() || error.is_indeterminate() => {}
            Err(_) => self.discard(tag, &staging),
            Ok(_) => {}
        }
        done
    }

    /// A segment that must exist, or most likely does, is written to at once; any other is made known first.
    fn write(
        &self,
        attempt: Arguments<'_>,
        mut staged: Option<&String>,
    ) -> Result<Head, StoreError> {
        let mut born = None;
        if self.creates() {
            born = Some(make_known(self.client, attempt, self.key)?);
        }
        loop {
            match self.once(attempt, staged, born.as_deref())? {
                Answer::Head(head) => return Ok(head),
                Answer::Conflict(actual) => return Err(self.expected.conflict(actual)),
                Answer::Absent => born = Some(make_known(self.client, attempt, self.key)?),
                // What was staged is gone, but is not needed either.
                Answer::Unstaged if self.is_one_call() => staged = None,
                Answer::Unstaged => {
                    let reason =
                        "the entries sent first are gone: they expired, or a failover lost them";
                    return Err(self.client.unlucky(attempt, reason));
                }
                _ => return Err(self.client.unexpected(attempt)),
            }
        }
    }

    fn once(
        &self,
        attempt: Arguments<'_>,
        staged: Option<&String>,
        born: Option<&str>,
    ) -> Result<Answer, StoreError> {
        let (keys, key) = (&self.client.keys, self.key);
        let tag = Tag::of_session(key.0);
        let (session, segment) = (key.0.to_string(), key.1.to_string());
        let (stamp, expected) = (fresh_stamp(), self.expected.text());
        let count = if staged.is_some() { self.entries.len() } else { 0 }.to_string();
        let mode = match self.mode {
            Mode::Append => "append",
            Mode::Replace => "replace",
        };
        let words = [&session, &segment, &stamp, mode, &expected, born.unwrap_or(""), &count];
        let mut args: Vec<_> = words.iter().map(|word| word.as_bytes()).collect();
        let mut names =
            vec![keys.log(key), keys.entries(key), keys.segments(key.0), keys.sessions(tag)];
        match staged {
            Some(staging) => names.push(staging.clone()),
            None => args.extend(self.entries.iter().map(|entry| entry.as_json().as_bytes())),
        }
        if self.mode == Mode::Replace {
            names.push(keys.never(tag));
        }
        self.client.change(attempt, Call { tag, program: &APPEND, keys: names, args })
    }

    /// Whether there is no log, or what it has is replaced.
    fn creates(&self) -> bool {
        self.mode == Mode::Replace || self.expected == Expected::Exactly(None)
    }

    fn is_one_call(&self) -> bool {
        Chunks(self.entries).nth(1).is_none()
    }

    /// Whether a list of entries shall become the log's, which it can where the log has none. The first one
    /// goes through a script in any case.
    fn is_worth_staging(&self) -> bool {
        let bytes = |entry: &LogEntry| entry.as_json().len();
        self.creates() && self.entries.iter().skip(1).map(bytes).sum::<usize>() >= MIN_STAGED_BYTES
    }

    /// Sends entries that are too many for one call, or worth it, to a list of their own. Says whether they
    /// are there; if not, they fit into one call.
    fn stage(
        &self,
        attempt: Arguments<'_>,
        tag: Tag,
        staging: &String,
    ) -> Result<bool, StoreError> {
        if self.is_one_call() {
            return Ok(self.stage_at_once(tag, staging));
        }
        for chunk in Chunks(self.entries) {
            let mut args = vec![STAGED_FOR];
            args.extend(chunk.iter().map(|entry| entry.as_json().as_bytes()));
            let keys = vec![staging.clone()];
            let staged = self.client.change(attempt, Call { tag, program: &STAGE, keys, args });
            staged.map_err(unchanged)?;
        }
        Ok(true)
    }

    /// Whether it went well at the first attempt. If not, nothing stays for long: the list expires from its
    /// first entry on, and the others only join a list that is there.
    fn stage_at_once(&self, tag: Tag, staging: &String) -> bool {
        let Some((first, rest)) = self.entries.split_first() else { return false };
        let keys = std::slice::from_ref(staging);
        let begin = BEGIN.by_text(keys, &[STAGED_FOR, first.as_json().as_bytes()]);
        let mut push = redis::cmd("RPUSHX");
        push.arg(staging);
        for entry in rest {
            push.arg(entry.as_json());
        }
        let Some(values) = self.client.together(&[(tag, begin), (tag, push)]) else { return false };
        matches!(values.last(), Some(&Value::Int(count)) if usize::try_from(count) == Ok(self.entries.len()))
    }

    /// Frees what was staged in vain. Where that does not go well, it expires.
    fn discard(&self, tag: Tag, staging: &str) {
        let mut unlink = redis::cmd("UNLINK");
        unlink.arg(staging);
        drop(self.client.together(&[(tag, unlink)]));
    }
}

/// Whatever became of what was to be staged, the log is as it was.
fn unchanged(error: StoreError) -> StoreError {
    match error {
        StoreError::Indeterminate { operation, source } => {
            BackendError::new(operation, true, source).into()
        }
        definite => definite,
    }
}

/// Slices of entries that each go into one call.
struct Chunks<'a>(&'a [LogEntry]);

impl<'a> Iterator for Chunks<'a> {
    type Item = &'a [LogEntry];

    fn next(&mut self) -> Option<Self::Item> {
        let mut bytes = 0;
        let fits = |entry: &&LogEntry| {
            bytes += entry.as_json().len();
            bytes <= MAX_BATCH_BYTES
        };
        let fitting = self.0.iter().take(MAX_BATCH_ENTRIES).take_while(fits).count();
        let (chunk, rest) = self.0.split_at(fitting.max(1).min(self.0.len()));
        self.0 = rest;
        (!chunk.is_empty()).then_some(chunk)
    }
}

/// Cuts a log to `entries_len` entries, and returns its head.
pub(crate) fn truncate(
    client: &Client,
    (session_id, segment_id): Key,
    expected: Expected,
    entries_len: usize,
) -> Result<Head, StoreError> {
    let attempt = format_args!("truncate segment {segment_id}");
    let key = (session_id, segment_id);
    let (stamp, head, kept) = (fresh_stamp(), expected.text(), entries_len.to_string());
    let (tag, keys) = (Tag::of_session(session_id), &client.keys);
    let call = Call {
        tag,
        program: &TRUNCATE,
        keys: vec![keys.log(key), keys.entries(key), keys.never(tag)],
        args: vec![stamp.as_bytes(), head.as_bytes(), kept.as_bytes()],
    };
    match client.change(attempt, call)? {
        Answer::Head(head) => Ok(head),
        Answer::Conflict(actual) => Err(expected.conflict(actual)),
        Answer::Absent => Err(StoreError::NotFound(segment_id)),
        Answer::Past(entries) => Err(StoreError::past_the_end(segment_id, entries_len, entries)),
        _ => Err(client.unexpected(attempt)),
    }
}

/// Appends to a trace.
pub(crate) fn trace(client: &Client, key: Key, text: &str) -> Result<(), StoreError> {
    client.check_size(text)?;
    let attempt = format_args!("append to the trace of segment {}", key.1);
    let segment = key.1.to_string();
    let call = Call {
        tag: Tag::of_session(key.0),
        program: &TRACE,
        keys: vec![client.keys.trace(key), client.keys.traces(key.0)],
        args: vec![segment.as_bytes(), text.as_bytes()],
    };
    client.change(attempt, call).map(drop)
}

/// How much of a session to delete.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All of it or nothing; `Answer::Grown` if it has segments that are not named.
    Whole,
    /// The segments named.
    Part,
}

/// Deletes segments of a session, with their traces, in one step.
pub(crate) fn delete(
    client: &Client,
    attempt: impl Display,
    session_id: SessionId,
    extent: Extent,
    segment_ids: &[SegmentId],
) -> Result<Answer, StoreError> {
    let keys = &client.keys;
    let tag = Tag::of_session(session_id);
    let mut names = vec![keys.sessions(tag), keys.segments(session_id), keys.traces(session_id)];
    for &segment_id in segment_ids {
        let key = (session_id, segment_id);
        names.extend([keys.log(key), keys.entries(key), keys.trace(key)]);
    }
    names.push(keys.never(tag));
    let session = session_id.to_string();
    let segments: Vec<_> = segment_ids.iter().map(SegmentId::to_string).collect();
    let extent: &[u8] = if extent == Extent::Whole { b"whole" } else { b"" };
    let mut args = vec![session.as_bytes(), extent];
    args.extend(segments.iter().map(String::as_bytes));
    client.change(attempt, Call { tag, program: &DELETE, keys: names, args })
}

/// The mark of one change, never used before.
fn fresh_stamp() -> String {
    Uuid::new_v4().simple().to_string()
}
