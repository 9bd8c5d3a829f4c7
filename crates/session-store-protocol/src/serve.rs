//! The server: reads calls, makes the calls on a store, and writes the results.

use std::io::{self, BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use session_store_core::{
    Finding, ListOptions, LogEntry, Maintenance, PageRequest, Pod, PodStore, Store, StoreError,
    StoreExt, TraceEntry,
};

use crate::VERSION;
use crate::failure::Failure;
use crate::message::{
    Call, Description, Greeting, Reply, Request, RequestId, WireFinding, WireInfo, WireListedInfo,
    WirePage, from_wire, to_wire,
};

type Result<T, E = StoreError> = std::result::Result<T, E>;

/// The maximum number of calls that are made at the same time.
const THREADS: usize = 16;

/// The maximum number of lines that wait for a free thread. At this number, the server stops
/// reading until a thread is free.
const QUEUE: usize = 64;

/// The size of the longest accepted line, in bytes.
const LINE_LIMIT: u64 = 256 << 20;

/// A function that opens the store at an address.
type Opener<'a> = dyn Fn(&str) -> Result<Box<dyn Store>> + Send + Sync + 'a;

/// The store that a server serves, or the function that opens the store.
pub struct Service<'a> {
    store: RwLock<Option<Arc<dyn Store>>>,
    opener: Option<Box<Opener<'a>>>,
}

impl std::fmt::Debug for Service<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("opens", &self.opener.is_some()).finish_non_exhaustive()
    }
}

impl<'a> Service<'a> {
    /// Serves this store.
    #[must_use]
    pub fn of(store: Arc<dyn Store>) -> Self {
        Self { store: RwLock::new(Some(store)), opener: None }
    }

    /// Serves the store whose address the client sends. The client can open another store later.
    pub fn opening(opener: impl Fn(&str) -> Result<Box<dyn Store>> + Send + Sync + 'a) -> Self {
        Self { store: RwLock::new(None), opener: Some(Box::new(opener)) }
    }

    fn store(&self) -> Result<Arc<dyn Store>> {
        let store = self.store.read().unwrap_or_else(PoisonError::into_inner).clone();
        store.ok_or_else(|| io::Error::other("no store is open; call open first").into())
    }

    fn open(&self, address: &str) -> Result<Description> {
        let Some(opener) = &self.opener else {
            return Err(io::Error::other("this server serves one store only").into());
        };
        let store: Arc<dyn Store> = Arc::from(opener(address)?);
        let description = Description::of(&*store);
        *self.store.write().unwrap_or_else(PoisonError::into_inner) = Some(store);
        Ok(description)
    }
}

/// Answers the calls that arrive on `input`, until the end of `input`.
///
/// Up to 16 calls are made at once, so replies can be in another order than the calls. The function
/// returns after the last reply.
///
/// # Errors
/// An I/O error if a pipe breaks, or if a line is longer than 256 MiB. Before the function returns,
/// it waits for the calls that are being made.
pub fn serve(
    service: &Service<'_>,
    input: impl BufRead,
    output: impl Write + Send,
) -> io::Result<()> {
    let output = greet(service, output)?;
    let (sender, requests) = mpsc::sync_channel(QUEUE);
    let requests = Mutex::new(requests);
    thread::scope(|scope| {
        let workers: Vec<_> =
            (0..THREADS).map(|_| scope.spawn(|| answer_all(service, &requests, &output))).collect();
        let read = read_lines(input, |line| sender.send(line).is_ok());
        drop(sender);
        let worked = workers.into_iter().try_for_each(|worker| match worker.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        read.and(worked)
    })
}

/// Answers the calls that arrive on `input`, until the end of `input`. Makes one call after the
/// other.
///
/// The calls are made in the current thread. So the replies are in the order of the calls. Also, a
/// tool that observes only one thread, such as a tracer or a debugger, observes every call.
///
/// # Errors
/// As [`serve`].
pub fn serve_in_order(
    service: &Service<'_>,
    input: impl BufRead,
    output: impl Write,
) -> io::Result<()> {
    let output = greet(service, output)?;
    let mut answered = Ok(());
    let read = read_lines(input, |line| {
        answered = answer(service, &line, &output);
        answered.is_ok()
    });
    read.and(answered)
}

/// Sends the greeting. Returns the output for the replies.
fn greet<W: Write>(service: &Service<'_>, output: W) -> io::Result<Mutex<W>> {
    let output = Mutex::new(output);
    let store = service.store().ok().map(|store| Description::of(&*store));
    // The greeting starts on a new line. The program that runs the server, such as a test program,
    // can have written half a line to the same output before.
    send(&output, "\n", &Greeting { session_store: VERSION, store })?;
    Ok(output)
}

/// Reads lines until the end of the input, or until `send` returns false.
fn read_lines(mut input: impl BufRead, mut send: impl FnMut(Vec<u8>) -> bool) -> io::Result<()> {
    loop {
        let mut line = Vec::new();
        io::Read::take(&mut input, LINE_LIMIT).read_until(b'\n', &mut line)?;
        if line.last() != Some(&b'\n') {
            // The line is too long, or the input has ended. If the input has ended within a line,
            // the client was killed while it wrote the line, so the line is ignored.
            return if line.len() as u64 == LINE_LIMIT { Err(too_long()) } else { Ok(()) };
        }
        if !send(line) {
            return Ok(());
        }
    }
}

fn too_long() -> io::Error {
    let text = format!("a request is longer than {} MiB", LINE_LIMIT >> 20);
    io::Error::new(io::ErrorKind::InvalidData, text)
}

/// Answers requests until the channel of requests is closed.
fn answer_all(
    service: &Service<'_>,
    requests: &Mutex<Receiver<Vec<u8>>>,
    output: &Mutex<impl Write>,
) -> io::Result<()> {
    loop {
        // The lock is released before the request is answered.
        let line = requests.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(line) = line else { return Ok(()) };
        answer(service, &line, output)?;
    }
}

fn answer(service: &Service<'_>, line: &[u8], output: &Mutex<impl Write>) -> io::Result<()> {
    let (id, result) = match serde_json::from_slice(line) {
        Ok(Request { id, report_start, call }) => {
            if report_start {
                let started = Reply { id: Some(id), started: true, ok: None, error: None };
                send(output, "", &started)?;
            }
            (Some(id), perform_or_catch(service, call).map_err(Failure::from))
        }
        Err(error) => {
            let id = serde_json::from_slice::<RequestId>(line).ok().and_then(|request| request.id);
            (id, Err(Failure::invalid(format!("the request cannot be read: {error}"))))
        }
    };
    let (ok, error) = match result {
        Ok(ok) => (Some(ok), None),
        Err(error) => (None, Some(error)),
    };
    send(output, "", &Reply { id, started: false, ok, error })
}

fn send(output: &Mutex<impl Write>, before: &str, message: &impl Serialize) -> io::Result<()> {
    let mut line = before.as_bytes().to_vec();
    serde_json::to_writer(&mut line, message)?;
    line.push(b'\n');
    let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
    output.write_all(&line)?;
    output.flush()
}

fn json<T: Serialize>(value: T) -> Result<Box<RawValue>> {
    Ok(to_raw_value(&value)?)
}

/// Makes the call. Converts a panic of the store to an error.
///
/// Even after a panic, the client must receive a reply, and the other calls must continue
/// ([S5](session_store_core::contract#s5)).
fn perform_or_catch(service: &Service<'_>, call: Call) -> Result<Box<RawValue>> {
    catch_unwind(AssertUnwindSafe(|| perform(service, call))).unwrap_or_else(|_| {
        let source = io::Error::other("the store panicked").into();
        Err(StoreError::indeterminate("serve a call", source))
    })
}

fn perform(service: &Service<'_>, call: Call) -> Result<Box<RawValue>> {
    if let Call::Open { address } = call {
        return json(service.open(&address)?);
    }
    let store = &*service.store()?;
    match call {
        Call::Open { .. } => unreachable!("handled above"),
        Call::Append { key, entry } => json(store.at(key).append(&entry.into())?),
        Call::AppendAll { key, entries } => json(store.at(key).append_all(&from_wire(entries))?),
        Call::AppendIf { key, expected, entries } => {
            json(store.at(key).append_if(expected, &from_wire(entries))?)
        }
        Call::AppendTrace { key, entry } => {
            json(store.at(key).append_trace(&TraceEntry::from_json(entry)?)?)
        }
        Call::CreateSegment { key, entries } => json(store.at(key).create(&from_wire(entries))?),
        Call::DeleteSegment(key) => json(store.at(key).delete()?),
        Call::DeleteSession { session_id } => json(store.delete_session(session_id)?),
        Call::Exists(key) => json(store.at(key).exists()?),
        Call::Head(key) => json(store.at(key).head()?),
        Call::ListInfos { after, limit } => list_infos(store, after, limit),
        Call::ListSegments { session_id } => json(store.list_segments(session_id)?),
        Call::ListSessions => json(store.list_sessions()?),
        Call::LookupSessionOf { segment_id } => json(store.lookup_session_of(segment_id)?),
        Call::ReadAll(key) => json(to_wire(&store.at(key).read_all()?)),
        Call::ReadEntryCount(key) => json(store.at(key).read_entry_count()?),
        Call::ReadPage { key, start, max_bytes, needs_head } => {
            let request = PageRequest::new(start, max_bytes).with_head(needs_head);
            let (entries, head) = store.at(key).read_page_with(request)?;
            json(WirePage { entries: texts(entries.iter().map(LogEntry::as_json)), head })
        }
        Call::ReadTracePage { key, start, max_bytes } => {
            let entries = store.at(key).read_trace_page(start, max_bytes)?.entries;
            json(WirePage { entries: texts(entries.iter().map(TraceEntry::as_json)), head: None })
        }
        Call::SegmentInfo(key) => json(store.at(key).info()?.map(WireInfo::from)),
        Call::Sync => json(store.sync()?),
        Call::Truncate { key, entries_len } => json(store.at(key).truncate(entries_len)?),
        Call::TruncateIf { key, expected, entries_len } => {
            json(store.at(key).truncate_if(expected, entries_len)?)
        }
        Call::PutPod { name, pod } => json(pods(store)?.put_pod(&name, &Pod::from_json(pod)?)?),
        Call::PutPodIf { name, expected, pod } => {
            let expected = expected.map(Pod::from_json).transpose()?;
            let pod = Pod::from_json(pod)?;
            json(pods(store)?.put_pod_if(&name, expected.as_ref(), &pod)?)
        }
        Call::ReadPod { name } => {
            json(pods(store)?.read_pod(&name)?.map(|pod| pod.as_json().to_owned()))
        }
        Call::ListPods => json(pods(store)?.list_pods()?),
        Call::DeletePod { name } => json(pods(store)?.delete_pod(&name)?),
        Call::Check => maintain(store, |maintenance, report| maintenance.check(report)),
        Call::Repair => maintain(store, |maintenance, report| maintenance.repair(report)),
    }
}

fn texts<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    texts.collect()
}

fn list_infos(
    store: &dyn Store,
    after: Option<session_store_core::SessionId>,
    limit: Option<usize>,
) -> Result<Box<RawValue>> {
    let options = after.map_or(ListOptions::new(), |after| ListOptions::new().after(after));
    let options = limit.map_or(options, |limit| options.limit(limit));
    let infos = store.list_infos(&options)?;
    let infos = infos.into_iter().map(|(key, info)| WireListedInfo { key, info: info.into() });
    json(infos.collect::<Vec<_>>())
}

fn pods(store: &dyn Store) -> Result<&dyn PodStore> {
    store.pods().ok_or_else(|| io::Error::other("the store keeps no pods").into())
}

fn maintain(
    store: &dyn Store,
    call: impl FnOnce(&dyn Maintenance, &mut dyn FnMut(Finding)) -> Result<()>,
) -> Result<Box<RawValue>> {
    let mut findings: Vec<WireFinding> = Vec::new();
    if let Some(maintenance) = store.maintenance() {
        call(maintenance, &mut |finding| findings.push(finding.into()))?;
    }
    json(findings)
}
