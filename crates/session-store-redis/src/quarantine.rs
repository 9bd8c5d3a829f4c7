//! The repair of logs and traces with bad items.
//!
//! A bad item is an item of a list that is not an entry, because another program wrote it. A repair
//! moves the texts of bad items to the quarantine, a list beside the log, and deletes nothing.

use std::fmt;

use redis::Value;
use session_store_core::{Finding, LogEntry, SegmentKey, Severity, StoreError};

use crate::client::Client;
use crate::error::RequestError;
use crate::keys::{StoredKey, Tag};
use crate::reply::ChangeReply;
use crate::script::{Call, QUARANTINE};
use crate::write::new_stamp;
use crate::{read, scan};

/// The limits of the items that one call moves. Such a call blocks the server for about 150 ms
/// (measured with 1,000 bad items that are spread over a list of a million entries).
const MAX_ITEMS: usize = 1_000;
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Reports the quarantines among the keys.
pub(crate) fn check(
    client: &Client,
    keys: &[StoredKey],
    report: &mut dyn FnMut(Finding),
) -> Result<(), RequestError> {
    let quarantined = |key: &StoredKey| match key {
        StoredKey::Quarantine(key) => Some(*key),
        _ => None,
    };
    let quarantines: Vec<_> = keys.iter().filter_map(quarantined).collect();
    let count = |&key: &SegmentKey| {
        let mut count = redis::cmd("LLEN");
        count.arg(client.keys.quarantine(key));
        (Tag::of_session(key.session_id), count)
    };
    let counts = client.commands(&quarantines.iter().map(count).collect::<Vec<_>>())?;
    for (&key, count) in quarantines.iter().zip(counts) {
        let Value::Int(count) = count else { return Err(RequestError::UnexpectedReply) };
        let place = client.keys.quarantine(key);
        let cause = format!("{count} bad items are in the key {place}");
        let remedy = "a repair moved them there; delete the key after you have looked at it";
        let finding = Finding::new(Severity::Note, key.to_string(), cause);
        report(finding.with_remedy(remedy));
    }
    Ok(())
}

/// Moves all bad items of the selected logs and traces to the quarantine, and reports each log and
/// trace that was repaired.
pub(crate) fn repair(
    client: &Client,
    is_selected: &dyn Fn(SegmentKey) -> bool,
    report: &mut dyn FnMut(Finding),
) -> Result<(), RequestError> {
    scan::keys(client, &mut |keys| {
        for list in keys.into_iter().filter_map(List::of).filter(|list| is_selected(list.key)) {
            let operation = format_args!("repair the {list}");
            let moved = client.perform(operation, |client| list.repair(client))?;
            if moved > 0 {
                let place = client.keys.quarantine(list.key);
                let cause = format!("moved {moved} bad items to the key {place}");
                let finding = Finding::new(Severity::Note, list.to_string(), cause);
                report(finding.with_remedy("look there for the text of lost entries"));
            }
        }
        Ok(())
    })
}

#[derive(Clone, Copy)]
enum Kind {
    Log,
    Trace,
}

/// A log or a trace.
#[derive(Clone, Copy)]
struct List {
    key: SegmentKey,
    kind: Kind,
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.kind.word(), self.key)
    }
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Trace => "trace",
        }
    }
}

impl List {
    fn of(key: StoredKey) -> Option<Self> {
        match key {
            StoredKey::Log(key) => Some(Self { key, kind: Kind::Log }),
            StoredKey::Trace(key) => Some(Self { key, kind: Kind::Trace }),
            _ => None,
        }
    }

    /// Moves all bad items to the quarantine, and returns their number.
    fn repair(self, client: &Client) -> Result<usize, RequestError> {
        let mut moved = 0;
        loop {
            let items = client.repeat(|| {
                let items = Items::read(client, self)?;
                if items.bad.is_empty() { Ok(items) } else { self.move_out(client, items) }
            });
            match items {
                Ok(items) => {
                    moved += items.bad.len();
                    if !items.has_more_bad {
                        return Ok(moved);
                    }
                }
                // The segment was deleted.
                Err(RequestError::Contract(StoreError::NotFound(_))) => return Ok(moved),
                // The log lacks one of its keys. Every call for the segment reports that.
                Err(RequestError::Server { error, .. }) if error.code() == Some("APART") => {
                    return Ok(moved);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn move_out(self, client: &Client, items: Items) -> Result<Items, RequestError> {
        let (keys, key) = (&client.keys, self.key);
        let tag = Tag::of_session(key.session_id);
        let (of_list, log) = match self.kind {
            Kind::Log => ([keys.log(key), keys.entries(key)], None),
            Kind::Trace => ([keys.traces(key.session_id), keys.trace(key)], Some(keys.log(key))),
        };
        // Bad items that remain in the log count as entries, but `size` does not contain them. The
        // size is then unknown.
        let size = if items.has_more_bad { String::new() } else { items.size.to_string() };
        let mut call = Call::new(&QUARANTINE, tag)
            .keys(of_list)
            .keys([keys.quarantine(key)])
            .keys(log)
            .keys([keys.never(tag)])
            .arg(self.kind.word())
            .args([key.segment_id.to_string(), new_stamp()])
            .bytes(&items.epoch)
            .args([items.count.to_string(), size]);
        for (position, text) in &items.bad {
            call = call.arg(position.to_string()).bytes(text);
        }
        match client.change(call)? {
            ChangeReply::Done => Ok(items),
            ChangeReply::Changed => Err(RequestError::StartAgain(
                "other writers truncated or replaced the log during each attempt to repair it",
            )),
            _ => Err(RequestError::UnexpectedReply),
        }
    }
}

/// The items of a log or a trace, at one moment.
#[derive(Default)]
struct Items {
    count: usize,
    /// The size of all entries, with one newline for each.
    size: usize,
    /// The position and the text of the first bad items, as many as one call moves.
    bad: Vec<(usize, Vec<u8>)>,
    has_more_bad: bool,
    /// The epoch of a log, a random mark that changes when entries are cut or replaced. Empty for a
    /// trace.
    epoch: Vec<u8>,
}

impl Items {
    fn read(client: &Client, List { key, kind }: List) -> Result<Self, RequestError> {
        let (mut items, mut bad_bytes) = (Self::default(), 0);
        let mut add = |text: Vec<u8>| {
            match LogEntry::from_utf8(text.clone()) {
                Ok(entry) => items.size += entry.as_json().len() + 1,
                Err(_) => {
                    bad_bytes += text.len();
                    let is_first = items.bad.is_empty();
                    let fits = items.bad.len() < MAX_ITEMS && bad_bytes <= MAX_BYTES;
                    if is_first || fits {
                        items.bad.push((items.count, text));
                    } else {
                        items.has_more_bad = true;
                    }
                }
            }
            items.count += 1;
        };
        let epoch = match kind {
            Kind::Log => read::each_log_item(client, key, &mut add)?,
            Kind::Trace => {
                read::each_trace_item(client, key, &mut add)?;
                Vec::new()
            }
        };
        Ok(Self { epoch, ..items })
    }
}
