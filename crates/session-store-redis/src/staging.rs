//! Staging: entries that do not fit into one call are first sent to a temporary list. One script
//! then adds the whole list to a log in one atomic step.

use redis::Value;
use session_store_core::LogEntry;
use uuid::Uuid;

use crate::client::Client;
use crate::error::RequestError;
use crate::keys::Tag;
use crate::script::{BEGIN, Call, STAGE};

/// The limits of the entries in one call. More entries are staged first.
const MAX_CALL_BYTES: usize = 4 * 1024 * 1024;
const MAX_CALL_ENTRIES: usize = 5_000;

/// The size from which the entries of a new log are staged by a plain list command.
///
/// The list command takes half the time of a script, because a script copies every entry twice.
const MIN_STAGED_BYTES: usize = 64 * 1024;

/// The lifetime of staged entries that are not added to a log, in milliseconds.
const LIFETIME_MS: &str = "900000";

/// Returns whether the entries fit into one call, so that staging them is not necessary.
pub(crate) fn is_one_call(entries: &[LogEntry]) -> bool {
    Chunks(entries).nth(1).is_none()
}

/// Returns whether staging the entries of a new log is faster than sending them to the script.
pub(crate) fn is_faster_staged(entries: &[LogEntry]) -> bool {
    // The first entry is always sent to a script, so its size does not count.
    let bytes = |entry: &LogEntry| entry.as_json().len();
    entries.iter().skip(1).map(bytes).sum::<usize>() >= MIN_STAGED_BYTES
}

/// A list of staged entries. The list is in the same slot as the log to which the entries will be
/// added, and it expires.
pub(crate) struct Staging<'a> {
    client: &'a Client,
    tag: Tag,
    pub(crate) key: String,
}

impl<'a> Staging<'a> {
    /// Chooses a random name for the list. The list does not exist yet.
    pub(crate) fn new(client: &'a Client, tag: Tag) -> Self {
        let key = client.keys.staging(tag, &Uuid::new_v4().simple().to_string());
        Self { client, tag, key }
    }

    /// Stages the entries. Returns whether they are staged.
    ///
    /// Returns `false` only if the entries fit into one call. The caller then sends the entries in
    /// that call.
    pub(crate) fn stage(&self, entries: &[LogEntry]) -> Result<bool, RequestError> {
        if is_one_call(entries) {
            return Ok(self.stage_once(entries));
        }
        for chunk in Chunks(entries) {
            let call = Call::new(&STAGE, self.tag)
                .keys([self.key.clone()])
                .arg(LIFETIME_MS)
                .args(chunk.iter().map(LogEntry::as_json));
            self.client.change(call).map_err(RequestError::before_the_change)?;
        }
        Ok(true)
    }

    /// Stages entries by a plain list command, in one attempt. Returns whether they are staged.
    ///
    /// A script creates the list with the first entry and sets its lifetime. `RPUSHX` then adds the
    /// other entries. `RPUSHX` only adds to an existing list, so it cannot create a list without a
    /// lifetime. So the list expires even if the attempt fails half-way.
    fn stage_once(&self, entries: &[LogEntry]) -> bool {
        let Some((first, rest)) = entries.split_first() else { return false };
        let begin = Call::new(&BEGIN, self.tag)
            .keys([self.key.clone()])
            .arg(LIFETIME_MS)
            .arg(first.as_json())
            .by_text();
        let mut push = redis::cmd("RPUSHX");
        push.arg(&self.key);
        for entry in rest {
            push.arg(entry.as_json());
        }
        let replies = self.client.together(&[(self.tag, begin), (self.tag, push)]);
        replies.and_then(|replies| replies.into_iter().last())
            == Some(Value::Int(entries.len() as i64))
    }

    /// Deletes staged entries that will not be added to a log. If this fails, the entries expire.
    pub(crate) fn discard(&self) {
        let mut unlink = redis::cmd("UNLINK");
        unlink.arg(&self.key);
        drop(self.client.together(&[(self.tag, unlink)]));
    }
}

/// Divides entries into slices that each fit into one call.
struct Chunks<'a>(&'a [LogEntry]);

impl<'a> Iterator for Chunks<'a> {
    type Item = &'a [LogEntry];

    fn next(&mut self) -> Option<Self::Item> {
        let mut bytes = 0;
        let fits = |entry: &&LogEntry| {
            bytes += entry.as_json().len();
            bytes <= MAX_CALL_BYTES
        };
        let fitting = self.0.iter().take(MAX_CALL_ENTRIES).take_while(fits).count();
        // An entry that is larger than the limit gets its own call.
        let (chunk, rest) = self.0.split_at(fitting.max(1).min(self.0.len()));
        self.0 = rest;
        (!chunk.is_empty()).then_some(chunk)
    }
}
