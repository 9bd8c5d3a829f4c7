//! `RemoteStore`: a handle in another process. Each call is sent to the process, and its reply is
//! returned.

use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde::de::DeserializeOwned;
use session_store_core::{
    Finding, Head, LogEntry, Maintenance, Page, Pod, PodName, PodStore, SegmentId, SessionId,
    Store, StoreError, TraceEntry, TracePage,
};

use super::PROCESS;
use super::message::{
    REPLY_PREFIX, Request, WireEntry, WireError, WireFinding, WireHead, from_wire, to_wire,
};
use crate::check_result::Result;

/// The longest time that the process may take for one call, and for its start.
const REPLY_LIMIT: Duration = Duration::from_secs(60);

/// A handle in another process that runs [`serve`](crate::serve). Dropping the value kills the
/// process.
///
/// If the process ends during a call, the result is
/// [`StoreError::Indeterminate`].
pub struct RemoteStore {
    child: Mutex<Child>,
    pipes: Mutex<Pipes>,
    calls_started: AtomicUsize,
}

struct Pipes {
    requests: ChildStdin,
    /// The replies, which a thread reads, because a read from a pipe has no time limit.
    replies: Receiver<io::Result<String>>,
    limit: Duration,
}

impl RemoteStore {
    /// Starts the process and waits until it is ready. `helper` is a command whose process calls
    /// [`serve`](crate::serve).
    ///
    /// # Errors
    /// An I/O error if the process cannot be started, or ends at once.
    pub fn start(helper: Command) -> io::Result<Self> {
        Self::start_within(REPLY_LIMIT, helper)
    }

    /// Starts the process, which may take the given time for its start and for each call.
    fn start_within(limit: Duration, mut helper: Command) -> io::Result<Self> {
        helper.env(PROCESS, "1").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = helper.spawn()?;
        let pipes = Pipes {
            requests: child.stdin.take().expect("standard input is a pipe"),
            replies: read_replies(child.stdout.take().expect("standard output is a pipe")),
            limit,
        };
        let (child, pipes) = (Mutex::new(child), Mutex::new(pipes));
        let remote = Self { child, pipes, calls_started: AtomicUsize::new(0) };
        remote.pipes().reply()?;
        Ok(remote)
    }

    /// Opens the storage with this [address](crate::Storage::address) in the process.
    ///
    /// # Errors
    /// The errors of [`Harness::open_at`](crate::Harness::open_at).
    pub fn open(&self, address: &str) -> Result<()> {
        self.call(&Request::Open(address.to_owned()))
    }

    /// Returns the number of calls that the process has started, including calls that open a
    /// handle.
    #[must_use]
    pub fn calls_started(&self) -> usize {
        self.calls_started.load(SeqCst)
    }

    /// Kills the process with SIGKILL.
    pub fn kill(&self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        // Ignore errors, because they mean that the process has already ended.
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

impl fmt::Debug for RemoteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls_started = self.calls_started();
        f.debug_struct("RemoteStore").field("calls_started", &calls_started).finish_non_exhaustive()
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

    /// Returns the next reply.
    fn reply(&mut self) -> io::Result<String> {
        self.replies.recv_timeout(self.limit).unwrap_or_else(|error| match error {
            RecvTimeoutError::Disconnected => {
                Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the process has ended"))
            }
            RecvTimeoutError::Timeout => {
                let text = format!("no reply within {} seconds", self.limit.as_secs_f32());
                Err(io::Error::new(io::ErrorKind::TimedOut, text))
            }
        })
    }
}

/// Reads the lines of the process in a thread. The receiver gets the lines that are replies. The
/// thread ends with the process.
fn read_replies(output: ChildStdout) -> Receiver<io::Result<String>> {
    let (sender, replies) = mpsc::channel();
    thread::spawn(move || {
        let (mut output, mut line) = (BufReader::new(output), String::new());
        loop {
            line.clear();
            let read = output.read_line(&mut line);
            // A killed process can leave a part of its last line, which has no newline.
            if read.is_ok() && !line.ends_with('\n') {
                return;
            }
            let is_last = read.is_err();
            let reply = read.map(|_| line.trim_end().strip_prefix(REPLY_PREFIX).map(str::to_owned));
            let Some(reply) = reply.transpose() else { continue };
            if sender.send(reply).is_err() || is_last {
                return;
            }
        }
    });
    replies
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

    fn read_trace_page(
        &self,
        s: SessionId,
        g: SegmentId,
        start: usize,
        max_bytes: usize,
    ) -> Result<TracePage> {
        let texts: Vec<String> =
            self.call(&Request::ReadTracePage((s, g).into(), start, max_bytes))?;
        let entries = texts.into_iter().map(TraceEntry::from_json).collect::<Result<_>>()?;
        Ok(TracePage::new(entries))
    }

    fn delete_segment(&self, s: SessionId, g: SegmentId) -> Result<bool> {
        self.call(&Request::Delete((s, g).into()))
    }

    fn delete_session(&self, s: SessionId) -> Result<bool> {
        self.call(&Request::DeleteSession(s))
    }

    fn sync(&self) -> Result<()> {
        self.call(&Request::Sync)
    }

    fn pods(&self) -> Option<&dyn PodStore> {
        Some(self)
    }

    fn maintenance(&self) -> Option<&dyn Maintenance> {
        Some(self)
    }
}

impl PodStore for RemoteStore {
    fn put_pod(&self, name: &PodName, pod: &Pod) -> Result<()> {
        self.call(&Request::PutPod(name.clone(), pod.as_json().to_owned()))
    }

    fn read_pod(&self, name: &PodName) -> Result<Option<Pod>> {
        let pod: Option<String> = self.call(&Request::ReadPod(name.clone()))?;
        pod.map(Pod::from_json).transpose()
    }

    fn list_pods(&self) -> Result<Vec<PodName>> {
        self.call(&Request::ListPods)
    }

    fn delete_pod(&self, name: &PodName) -> Result<bool> {
        self.call(&Request::DeletePod(name.clone()))
    }
}

impl Maintenance for RemoteStore {
    fn check(&self, report: &mut dyn FnMut(Finding)) -> Result<()> {
        let findings: Vec<WireFinding> = self.call(&Request::Check)?;
        findings.into_iter().map(Finding::from).for_each(report);
        Ok(())
    }

    fn repair(&self, report: &mut dyn FnMut(Finding)) -> Result<()> {
        let findings: Vec<WireFinding> = self.call(&Request::Repair)?;
        findings.into_iter().map(Finding::from).for_each(report);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(50);

    fn shell(script: &str) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]);
        shell
    }

    #[test]
    fn a_process_that_does_not_start_is_an_error() {
        let error = RemoteStore::start_within(SOON, shell("exec sleep 100")).err();
        assert_eq!(error.map(|error| error.kind()), Some(io::ErrorKind::TimedOut));
    }

    #[test]
    fn a_call_that_hangs_has_an_unknown_outcome() {
        let hangs = format!("echo '{REPLY_PREFIX}ready'; exec sleep 100");
        let remote = RemoteStore::start(shell(&hangs)).unwrap();
        remote.pipes().limit = SOON;
        let error = remote.list_sessions().unwrap_err();
        assert!(error.is_indeterminate(), "{error}");
        assert!(error.to_string().contains("no reply within 0.05 seconds"), "{error}");
    }

    #[test]
    fn a_process_that_ends_is_noticed() {
        let ends = format!("echo '{REPLY_PREFIX}ready'");
        let remote = RemoteStore::start(shell(&ends)).unwrap();
        let error = remote.list_sessions().unwrap_err();
        assert!(error.is_indeterminate(), "{error}");
    }
}
