//! The other side of a handle in another process: it reads calls, makes them, and prints the answers.

use std::io::{self, BufRead, Write};

use serde::Serialize;
use serde_json::value::RawValue;
use session_store_core::{Store, StoreError, TraceEntry};

use crate::harness::Harness;
use crate::message::{Carried, Fault, MARK, Request, carried, entries, head, told_head};

/// Set in the environment of a process that a check has started.
pub(crate) const PROCESS: &str = "SESSION_STORE_CONFORMANCE_PROCESS";

/// Does what a check in another process asks for, until that process ends; at once when there is none.
///
/// It is what the command of [`Harness::helper`] must come to. It reads standard input and prints to
/// standard output.
///
/// # Errors
/// If the pipe to the other process breaks.
pub fn serve(harness: &dyn Harness) -> io::Result<()> {
    if std::env::var_os(PROCESS).is_none() {
        return Ok(());
    }
    let mut handle = None;
    answer("ready")?;
    for line in io::stdin().lock().lines() {
        let request = serde_json::from_str(&line?)?;
        answer("begun")?;
        let told: Result<Box<RawValue>, Fault> = match request {
            Request::Open(address) => harness.open_at(&address).and_then(|store| {
                handle = Some(store);
                told(&())
            }),
            request => match &handle {
                Some(store) => perform(&**store, request),
                None => Err(io::Error::other("nothing was opened yet").into()),
            },
        }
        .map_err(Fault::from);
        answer(&serde_json::to_string(&told)?)?;
    }
    Ok(())
}

/// Prints an answer on a line of its own, past whatever a test program has begun to print.
fn answer(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(format!("\n{MARK}{text}\n").as_bytes())?;
    out.flush()
}

fn told<T: Serialize>(value: &T) -> Result<Box<RawValue>, StoreError> {
    Ok(serde_json::value::to_raw_value(value)?)
}

fn perform(store: &dyn Store, request: Request) -> Result<Box<RawValue>, StoreError> {
    match request {
        Request::Open(_) => told(&()),
        Request::Append(s, g, Carried(entry)) => told(&store.append(s, g, &entry)?),
        Request::AppendAll(s, g, batch) => told(&store.append_all(s, g, &entries(batch))?),
        Request::AppendIf(s, g, expected, batch) => {
            let expected = expected.as_deref().and_then(head);
            told(&told_head(store.append_if(s, g, expected, &entries(batch))?))
        }
        Request::AppendTrace(s, g, text) => {
            told(&store.append_trace(s, g, &TraceEntry::from_json(text)?)?)
        }
        Request::Create(s, g, log) => told(&store.create_segment(s, g, &entries(log))?),
        Request::Truncate(s, g, entries_len) => told(&store.truncate(s, g, entries_len)?),
        Request::Delete(s, g) => told(&store.delete_segment(s, g)?),
        Request::ReadAll(s, g) => told(&carried(&store.read_all(s, g)?)),
        Request::ReadPage(s, g, start, max_bytes) => {
            let page = store.read_page(s, g, start, max_bytes)?;
            told(&(carried(&page.entries), told_head(page.head)))
        }
        Request::Count(s, g) => told(&store.read_entry_count(s, g)?),
        Request::Exists(s, g) => told(&store.exists(s, g)?),
        Request::Head(s, g) => told(&store.head(s, g)?.map(told_head)),
        Request::Sessions => told(&store.list_sessions()?),
        Request::Segments(s) => told(&store.list_segments(s)?),
        Request::Lookup(g) => told(&store.lookup_session_of(g)?),
    }
}
