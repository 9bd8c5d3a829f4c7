//! `RemoteStore`: a store whose calls are sent to a server.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;

use serde::de::DeserializeOwned;
use session_store_core::{
    BaseLevel, Capabilities, Capability, Finding, Head, ListOptions, LogEntry, Maintenance, Page,
    PageRequest, Pod, PodName, PodStore, SegmentId, SegmentInfo, SegmentKey, SessionId, Store,
    StoreError, TraceEntry, TracePage, forward_store,
};

use crate::connection::Connection;
use crate::message::{
    Call, Description, WireEntry, WireFinding, WireInfo, WireListedInfo, WirePage, from_wire,
    to_wire,
};

type Result<T> = std::result::Result<T, StoreError>;

/// A store in another process, or behind any other pair of pipes.
///
/// Several threads can make calls at the same time. When the client connects, the server lists the
/// methods that it answers. If a provided method of the trait is not in this list, this type uses
/// the provided body.
///
/// A call fails with [`StoreError::Indeterminate`] if the server ends, or does not reply within the
/// [time limit](Self::start_with_limit). Dropping the value kills the process that
/// [`start`](Self::start) has started.
#[derive(Debug)]
pub struct RemoteStore {
    connection: Connection,
    description: RwLock<Description>,
    process: Option<Process>,
}

/// A process that is killed when the value is dropped.
#[derive(Debug)]
struct Process(Mutex<Child>);

impl Process {
    fn kill(&self) {
        let mut child = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Both calls only fail if the process has already ended.
        let _ = child.kill();
        let _ = child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

impl RemoteStore {
    /// Starts a server as a process, and waits for its greeting.
    ///
    /// # Errors
    /// An I/O error if the process cannot be started, ends without a greeting, or speaks another
    /// version of the protocol.
    pub fn start(command: Command) -> io::Result<Self> {
        Self::start_with_limit(command, None)
    }

    /// Starts a server as [`start`](Self::start) does. `limit` is the longest time that the server
    /// may take for its greeting, and for each call.
    ///
    /// # Errors
    /// As [`start`](Self::start). [`TimedOut`](io::ErrorKind::TimedOut) if the greeting takes
    /// longer than `limit`.
    pub fn start_with_limit(mut command: Command, limit: Option<Duration>) -> io::Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = BufReader::new(child.stdout.take().expect("standard output is a pipe"));
        let output = child.stdin.take().expect("standard input is a pipe");
        let process = Some(Process(Mutex::new(child)));
        Ok(Self { process, ..Self::connect(input, output, limit)? })
    }

    /// Uses a server at the other end of two pipes, and waits for its greeting.
    ///
    /// # Errors
    /// As [`start_with_limit`](Self::start_with_limit).
    pub fn connect(
        input: impl BufRead + Send + 'static,
        output: impl Write + Send + 'static,
        limit: Option<Duration>,
    ) -> io::Result<Self> {
        let (connection, store) = Connection::new(input, output, limit)?;
        let description = RwLock::new(store.unwrap_or_default());
        Ok(Self { connection, description, process: None })
    }

    /// Requests that the server reports the start of each call. [`calls_started`] counts these
    /// reports.
    ///
    /// [`calls_started`]: Self::calls_started
    #[must_use]
    pub fn with_reported_starts(mut self) -> Self {
        self.connection.report_starts = true;
        self
    }

    /// Opens the storage with this address. All later calls use this storage.
    ///
    /// # Errors
    /// The errors of the server. [`StoreError::Io`] if the server serves one store only.
    pub fn open(&self, address: &str) -> Result<()> {
        let opened = self.call(Call::Open { address: address.to_owned() })?;
        *self.description.write().unwrap_or_else(PoisonError::into_inner) = opened;
        Ok(())
    }

    /// Returns the number of calls that the server has reported as started, including the calls
    /// that open a storage. The number is 0 without
    /// [`with_reported_starts`](Self::with_reported_starts).
    #[must_use]
    pub fn calls_started(&self) -> usize {
        self.connection.calls_started()
    }

    /// Kills the process with SIGKILL. Does nothing if this value has not started a process.
    pub fn kill(&self) {
        if let Some(process) = &self.process {
            process.kill();
        }
    }

    fn call<T: DeserializeOwned>(&self, call: Call) -> Result<T> {
        let lost =
            |error: io::Error| StoreError::indeterminate("call another process", error.into());
        let result = self.connection.call(call).map_err(lost)??;
        // If this program cannot read the reply, the outcome of the call is unknown.
        serde_json::from_str(result.as_deref().map_or("null", |json| json.get()))
            .map_err(|error| lost(error.into()))
    }

    /// Returns whether the server answers the call with this name.
    fn has(&self, call: &str) -> bool {
        self.description.read().unwrap_or_else(PoisonError::into_inner).has(call)
    }
}

#[deny(clippy::missing_trait_methods)]
impl Store for RemoteStore {
    fn append(&self, s: SessionId, g: SegmentId, entry: &LogEntry) -> Result<()> {
        self.call(Call::Append { key: (s, g).into(), entry: entry.into() })
    }

    fn read_all(&self, s: SessionId, g: SegmentId) -> Result<Vec<LogEntry>> {
        self.call(Call::ReadAll((s, g).into())).map(from_wire)
    }

    fn list_sessions(&self) -> Result<Vec<SessionId>> {
        self.call(Call::ListSessions)
    }

    fn list_segments(&self, session_id: SessionId) -> Result<Vec<SegmentId>> {
        self.call(Call::ListSegments { session_id })
    }

    fn lookup_session_of(&self, segment_id: SegmentId) -> Result<Option<SessionId>> {
        self.call(Call::LookupSessionOf { segment_id })
    }

    fn create_segment(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
        self.call(Call::CreateSegment { key: (s, g).into(), entries: to_wire(entries) })
    }

    fn exists(&self, s: SessionId, g: SegmentId) -> Result<bool> {
        self.call(Call::Exists((s, g).into()))
    }

    fn read_entry_count(&self, s: SessionId, g: SegmentId) -> Result<usize> {
        self.call(Call::ReadEntryCount((s, g).into()))
    }

    fn append_trace(&self, s: SessionId, g: SegmentId, entry: &TraceEntry) -> Result<()> {
        self.call(Call::AppendTrace { key: (s, g).into(), entry: entry.as_json().to_owned() })
    }

    fn truncate(&self, s: SessionId, g: SegmentId, entries_len: usize) -> Result<()> {
        if !self.has("truncate") {
            return BaseLevel(self).truncate(s, g, entries_len);
        }
        self.call(Call::Truncate { key: (s, g).into(), entries_len })
    }

    fn capabilities(&self) -> Capabilities {
        self.description.read().unwrap_or_else(PoisonError::into_inner).capabilities()
    }

    fn pods(&self) -> Option<&dyn PodStore> {
        self.has("put_pod").then_some(self)
    }

    fn maintenance(&self) -> Option<&dyn Maintenance> {
        self.has("check").then_some(self)
    }

    fn append_all(&self, s: SessionId, g: SegmentId, entries: &[LogEntry]) -> Result<()> {
        if !self.has("append_all") {
            return BaseLevel(self).append_all(s, g, entries);
        }
        self.call(Call::AppendAll { key: (s, g).into(), entries: to_wire(entries) })
    }

    fn read_page(
        &self,
        s: SessionId,
        g: SegmentId,
        start: usize,
        max_bytes: usize,
    ) -> Result<Page> {
        if !self.has("read_page") {
            return BaseLevel(self).read_page(s, g, start, max_bytes);
        }
        let (entries, head) = self.read_page_with(s, g, PageRequest::new(start, max_bytes))?;
        let head = head.ok_or_else(|| io::Error::other("the server sent a page without a head"))?;
        Ok(Page::new(entries, head))
    }

    fn read_page_with(
        &self,
        s: SessionId,
        g: SegmentId,
        request: PageRequest,
    ) -> Result<(Vec<LogEntry>, Option<Head>)> {
        if !self.has("read_page") {
            return BaseLevel(self).read_page_with(s, g, request);
        }
        let PageRequest { start, max_bytes, needs_head, .. } = request;
        let page: WirePage<WireEntry> =
            self.call(Call::ReadPage { key: (s, g).into(), start, max_bytes, needs_head })?;
        Ok((from_wire(page.entries), page.head))
    }

    fn read_page_matching(
        &self,
        s: SessionId,
        g: SegmentId,
        request: PageRequest,
        matches: &dyn Fn(&str) -> bool,
    ) -> Result<(Vec<Option<LogEntry>>, Option<Head>)> {
        let (entries, head) = self.read_page_with(s, g, request)?;
        let matching = |entry: LogEntry| matches(entry.as_json()).then_some(entry);
        Ok((entries.into_iter().map(matching).collect(), head))
    }

    fn head(&self, s: SessionId, g: SegmentId) -> Result<Option<Head>> {
        if !self.has("head") {
            return BaseLevel(self).head(s, g);
        }
        self.call(Call::Head((s, g).into()))
    }

    fn segment_info(&self, s: SessionId, g: SegmentId) -> Result<Option<SegmentInfo>> {
        if !self.has("segment_info") {
            return Ok(self.head(s, g)?.map(SegmentInfo::new));
        }
        let info: Option<WireInfo> = self.call(Call::SegmentInfo((s, g).into()))?;
        Ok(info.map(SegmentInfo::from))
    }

    fn list_infos(&self, options: &ListOptions) -> Result<Vec<(SegmentKey, SegmentInfo)>> {
        if !self.has("list_infos") {
            return Listing(self).list_infos(options);
        }
        let (after, limit) = (options.start_after(), options.max_sessions());
        let infos: Vec<WireListedInfo> = self.call(Call::ListInfos { after, limit })?;
        Ok(infos.into_iter().map(|WireListedInfo { key, info }| (key, info.into())).collect())
    }

    fn append_if(
        &self,
        s: SessionId,
        g: SegmentId,
        expected: Option<Head>,
        entries: &[LogEntry],
    ) -> Result<Head> {
        if !self.has("append_if") {
            return BaseLevel(self).append_if(s, g, expected, entries);
        }
        self.call(Call::AppendIf { key: (s, g).into(), expected, entries: to_wire(entries) })
    }

    fn truncate_if(
        &self,
        s: SessionId,
        g: SegmentId,
        expected: Head,
        entries_len: usize,
    ) -> Result<Head> {
        if !self.has("truncate_if") {
            return BaseLevel(self).truncate_if(s, g, expected, entries_len);
        }
        self.call(Call::TruncateIf { key: (s, g).into(), expected, entries_len })
    }

    fn read_trace_page(
        &self,
        s: SessionId,
        g: SegmentId,
        start: usize,
        max_bytes: usize,
    ) -> Result<TracePage> {
        if !self.has("read_trace_page") {
            return BaseLevel(self).read_trace_page(s, g, start, max_bytes);
        }
        let page: WirePage<String> =
            self.call(Call::ReadTracePage { key: (s, g).into(), start, max_bytes })?;
        let entries = page.entries.into_iter().map(TraceEntry::from_json);
        Ok(TracePage::new(entries.collect::<Result<_>>()?))
    }

    fn delete_segment(&self, s: SessionId, g: SegmentId) -> Result<bool> {
        if !self.has("delete_segment") {
            return BaseLevel(self).delete_segment(s, g);
        }
        self.call(Call::DeleteSegment((s, g).into()))
    }

    fn delete_session(&self, session_id: SessionId) -> Result<bool> {
        if !self.has("delete_session") {
            return BaseLevel(self).delete_session(session_id);
        }
        self.call(Call::DeleteSession { session_id })
    }

    fn sync(&self) -> Result<()> {
        if !self.has("sync") {
            return BaseLevel(self).sync();
        }
        self.call(Call::Sync)
    }
}

/// A store whose `list_infos` is the provided body of the trait. This body calls the `segment_info`
/// of the `RemoteStore`, which `BaseLevel` would not forward.
struct Listing<'a>(&'a RemoteStore);

impl Store for Listing<'_> {
    forward_store! { self => self.0;
        append read_all list_sessions list_segments lookup_session_of create_segment exists
        read_entry_count append_trace segment_info
    }
}

#[deny(clippy::missing_trait_methods)]
impl PodStore for RemoteStore {
    fn put_pod(&self, name: &PodName, pod: &Pod) -> Result<()> {
        self.call(Call::PutPod { name: name.clone(), pod: pod.as_json().to_owned() })
    }

    fn read_pod(&self, name: &PodName) -> Result<Option<Pod>> {
        let pod: Option<String> = self.call(Call::ReadPod { name: name.clone() })?;
        pod.map(Pod::from_json).transpose()
    }

    fn list_pods(&self) -> Result<Vec<PodName>> {
        self.call(Call::ListPods)
    }

    fn delete_pod(&self, name: &PodName) -> Result<bool> {
        self.call(Call::DeletePod { name: name.clone() })
    }

    fn put_pod_if(&self, name: &PodName, expected: Option<&Pod>, pod: &Pod) -> Result<()> {
        if !self.has("put_pod_if") {
            let (operation, capability) = ("put_pod_if", Capability::ConditionalPut);
            return Err(StoreError::Unsupported { operation, capability });
        }
        let expected = expected.map(|pod| pod.as_json().to_owned());
        self.call(Call::PutPodIf { name: name.clone(), expected, pod: pod.as_json().to_owned() })
    }
}

impl Maintenance for RemoteStore {
    fn check(&self, report: &mut dyn FnMut(Finding)) -> Result<()> {
        let findings: Vec<WireFinding> = self.call(Call::Check)?;
        findings.into_iter().map(Finding::from).for_each(report);
        Ok(())
    }

    fn repair(&self, report: &mut dyn FnMut(Finding)) -> Result<()> {
        let findings: Vec<WireFinding> = self.call(Call::Repair)?;
        findings.into_iter().map(Finding::from).for_each(report);
        Ok(())
    }
}
