//! Writes entries to logs and traces.

use session_store_core::{Head, LogEntry, SegmentKey, StoreError, TraceEntry};
use uuid::Uuid;

use crate::client::Client;
use crate::error::RequestError;
use crate::keys::Tag;
use crate::reply::ChangeReply;
use crate::script::{APPEND, Call, TRACE};
use crate::staging::{Staging, is_faster_staged, is_one_call};
use crate::{lookup, push};

/// Whether a write keeps or replaces the entries that a log has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Append,
    Replace,
}

/// The condition of a write: the head that the log must have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    Any,
    Exactly(Option<Head>),
}

impl Expected {
    /// Returns the script argument.
    pub(crate) fn arg(self) -> String {
        match self {
            Self::Any => String::new(),
            Self::Exactly(None) => String::from("none"),
            Self::Exactly(Some(head)) => head.to_string(),
        }
    }

    /// Returns the error for a log with another head.
    pub(crate) fn conflict(self, actual: Option<Head>) -> RequestError {
        let expected = match self {
            Self::Exactly(head) => head,
            Self::Any => None,
        };
        StoreError::Conflict { expected, actual }.into()
    }
}

/// A write of entries into a log, in one atomic step.
pub(crate) struct Write<'a> {
    pub(crate) client: &'a Client,
    pub(crate) key: SegmentKey,
    pub(crate) mode: Mode,
    pub(crate) expected: Expected,
    pub(crate) entries: &'a [LogEntry],
}

impl Write<'_> {
    /// Writes the entries. Returns the head after the last entry.
    pub(crate) fn run(&self) -> Result<Head, RequestError> {
        self.entries.iter().try_for_each(|entry| self.client.check_size(entry.as_json()))?;
        if is_one_call(self.entries) && !(self.creates() && is_faster_staged(self.entries)) {
            return self.write(None);
        }
        let staging = Staging::new(self.client, Tag::of_session(self.key.session_id));
        let staged = staging.stage(self.entries);
        let head = staged.and_then(|staged| self.write(staged.then_some(&staging)));
        // After an indefinite error, keep the staged entries until they expire, because a copy of
        // the call may still be executed and needs them.
        if head.as_ref().is_err_and(RequestError::is_definite) {
            staging.discard();
        }
        head
    }

    /// Calls the script. Registers the segment for lookups first, if the segment may be new.
    ///
    /// An append does not register the segment at first, because the segment most likely exists. If
    /// the segment does not exist, the script refuses to create it. A call that creates a log must
    /// contain the earliest creation time, and only a registration returns this time. The segment
    /// is then registered, and the script is called again.
    fn write(&self, mut staging: Option<&Staging<'_>>) -> Result<Head, RequestError> {
        let mut earliest = None;
        if self.creates() {
            earliest = Some(lookup::register(self.client, self.key)?);
        }
        loop {
            match self.call(staging, earliest.as_deref())? {
                ChangeReply::Head(head) => return Ok(head),
                ChangeReply::Conflict(actual) => return Err(self.expected.conflict(actual)),
                ChangeReply::Absent => earliest = Some(lookup::register(self.client, self.key)?),
                // The staged entries have expired or were lost. They fit into one call, so send
                // them in the call itself.
                ChangeReply::Unstaged if is_one_call(self.entries) => staging = None,
                ChangeReply::Unstaged => {
                    return Err(RequestError::StartAgain(
                        "the staged entries are gone: they expired, or a failover lost them",
                    ));
                }
                _ => return Err(RequestError::UnexpectedReply),
            }
        }
    }

    fn call(
        &self,
        staging: Option<&Staging<'_>>,
        earliest: Option<&str>,
    ) -> Result<ChangeReply, RequestError> {
        let (keys, key) = (&self.client.keys, self.key);
        let tag = Tag::of_session(key.session_id);
        let mode = match self.mode {
            Mode::Append => "append",
            Mode::Replace => "replace",
        };
        let (staged, sent) = match staging {
            Some(_) => (self.entries.len(), &[][..]),
            None => (0, self.entries),
        };
        let bytes: usize = self.entries.iter().map(|entry| entry.as_json().len() + 1).sum();
        let stamp = new_stamp();
        // Only the script can create a log.
        let pushes = earliest.is_none() && push::is_faster(sent);
        let pending = pushes.then(|| keys.pending(key, &stamp));
        let never = (self.mode == Mode::Replace).then(|| keys.never(tag));
        let call = Call::new(&APPEND, tag)
            .keys([keys.log(key), keys.entries(key), keys.segments(key.session_id)])
            .keys([keys.sessions(tag)])
            .keys(staging.map(|staging| staging.key.clone()))
            .keys(never)
            .args([key.session_id.to_string(), key.segment_id.to_string(), stamp])
            .arg(mode)
            .arg(self.expected.arg())
            .arg(earliest.unwrap_or_default())
            .arg(bytes.to_string())
            .arg(staged.to_string())
            .args(sent.iter().map(LogEntry::as_json));
        match pending {
            Some(pending) => push::append(self.client, call, &pending),
            None => self.client.change(call),
        }
    }

    /// Returns whether the log will contain only the entries of this write.
    fn creates(&self) -> bool {
        self.mode == Mode::Replace || self.expected == Expected::Exactly(None)
    }
}

/// Appends to a trace.
pub(crate) fn trace(
    client: &Client,
    key: SegmentKey,
    entry: &TraceEntry,
) -> Result<(), RequestError> {
    client.check_size(entry.as_json())?;
    let call = Call::new(&TRACE, Tag::of_session(key.session_id))
        .keys([client.keys.trace(key), client.keys.traces(key.session_id)])
        .arg(key.segment_id.to_string())
        .arg(entry.as_json());
    client.change(call).map(drop)
}

/// Returns a random stamp that marks one change.
pub(crate) fn new_stamp() -> String {
    Uuid::new_v4().simple().to_string()
}
