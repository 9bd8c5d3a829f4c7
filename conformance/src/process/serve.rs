//! `serve`: runs in the process that holds a handle for a check. It reads calls, makes them, and
//! prints the replies.

use std::io::{self, BufRead, Write};

use serde::Serialize;
use serde_json::value::RawValue;
use session_store_core::{Finding, Maintenance, Pod, PodStore, Store, StoreExt, TraceEntry};

use super::PROCESS;
use super::message::{
    REPLY_PREFIX, Request, WireEntry, WireError, WireFinding, WireHead, from_wire, to_wire,
};
use crate::check_result::Result;
use crate::harness::Harness;

/// Makes the calls that a check in another process sends, until that process ends.
///
/// The command of [`Harness::helper`] must call this function. The function reads standard input
/// and prints to standard output. In a process that no check has started, the function returns at
/// once.
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

/// Prints a reply on a separate line. Begins with a line break, because a test program may have
/// printed a part of a line before.
fn reply(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(format!("\n{REPLY_PREFIX}{text}\n").as_bytes())?;
    out.flush()
}

fn to_json<T: Serialize>(value: &T) -> Result<Box<RawValue>> {
    Ok(serde_json::value::to_raw_value(value)?)
}

fn perform(store: &dyn Store, request: Request) -> Result<Box<RawValue>> {
    match request {
        Request::Open(_) => to_json(&()),
        Request::Append(key, WireEntry(entry)) => to_json(&store.at(key).append(&entry)?),
        Request::AppendAll(key, batch) => to_json(&store.at(key).append_all(&from_wire(batch))?),
        Request::AppendIf(key, expected, batch) => {
            let expected = expected.map(|WireHead(head)| head);
            to_json(&WireHead(store.at(key).append_if(expected, &from_wire(batch))?))
        }
        Request::AppendTrace(key, text) => {
            to_json(&store.at(key).append_trace(&TraceEntry::from_json(text)?)?)
        }
        Request::Create(key, log) => to_json(&store.at(key).create(&from_wire(log))?),
        Request::Truncate(key, entries_len) => to_json(&store.at(key).truncate(entries_len)?),
        Request::Delete(key) => to_json(&store.at(key).delete()?),
        Request::DeleteSession(session_id) => to_json(&store.delete_session(session_id)?),
        Request::ReadAll(key) => to_json(&to_wire(&store.at(key).read_all()?)),
        Request::ReadPage(key, start, max_bytes) => {
            let page = store.at(key).read_page(start, max_bytes)?;
            to_json(&(to_wire(&page.entries), WireHead(page.head)))
        }
        Request::Count(key) => to_json(&store.at(key).read_entry_count()?),
        Request::Exists(key) => to_json(&store.at(key).exists()?),
        Request::Head(key) => to_json(&store.at(key).head()?.map(WireHead)),
        Request::Sessions => to_json(&store.list_sessions()?),
        Request::Segments(session_id) => to_json(&store.list_segments(session_id)?),
        Request::Lookup(segment_id) => to_json(&store.lookup_session_of(segment_id)?),
        Request::ReadTracePage(key, start, max_bytes) => {
            let entries = store.at(key).read_trace_page(start, max_bytes)?.entries;
            to_json(&entries.iter().map(TraceEntry::as_json).collect::<Vec<_>>())
        }
        Request::PutPod(name, pod) => to_json(&pods(store)?.put_pod(&name, &Pod::from_json(pod)?)?),
        Request::ReadPod(name) => {
            to_json(&pods(store)?.read_pod(&name)?.map(|pod| pod.as_json().to_owned()))
        }
        Request::ListPods => to_json(&pods(store)?.list_pods()?),
        Request::DeletePod(name) => to_json(&pods(store)?.delete_pod(&name)?),
        Request::Sync => to_json(&store.sync()?),
        Request::Check => maintain(store, |maintenance, report| maintenance.check(report)),
        Request::Repair => maintain(store, |maintenance, report| maintenance.repair(report)),
    }
}

fn pods(store: &dyn Store) -> Result<&dyn PodStore> {
    store.pods().ok_or_else(|| io::Error::from(io::ErrorKind::Unsupported).into())
}

fn maintain(
    store: &dyn Store,
    call: impl FnOnce(&dyn Maintenance, &mut dyn FnMut(Finding)) -> Result<()>,
) -> Result<Box<RawValue>> {
    let mut findings: Vec<WireFinding> = Vec::new();
    if let Some(maintenance) = store.maintenance() {
        call(maintenance, &mut |finding| findings.push(finding.into()))?;
    }
    to_json(&findings)
}
