//! A handle in another process: each call is sent to the process, and its reply is returned.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::de::DeserializeOwned;
use session_store_core::{
    Head, LogEntry, Page, SegmentId, SessionId, Store, StoreError, TraceEntry,
};

use super::PROCESS;
use super::message::{REPLY_PREFIX, Request, WireEntry, WireError, WireHead, from_wire, to_wire};
use crate::check_result::Result;

/// The other process and the pipes to it. Dropping the value kills the process.
pub(crate) struct RemoteStore {
    child: Mutex<Child>,
    pipes: Mutex<Pipes>,
    calls_started: AtomicUsize,
}

struct Pipes {
    requests: ChildStdin,
    replies: BufReader<ChildStdout>,
}

impl RemoteStore {
    /// Starts the process and waits until it is ready.
    pub(crate) fn start(mut helper: Command) -> io::Result<Self> {
        helper.env(PROCESS, "1").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = helper.spawn()?;
        let pipes = Pipes {
            requests: child.stdin.take().expect("standard input is a pipe"),
            replies: BufReader::new(child.stdout.take().expect("standard output is a pipe")),
        };
        let (child, pipes) = (Mutex::new(child), Mutex::new(pipes));
        let remote = Self { child, pipes, calls_started: AtomicUsize::new(0) };
        remote.pipes().reply()?;
        Ok(remote)
    }

    pub(crate) fn open(&self, address: &str) -> Result<()> {
        self.call(&Request::Open(address.to_owned()))
    }

    /// Returns how many calls the process has started, including those that open a handle.
    pub(crate) fn calls_started(&self) -> usize {
        self.calls_started.load(SeqCst)
    }

    /// Kills the process with SIGKILL.
    pub(crate) fn kill(&self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        // The errors say that the process has already ended.
        let _ = child.kill();
        let _ = child.wait();
    }

    fn pipes(&self) -> MutexGuard<'_, Pipes> {
        self.pipes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call<T: DeserializeOwned>(&self, request: &Request) -> Result<T> {
        let lost =
            |error: io::Error| StoreError::indeterminate("call another process", error.into());
        let reply = self.pipes().call(request, &self.calls_started).map_err(lost)?;
        let result: Result<T, WireError> = serde_json::from_str(&reply)?;
        Ok(result?)
    }
}

impl Drop for RemoteStore {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Pipes {
    fn call(&mut self, request: &Request, calls_started: &AtomicUsize) -> io::Result<String> {
        let mut line = serde_json::to_string(request)?;
        line.push('\n');
        self.requests.write_all(line.as_bytes())?;
        // The process first reports that it starts the call, so that a check can kill it in the
        // middle of the call. The second line is the reply.
        self.reply()?;
        calls_started.fetch_add(1, SeqCst);
        self.reply()
    }

    /// Returns the next line that is a reply.
    fn reply(&mut self) -> io::Result<String> {
        loop {
            let mut line = String::new();
            if self.replies.read_line(&mut line)? == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the process has ended"));
            }
            if let Some(reply) = line.strip_prefix(REPLY_PREFIX) {
                return Ok(reply.to_owned());
            }
        }
    }
}

impl Store for RemoteStore {
    fn append(&self, s: SessionId, g: SegmentId, entry: &LogEntry) -> Result<()> {
        self.call(&Request::Append((s, g).into(), WireEntry(entry.clone())))
    }

    fn read_all(&self, s: SessionId, g: SegmentId) -> Result<Vec<LogEntry>> {
        self.call(&Request::ReadAll((s, g).into())).map(from_wire)
    }

    fn list_sessions(&self) -> Result<Vec<SessionId>> {
        self.call(&Request::Sessions)
    }

    fn list_segments(&self, s: SessionId) -> Result<Vec<SegmentId>> {
        self.call(&Request::Segments(s))
    }

    fn lookup_session_of(&self, g: SegmentId) -> Result<Option<SessionId>> {
        self.call(&Request::Lookup(g))
    }

    fn create_segment(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
        self.call(&Request::Create((s, g).into(), to_wire(entries)))
    }

    fn exists(&self, s: SessionId, g: SegmentId) -> Result<bool> {
        self.call(&Request::Exists((s, g).into()))
    }

    fn read_entry_count(&self, s: SessionId, g: SegmentId) -> Result<usize> {
        self.call(&Request::Count((s, g).into()))
    }

    fn append_trace(&self, s: SessionId, g: SegmentId, entry: &TraceEntry) -> Result<()> {
        self.call(&Request::AppendTrace((s, g).into(), entry.as_json().to_owned()))
    }

    fn truncate(&self, s: SessionId, g: SegmentId, entries_len: usize) -> Result<()> {
        self.call(&Request::Truncate((s, g).into(), entries_len))
    }

    fn append_all(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
        self.call(&Request::AppendAll((s, g).into(), to_wire(entries)))
    }

    fn read_page(
        &self,
        s: SessionId,
        g: SegmentId,
        start: usize,
        max_bytes: usize,
    ) -> Result<Page> {
        let (entries, WireHead(head)) =
            self.call(&Request::ReadPage((s, g).into(), start, max_bytes))?;
        Ok(Page::new(from_wire(entries), head))
    }

    fn head(&self, s: SessionId, g: SegmentId) -> Result<Option<Head>> {
        let head: Option<WireHead> = self.call(&Request::Head((s, g).into()))?;
        Ok(head.map(|WireHead(head)| head))
    }

    fn append_if(
        &self,
        s: SessionId,
        g: SegmentId,
        expected: Option<Head>,
        entries: &[LogEntry],
    ) -> Result<Head> {
        let request = Request::AppendIf((s, g).into(), expected.map(WireHead), to_wire(entries));
        self.call(&request).map(|WireHead(head)| head)
    }

    fn delete_segment(&self, s: SessionId, g: SegmentId) -> Result<bool> {
        self.call(&Request::Delete((s, g).into()))
    }
}
