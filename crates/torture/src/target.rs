//! The targets of the writers: logs, traces and pods, each with the history of its calls.
//!
//! For a history, a trace is a log that is never truncated, and a pod is a log of at most one
//! entry. One kind of history and one checker therefore serve all three kinds of targets.

use session_store::{
    Head, LogEntry, Pod, PodName, SegmentId, SegmentKey, SessionId, Store, StoreError, StoreExt,
    TraceEntry,
};
use session_store_conformance::{Effect, History, Operation};

/// The kinds of targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Log,
    Trace,
    Pod,
}

/// A kind of change. Traces and pods support only some kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Change {
    Append,
    AppendAll,
    AppendIf,
    Truncate,
    Replace,
    Delete,
    Repair,
}

impl Change {
    /// Returns whether the change is not an append. Such a change has several steps, so a fault can
    /// interrupt the change between two steps.
    pub(crate) fn rewrites(self) -> bool {
        !matches!(self, Self::Append | Self::AppendAll | Self::AppendIf)
    }

    /// Returns the changes that a target of this kind supports.
    pub(crate) fn of(kind: Kind) -> &'static [Self] {
        match kind {
            Kind::Log => &[
                Self::Append,
                Self::AppendAll,
                Self::AppendIf,
                Self::Truncate,
                Self::Replace,
                Self::Delete,
                Self::Repair,
            ],
            Kind::Trace => &[Self::Append, Self::Delete],
            Kind::Pod => &[Self::Replace, Self::Delete],
        }
    }
}

/// The entries of a target, or `None` if the target does not exist.
pub(crate) type Content = Option<Vec<LogEntry>>;

/// One log, trace or pod.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) kind: Kind,
    pub(crate) key: SegmentKey,
    pod: PodName,
    pub(crate) history: History,
    /// Whether the first event of the history is the content at the start of the round.
    pub(crate) had_content: bool,
    /// Whether the target is a log of large entries, if the run has such logs.
    pub(crate) is_large: bool,
}

impl Target {
    /// Returns a target that does not exist yet.
    pub(crate) fn new(kind: Kind, session: SessionId) -> Self {
        let segment = SegmentId::new();
        let pod = segment.to_string().parse().expect("an id is a name");
        let key = SegmentKey::new(session, segment);
        Self { kind, key, pod, history: History::default(), had_content: false, is_large: false }
    }

    /// Returns the same target with a new history. The history begins with the content.
    pub(crate) fn continued(self, content: Content) -> Self {
        let (history, had_content) = (History::default(), content.is_some());
        if let Some(entries) = content {
            let started = history.start();
            history.record(Operation::Replace(entries), Effect::Applied, started);
        }
        Self { history, had_content, ..self }
    }

    pub(crate) fn read<S: Store + ?Sized>(&self, store: &S) -> Result<Content, StoreError> {
        match self.kind {
            Kind::Log => match store.at(self.key).read_all() {
                Err(StoreError::NotFound(_)) => Ok(None),
                entries => entries.map(Some),
            },
            Kind::Trace => {
                let page = store.at(self.key).read_trace_page(0, usize::MAX)?;
                let texts = page.entries.iter().map(TraceEntry::as_json);
                let entries: Vec<_> = texts.map(LogEntry::from_json).collect::<Result<_, _>>()?;
                Ok((!entries.is_empty()).then_some(entries))
            }
            Kind::Pod => match pods(store)?.read_pod(&self.pod)? {
                Some(pod) => Ok(Some(vec![LogEntry::from_json(pod.as_json())?])),
                None => Ok(None),
            },
        }
    }

    /// Makes a change with these entries. If the change is a truncation, the number of entries is
    /// the new length of the log.
    pub(crate) fn change<S: Store + ?Sized>(
        &self,
        store: &S,
        change: Change,
        entries: &[LogEntry],
    ) -> Result<(), StoreError> {
        let log = store.at(self.key);
        match (self.kind, change) {
            (Kind::Trace, Change::Append) => entries
                .iter()
                .try_for_each(|entry| log.append_trace(&TraceEntry::from_json(entry.as_json())?)),
            (Kind::Pod, Change::Replace) => {
                let [entry] = entries else { return Ok(()) };
                pods(store)?.put_pod(&self.pod, &Pod::from_json(entry.as_json())?)
            }
            (Kind::Pod, _) => pods(store)?.delete_pod(&self.pod).map(drop),
            (_, Change::Append) => entries.iter().try_for_each(|entry| log.append(entry)),
            (_, Change::AppendAll) => log.append_all(entries),
            (_, Change::AppendIf) => {
                let head: Option<Head> = log.head()?;
                log.append_if(head, entries).map(drop)
            }
            (_, Change::Truncate) => log.truncate(entries.len()),
            (_, Change::Replace) => log.create(entries),
            (_, Change::Delete) => log.delete().map(drop),
            (_, Change::Repair) => match store.maintenance() {
                Some(maintenance) => maintenance.repair(&mut |_| ()),
                None => Ok(()),
            },
        }
    }
}

/// Returns the change as an operation of a history, or `None` for a repair, because a repair
/// changes no entry.
///
/// `in_parts` says whether an interrupted batch can be stored in part.
pub(crate) fn operation(change: Change, entries: &[LogEntry], in_parts: bool) -> Option<Operation> {
    Some(match change {
        Change::Append => Operation::Append(entries.to_vec()),
        Change::AppendAll | Change::AppendIf if in_parts => {
            Operation::AppendInParts(entries.to_vec())
        }
        Change::AppendAll | Change::AppendIf => Operation::Append(entries.to_vec()),
        Change::Truncate => Operation::Truncate(entries.len()),
        Change::Replace => Operation::Replace(entries.to_vec()),
        Change::Delete => Operation::Delete,
        Change::Repair => return None,
    })
}

fn pods<S: Store + ?Sized>(store: &S) -> Result<&dyn session_store::PodStore, StoreError> {
    store.pods().ok_or_else(|| std::io::Error::other("the store has no pods").into())
}
