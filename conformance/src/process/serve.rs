//! The process that holds a handle for a check: it reads calls, makes them, and prints the replies.

use std::io::{self, BufRead, Write};

use serde::Serialize;
use serde_json::value::RawValue;
use session_store_core::{Store, StoreError, TraceEntry};

use super::PROCESS;
use super::message::{
    REPLY_PREFIX, Request, WireEntry, WireError, from_wire, head, head_text, to_wire,
};
use crate::harness::Harness;

/// Runs the calls that a check in another process sends, until that process ends.
///
/// The command of [`Harness::helper`] must call this function. The function reads standard input and
/// prints to standard output. It returns at once in a process that no check has started.
///
/// # Errors
/// An I/O error if the pipe to the other process breaks.
pub fn serve(harness: &dyn Harness) -> io::Result<()> {
    if std::env::var_os(PROCESS).is_none() {
        return Ok(());
    }
    let mut handle = None;
    reply("ready")?;
    for line in io::stdin().lock().lines() {
        let request = serde_json::from_str(&line?)?;
        reply("started")?;
        let result: Result<Box<RawValue>, WireError> = match request {
            Request::Open(address) => harness.open_at(&address).and_then(|store| {
                handle = Some(store);
                to_json(&())
            }),
            request => match &handle {
                Some(store) => perform(&**store, request),
                None => Err(io::Error::other("no handle is open").into()),
            },
        }
        .map_err(WireError::from);
        reply(&serde_json::to_string(&result)?)?;
    }
    Ok(())
}

/// Prints a reply on a line of its own. A test program may have printed half a line before.
fn reply(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(format!("\n{REPLY_PREFIX}{text}\n").as_bytes())?;
    out.flush()
}

fn to_json<T: Serialize>(value: &T) -> Result<Box<RawValue>, StoreError> {
    Ok(serde_json::value::to_raw_value(value)?)
}

fn perform(store: &dyn Store, request: Request) -> Result<Box<RawValue>, StoreError> {
    match request {
        Request::Open(_) => to_json(&()),
        Request::Append(s, g, WireEntry(entry)) => to_json(&store.append(s, g, &entry)?),
        Request::AppendAll(s, g, batch) => to_json(&store.append_all(s, g, &from_wire(batch))?),
        Request::AppendIf(s, g, expected, batch) => {
            let expected = expected.as_deref().and_then(head);
            to_json(&head_text(store.append_if(s, g, expected, &from_wire(batch))?))
        }
        Request::AppendTrace(s, g, text) => {
            to_json(&store.append_trace(s, g, &TraceEntry::from_json(text)?)?)
        }
        Request::Create(s, g, log) => to_json(&store.create_segment(s, g, &from_wire(log))?),
        Request::Truncate(s, g, entries_len) => to_json(&store.truncate(s, g, entries_len)?),
        Request::Delete(s, g) => to_json(&store.delete_segment(s, g)?),
        Request::ReadAll(s, g) => to_json(&to_wire(&store.read_all(s, g)?)),
        Request::ReadPage(s, g, start, max_bytes) => {
            let page = store.read_page(s, g, start, max_bytes)?;
            to_json(&(to_wire(&page.entries), head_text(page.head)))
        }
        Request::Count(s, g) => to_json(&store.read_entry_count(s, g)?),
        Request::Exists(s, g) => to_json(&store.exists(s, g)?),
        Request::Head(s, g) => to_json(&store.head(s, g)?.map(head_text)),
        Request::Sessions => to_json(&store.list_sessions()?),
        Request::Segments(s) => to_json(&store.list_segments(s)?),
        Request::Lookup(g) => to_json(&store.lookup_session_of(g)?),
    }
}
