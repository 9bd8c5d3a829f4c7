//! Changes to a log: which script, with which keys, and what its answer means.

use std::fmt::{Arguments, Display};

use redis::Value;
use session_store_core::{BackendError, Head, LogEntry, SegmentId, SessionId, StoreError};
use uuid::Uuid;

use crate::answer::Answer;
use crate::client::{Call, Client};
use crate::keys::{Key, Tag};
use crate::lookup::make_known;
use crate::script::{APPEND, DELETE, STAGE, TRACE, TRUNCATE};

/// The server's limit for one string (`proto-max-bulk-len`), unless it is configured otherwise.
const MAX_ENTRY: usize = 512 * 1024 * 1024;

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
    /// Writes all entries in one step, and returns the head after it. A segment that must exist, or most
    /// likely does, is written to at once; any other is made known first.
    pub(crate) fn run(&self, attempt: Arguments<'_>) -> Result<Head, StoreError> {
        self.entries.iter().try_for_each(|entry| check_size(entry.as_json()))?;
        let mut staged = self.stage(attempt)?;
        let mut born = None;
        if self.creates() {
            born = Some(make_known(self.client, attempt, self.key)?);
        }
        loop {
            match self.once(attempt, staged.as_deref(), born.as_deref())? {
                Answer::Head(head) => return Ok(head),
                Answer::Conflict(actual) => return Err(self.expected.conflict(actual)),
                Answer::Absent => born = Some(make_known(self.client, attempt, self.key)?),
                // What was staged is gone, but is not needed either.
                Answer::Unstaged if self.is_one_call() => staged = None,
                Answer::Unstaged => {
                    let reason = "it took too long: the entries sent first have expired";
                    return Err(self.client.unlucky(attempt, reason));
                }
                _ => return Err(self.client.unexpected(attempt)),
            }
        }
    }

    fn once(
        &self,
        attempt: Arguments<'_>,
        staged: Option<&str>,
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
            Some(staging) => names.push(staging.to_owned()),
            None => args.extend(self.entries.iter().map(|entry| entry.as_json().as_bytes())),
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

    /// Whether a list of entries shall become the log's, which it can where the log has none.
    fn is_worth_staging(&self) -> bool {
        let bytes = |entry: &LogEntry| entry.as_json().len();
        self.creates() && self.entries.iter().map(bytes).sum::<usize>() >= MIN_STAGED_BYTES
    }

    /// Sends entries that are too many for one call, or worth it, to a list of their own, and returns its key.
    fn stage(&self, attempt: Arguments<'_>) -> Result<Option<String>, StoreError> {
        let is_one_call = self.is_one_call();
        if is_one_call && !self.is_worth_staging() {
            return Ok(None);
        }
        let tag = Tag::of_session(self.key.0);
        let staging = self.client.keys.staging(tag, &Uuid::new_v4().simple().to_string());
        if is_one_call {
            return Ok(self.stage_at_once(tag, &staging).map(|()| staging));
        }
        for chunk in Chunks(self.entries) {
            let mut args = vec![STAGED_FOR];
            args.extend(chunk.iter().map(|entry| entry.as_json().as_bytes()));
            let keys = vec![staging.clone()];
            let staged = self.client.change(attempt, Call { tag, program: &STAGE, keys, args });
            staged.map_err(unchanged)?;
        }
        Ok(Some(staging))
    }

    /// `None` where it did not go well at the first attempt. Then the list, should there be one, expires: both
    /// commands are obeyed or neither.
    fn stage_at_once(&self, tag: Tag, staging: &str) -> Option<()> {
        let (mut push, mut expire) = (redis::cmd("RPUSH"), redis::cmd("PEXPIRE"));
        push.arg(staging);
        for entry in self.entries {
            push.arg(entry.as_json());
        }
        expire.arg(staging).arg(STAGED_FOR);
        let commands = [redis::cmd("MULTI"), push, expire, redis::cmd("EXEC")];
        let values = self.client.together(&commands.map(|command| (tag, command)))?;
        let staged = Value::Int(i64::try_from(self.entries.len()).ok()?);
        matches!(values.last(), Some(Value::Array(done)) if done.first() == Some(&staged))
            .then_some(())
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
    let call = Call {
        tag: Tag::of_session(session_id),
        program: &TRUNCATE,
        keys: vec![client.keys.log(key), client.keys.entries(key)],
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
    check_size(text)?;
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
    let session = session_id.to_string();
    let segments: Vec<_> = segment_ids.iter().map(SegmentId::to_string).collect();
    let extent: &[u8] = if extent == Extent::Whole { b"whole" } else { b"" };
    let mut args = vec![session.as_bytes(), extent];
    args.extend(segments.iter().map(String::as_bytes));
    client.change(attempt, Call { tag, program: &DELETE, keys: names, args })
}

/// Fails if the server's limit for strings is below this text.
pub(crate) fn check_size(text: &str) -> Result<(), StoreError> {
    let (size, limit) = (text.len() as u64, MAX_ENTRY as u64);
    if size > limit { Err(StoreError::TooLarge { size, limit }) } else { Ok(()) }
}

/// The mark of one change, never used before.
fn fresh_stamp() -> String {
    Uuid::new_v4().simple().to_string()
}
