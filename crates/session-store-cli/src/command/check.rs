//! `check`: reads every log, trace and pod to its end, looks up every segment, and reports every
//! problem with the command that repairs it.

use std::collections::HashSet;
use std::fmt;

use serde::Serialize;
use session_store::{
    Finding, LogEntry, OpenStore, SegmentId, SegmentKey, SessionId, Severity, Store, StoreError,
    StoreExt, TraceEntry, error_chain,
};

use crate::args::CheckArgs;
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::output::Output;
use crate::reference::Reference;
use crate::segment::{Line, lines};
use crate::signal::explain_end;
use crate::store::{list_segments, list_sessions, open, print_warnings, unknown_session};
use crate::text::{quoted, wrapped};

/// The number of characters of a line of text, unless a word is longer.
const WIDTH: usize = 100;

/// The maximum number of times that a log is read again from its start because it has changed.
const MAX_RESTARTS: usize = 3;

/// The JSON of a finding. A finding about a segment also has its ids.
#[derive(Serialize)]
struct FindingJson<'a> {
    #[serde(flatten)]
    key: Option<SegmentKey>,
    /// `fault`, `note` or `repaired`.
    kind: &'a str,
    place: &'a str,
    cause: &'a str,
    remedy: Option<&'a str>,
    /// The command that repairs the fault.
    command: Option<String>,
}

/// The numbers of segments, entries and pods that were read, and of the problems that were found.
#[derive(Default, Serialize)]
pub(super) struct Summary {
    segments: usize,
    entries: usize,
    trace_entries: usize,
    pods: usize,
    pub(super) faults: usize,
    pub(super) repairs: Option<usize>,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { segments, entries, trace_entries, pods, faults, repairs } = self;
        write!(f, "segments: {segments}, entries: {entries}, trace entries: {trace_entries}, ")?;
        write!(f, "pods: {pods}, faults: {faults}")?;
        repairs.map_or(Ok(()), |repairs| write!(f, ", repairs: {repairs}"))
    }
}

/// The part of a store to check or to repair.
#[derive(Clone, Copy)]
pub(super) enum Scope {
    Store,
    Session(SessionId),
    Segment(SegmentKey),
}

impl Scope {
    /// Returns the part that the arguments name. It must exist.
    pub(super) fn resolve(
        session: Option<&Reference<SessionId>>,
        segment: Option<&Reference<SegmentId>>,
        store: &OpenStore,
    ) -> Result<Self, Failure> {
        let Some(session) = session else { return Ok(Self::Store) };
        let session_id = session.resolve(store)?;
        if list_segments(store, session_id)?.is_empty() {
            return Err(unknown_session(store, session_id));
        }
        let Some(segment) = segment else { return Ok(Self::Session(session_id)) };
        Ok(Self::Segment(segment.resolve(Some(session), store)?))
    }

    pub(super) fn contains(self, key: SegmentKey) -> bool {
        match self {
            Self::Store => true,
            Self::Session(session_id) => key.session_id == session_id,
            Self::Segment(segment) => key == segment,
        }
    }
}

pub(crate) fn run(args: &CheckArgs, out: &mut Output) -> Result<Exit, Failure> {
    explain_end("nothing was changed; run the same command again");
    let store = open(&args.store)?;
    print_warnings(&store);
    let summary = Check::new(&store, Scope::Store, out).run()?;
    out.answer(&summary)?;
    Ok(Exit::done_if(summary.faults == 0))
}

pub(super) struct Check<'a> {
    store: &'a OpenStore,
    scope: Scope,
    out: &'a mut Output,
    summary: Summary,
    /// The places of the backend's own findings.
    places: HashSet<String>,
}

impl<'a> Check<'a> {
    pub(super) fn new(store: &'a OpenStore, scope: Scope, out: &'a mut Output) -> Self {
        Self { store, scope, out, summary: Summary::default(), places: HashSet::new() }
    }

    /// Reads the part of the store. Prints each finding.
    pub(super) fn run(mut self) -> Result<Summary, Failure> {
        let sessions = match self.scope {
            Scope::Store => {
                self.check_storage()?;
                list_sessions(self.store)?
            }
            Scope::Session(session_id) => vec![session_id],
            Scope::Segment(key) => vec![key.session_id],
        };
        for session_id in sessions {
            for segment_id in list_segments(self.store, session_id)? {
                let key = SegmentKey { session_id, segment_id };
                if self.scope.contains(key) {
                    self.check_segment(key)?;
                }
            }
        }
        if matches!(self.scope, Scope::Store) {
            self.check_pods()?;
        }
        Ok(self.summary)
    }

    /// Runs the checks of the backend itself.
    fn check_storage(&mut self) -> Result<(), Failure> {
        let (store, mut printed) = (self.store, Ok(()));
        if let Some(maintenance) = store.maintenance() {
            let checked = maintenance.check(&mut |finding| {
                if printed.is_ok() {
                    printed = self.add(None, &finding);
                }
                self.places.insert(finding.place);
            });
            checked.context(|| format!("check {}", store.url()))?;
        }
        printed
    }

    /// Reads the log and the trace of a segment, and looks the segment up.
    fn check_segment(&mut self, key: SegmentKey) -> Result<(), Failure> {
        self.summary.segments += 1;
        self.summary.entries += self.read::<LogEntry>(key)?;
        self.summary.trace_entries += self.read::<TraceEntry>(key)?;
        let place = key.to_string();
        match self.store.lookup_session_of(key.segment_id) {
            // The backend itself may have reported the missing lookup entry.
            Ok(None) if !self.places.contains(&place) && self.is_listed(key)? => {
                let cause = "the segment cannot be found by its id alone";
                let finding = Finding::new(Severity::Fault, place, cause);
                self.add(Some(key), &finding.repairable())
            }
            Ok(_) => Ok(()),
            Err(error) => self.add_error(key, place, &error),
        }
    }

    /// Reads a log or a trace, reports each bad line, and continues after it. Returns the number of
    /// entries.
    fn read<E: Line>(&mut self, key: SegmentKey) -> Result<usize, Failure> {
        let segment = self.store.at(key);
        let (mut entries, mut restarts) = (0, 0);
        let mut lines_left = lines::<E>(segment, 0);
        while let Some(line) = lines_left.next() {
            match line {
                Ok(_) => entries += 1,
                // Another program truncated or replaced the log while it was read.
                Err(StoreError::Conflict { .. }) if restarts < MAX_RESTARTS => {
                    (entries, restarts) = (0, restarts + 1);
                    lines_left = lines(segment, 0);
                }
                // Another program deleted the segment after the listing.
                Err(StoreError::NotFound(_)) if !self.is_listed(key)? => {}
                Err(error) => self.add_error(key, format!("{}{key}", E::PREFIX), &error)?,
            }
        }
        Ok(entries)
    }

    /// Reads every pod.
    fn check_pods(&mut self) -> Result<(), Failure> {
        let Some(pods) = self.store.pods() else { return Ok(()) };
        let names = pods.list_pods();
        for name in names.context(|| format!("list the pods of {}", self.store.url()))? {
            match pods.read_pod(&name) {
                Ok(Some(_)) => self.summary.pods += 1,
                // Another program deleted the pod after the listing.
                Ok(None) => {}
                Err(error) => {
                    let place = format!("pod {name}");
                    self.add(None, &Finding::new(Severity::Fault, place, error_chain(&error)))?;
                }
            }
        }
        Ok(())
    }

    fn is_listed(&self, key: SegmentKey) -> Result<bool, Failure> {
        Ok(list_segments(self.store, key.session_id)?.contains(&key.segment_id))
    }

    fn add_error(
        &mut self,
        key: SegmentKey,
        place: String,
        error: &StoreError,
    ) -> Result<(), Failure> {
        let finding = Finding::new(Severity::Fault, place, error_chain(error));
        self.summary.faults += 1;
        // A line or a row that is not an entry can be moved out of the log.
        let command = matches!(error, StoreError::Corrupt { .. })
            .then(|| format!("{} {} {}", self.repair_command(), key.session_id, key.segment_id));
        self.print("fault", Some(key), &finding, command)
    }

    fn add(&mut self, key: Option<SegmentKey>, finding: &Finding) -> Result<(), Failure> {
        self.summary.faults += usize::from(finding.severity == Severity::Fault);
        let command = finding.is_repairable.then(|| self.repair_command());
        self.print(&finding.severity.to_string(), key, finding, command)
    }

    fn repair_command(&self) -> String {
        format!("session-store repair {}", quoted(&self.store.url().to_string()))
    }

    pub(super) fn print(
        &mut self,
        kind: &str,
        key: Option<SegmentKey>,
        finding: &Finding,
        command: Option<String>,
    ) -> Result<(), Failure> {
        let Finding { place, cause, remedy, .. } = finding;
        let mut lines = vec![format!("{kind}: {place}")];
        for text in [Some(cause), remedy.as_ref()].into_iter().flatten() {
            lines.extend(wrapped(text, WIDTH - 2).iter().map(|line| format!("  {line}")));
        }
        if let Some(command) = &command {
            // The command stays on one line, so that the user can copy it.
            lines.extend(["  repair it with:".to_owned(), format!("    {command}")]);
        }
        let json = FindingJson { key, kind, place, cause, remedy: remedy.as_deref(), command };
        self.out.report(&json, lines)
    }
}
