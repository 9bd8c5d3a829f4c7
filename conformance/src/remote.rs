//! A handle that another process holds: each call goes there and its answer comes back.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::de::DeserializeOwned;
use session_store_core::{
    Head, LogEntry, Page, SegmentId, SessionId, Store, StoreError, TraceEntry,
};

use crate::message::{
    Carried, Fault, MARK, Request, carried, entries, head, indeterminate, told_head,
};
use crate::serve::PROCESS;

type Answer<T> = Result<T, StoreError>;

/// The other process and the pipes to it. Dropping it ends the process, by force.
pub(crate) struct Remote {
    child: Mutex<Child>,
    pipes: Mutex<Pipes>,
    begun: AtomicUsize,
}

struct Pipes {
    calls: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Remote {
    /// Starts a process that waits to be told what to open.
    pub(crate) fn start(mut helper: Command) -> io::Result<Self> {
        helper.env(PROCESS, "1").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = helper.spawn()?;
        let pipes = Pipes {
            calls: child.stdin.take().expect("standard input is a pipe"),
            answers: BufReader::new(child.stdout.take().expect("standard output is a pipe")),
        };
        let (child, pipes) = (Mutex::new(child), Mutex::new(pipes));
        let remote = Self { child, pipes, begun: AtomicUsize::new(0) };
        remote.pipes().answer()?;
        Ok(remote)
    }

    pub(crate) fn open(&self, address: &str) -> Answer<()> {
        self.ask(&Request::Open(address.to_owned()))
    }

    /// How many calls the process has said to be about to make, those that open a handle among them.
    pub(crate) fn calls_begun(&self) -> usize {
        self.begun.load(SeqCst)
    }

    /// Ends the process by SIGKILL, whatever it is at.
    pub(crate) fn kill(&self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        // It may have ended by itself, which is as good.
        let _ = child.kill();
        let _ = child.wait();
    }

    fn pipes(&self) -> MutexGuard<'_, Pipes> {
        self.pipes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask<T: DeserializeOwned>(&self, request: &Request) -> Answer<T> {
        let lost = |error: io::Error| indeterminate("a call in another process", error.to_string());
        let told = self.pipes().call(request, &self.begun).map_err(lost)?;
        let answer: Result<T, Fault> = serde_json::from_str(&told)?;
        Ok(answer?)
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Pipes {
    fn call(&mut self, request: &Request, begun: &AtomicUsize) -> io::Result<String> {
        let mut line = serde_json::to_string(request)?;
        line.push('\n');
        self.calls.write_all(line.as_bytes())?;
        // That the call begins; its own answer follows.
        self.answer()?;
        begun.fetch_add(1, SeqCst);
        self.answer()
    }

    /// The next line that is an answer.
    fn answer(&mut self) -> io::Result<String> {
        loop {
            let mut line = String::new();
            if self.answers.read_line(&mut line)? == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the process has ended"));
            }
            if let Some(answer) = line.strip_prefix(MARK) {
                return Ok(answer.to_owned());
            }
        }
    }
}

fn must_be_head(told: &str) -> Answer<Head> {
    head(told).ok_or_else(|| indeterminate("a call in another process", format!("no head: {told}")))
}

impl Store for Remote {
    fn append(&self, s: SessionId, g: SegmentId, entry: &LogEntry) -> Answer<()> {
        self.ask(&Request::Append(s, g, Carried(entry.clone())))
    }

    fn read_all(&self, s: SessionId, g: SegmentId) -> Answer<Vec<LogEntry>> {
        self.ask(&Request::ReadAll(s, g)).map(entries)
    }

    fn list_sessions(&self) -> Answer<Vec<SessionId>> {
        self.ask(&Request::Sessions)
    }

    fn list_segments(&self, s: SessionId) -> Answer<Vec<SegmentId>> {
        self.ask(&Request::Segments(s))
    }

    fn lookup_session_of(&self, g: SegmentId) -> Answer<Option<SessionId>> {
        self.ask(&Request::Lookup(g))
    }

    fn create_segment(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Answer<()> {
        self.ask(&Request::Create(s, g, carried(entries)))
    }

    fn exists(&self, s: SessionId, g: SegmentId) -> Answer<bool> {
        self.ask(&Request::Exists(s, g))
    }

    fn read_entry_count(&self, s: SessionId, g: SegmentId) -> Answer<usize> {
        self.ask(&Request::Count(s, g))
    }

    fn append_trace(&self, s: SessionId, g: SegmentId, entry: &TraceEntry) -> Answer<()> {
        self.ask(&Request::AppendTrace(s, g, entry.as_json().to_owned()))
    }

    fn truncate(&self, s: SessionId, g: SegmentId, entries_len: usize) -> Answer<()> {
        self.ask(&Request::Truncate(s, g, entries_len))
    }

    fn append_all(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Answer<()> {
        self.ask(&Request::AppendAll(s, g, carried(entries)))
    }

    fn read_page(&self, s: SessionId, g: SegmentId, start: usize, bytes: usize) -> Answer<Page> {
        let (page, told): (Vec<Carried>, String) =
            self.ask(&Request::ReadPage(s, g, start, bytes))?;
        Ok(Page::new(entries(page), must_be_head(&told)?))
    }

    fn head(&self, s: SessionId, g: SegmentId) -> Answer<Option<Head>> {
        let told: Option<String> = self.ask(&Request::Head(s, g))?;
        Ok(told.as_deref().and_then(head))
    }

    fn append_if(
        &self,
        s: SessionId,
        g: SegmentId,
        expected: Option<Head>,
        entries: &[LogEntry],
    ) -> Answer<Head> {
        let expected = expected.map(told_head);
        let told: String = self.ask(&Request::AppendIf(s, g, expected, carried(entries)))?;
        must_be_head(&told)
    }

    fn delete_segment(&self, s: SessionId, g: SegmentId) -> Answer<bool> {
        self.ask(&Request::Delete(s, g))
    }
}
