//! `stat`: what is in a store, in figures.

use std::fmt;
use std::ops::AddAssign;

use indicatif::HumanBytes;
use serde::Serialize;
use session_store::{LogEntry, OpenStore, SegmentId, SessionId, Store, TraceEntry};

use crate::args::StatArgs;
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::output::Output;
use crate::progress::Bar;
use crate::reader::{Entry, Line, Reader};
use crate::store::{list_segments, list_sessions, open};
use crate::table::cell;
use crate::target::Target;

/// How many of the largest segments are named.
const NAMED: usize = 5;

pub(crate) fn run(args: &StatArgs, out: &mut Output) -> Result<Exit, Failure> {
    let store = open(&args.store)?;
    let sessions = list_sessions(&store)?;
    let mut survey = Survey::begin(&store, sessions.len(), args.bytes)?;
    for session_id in sessions {
        survey.session(session_id);
        survey.bar.part_done();
    }
    let figures = survey.figures;
    // The bar is where the answer goes on a terminal.
    drop(survey.bar);
    out.answer(&figures)?;
    Ok(Exit::done_if(figures.are_known()))
}

/// A sum, as long as all its parts are known.
#[derive(Clone, Copy, Serialize)]
struct Sum(Option<u64>);

impl Sum {
    const ZERO: Self = Self(Some(0));
    const UNKNOWN: Self = Self(None);

    fn of(count: Option<usize>) -> Self {
        Self(count.map(|count| count as u64))
    }
}

impl AddAssign for Sum {
    fn add_assign(&mut self, other: Self) {
        self.0 = self.0.zip(other.0).map(|(sum, part)| sum + part);
    }
}

#[derive(Serialize)]
struct Figures {
    sessions: usize,
    segments: Sum,
    entries: Sum,
    /// How many segments have a trace.
    traces: Sum,
    pods: usize,
    #[serde(flatten)]
    volume: Option<Volume>,
    largest: Vec<Segment>,
}

/// What takes reading everything to know.
#[derive(Clone, Copy, Serialize)]
struct Volume {
    entry_bytes: Sum,
    trace_entries: Sum,
    trace_bytes: Sum,
}

impl Volume {
    const ZERO: Self =
        Self { entry_bytes: Sum::ZERO, trace_entries: Sum::ZERO, trace_bytes: Sum::ZERO };
}

#[derive(Serialize)]
struct Segment {
    session_id: SessionId,
    segment_id: SegmentId,
    entries: usize,
}

impl Figures {
    fn are_known(&self) -> bool {
        let read = self.volume.map(|volume| [volume.entry_bytes, volume.trace_bytes]);
        let counted = [self.segments, self.entries, self.traces];
        counted.iter().chain(read.iter().flatten()).all(|sum| sum.0.is_some())
    }

    /// Keeps the largest ones only.
    fn take_largest(&mut self, segment: Segment) {
        let place = self.largest.partition_point(|other| other.entries >= segment.entries);
        self.largest.insert(place, segment);
        self.largest.truncate(NAMED);
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sessions, segments, entries, traces, pods, volume, largest } = self;
        let bytes = |sum: Sum| cell(sum.0.map(HumanBytes));
        writeln!(f, "sessions       {sessions}")?;
        writeln!(f, "segments       {}", cell(segments.0))?;
        writeln!(f, "entries        {}", cell(entries.0))?;
        if let Some(volume) = volume {
            writeln!(f, "  bytes        {}", bytes(volume.entry_bytes))?;
        }
        writeln!(f, "traces         {}", cell(traces.0))?;
        if let Some(volume) = volume {
            writeln!(f, "  entries      {}", cell(volume.trace_entries.0))?;
            writeln!(f, "  bytes        {}", bytes(volume.trace_bytes))?;
        }
        write!(f, "pods           {pods}")?;
        for (place, Segment { segment_id, entries, .. }) in largest.iter().enumerate() {
            let label = if place == 0 { "largest" } else { "" };
            write!(f, "\n{label:<15}{segment_id}  {entries}")?;
        }
        Ok(())
    }
}

/// Goes through a store, session by session. What cannot be found out is told, and makes its sum unknown.
struct Survey<'a> {
    store: &'a OpenStore,
    figures: Figures,
    bar: Bar,
}

impl<'a> Survey<'a> {
    fn begin(store: &'a OpenStore, sessions: usize, with_bytes: bool) -> Result<Self, Failure> {
        let operation = || format!("list the pods of {}", store.url());
        let pods = store.pods().map_or(Ok(Vec::new()), |pods| pods.list_pods().context(operation));
        let figures = Figures {
            sessions,
            segments: Sum::ZERO,
            entries: Sum::ZERO,
            traces: Sum::ZERO,
            pods: pods?.len(),
            volume: with_bytes.then_some(Volume::ZERO),
            largest: Vec::new(),
        };
        let mut bar = Bar::new();
        bar.begin("counting", sessions);
        Ok(Self { store, figures, bar })
    }

    fn session(&mut self, session_id: SessionId) {
        let store = self.store;
        let segments = self.known(list_segments(store, session_id));
        self.figures.segments += Sum::of(segments.as_ref().map(Vec::len));
        let Some(segments) = segments else {
            // They may have entries and traces.
            (self.figures.entries, self.figures.traces) = (Sum::UNKNOWN, Sum::UNKNOWN);
            return;
        };
        let target = |segment_id| Target { store: store.clone(), session_id, segment_id };
        let targets: Vec<_> = segments.into_iter().map(target).collect();
        let entries = targets.iter().filter_map(|target| self.count(target)).sum();
        if self.figures.volume.is_some() {
            self.bar.part_started(entries);
            targets.iter().for_each(|target| self.read(target));
        }
    }

    /// What is known without reading the log: how long it is, and whether there is a trace.
    fn count(&mut self, target: &Target) -> Option<usize> {
        let &Target { session_id, segment_id, .. } = target;
        let count = LogEntry::count(target).context(|| target.operation(LogEntry::WHOLE));
        let entries = self.known(count);
        self.figures.entries += Sum::of(entries);
        // A page always holds the first entry, however small it is asked to be.
        let trace = TraceEntry::page(target, 0, 0).context(|| target.operation(TraceEntry::WHOLE));
        let trace = self.known(trace).map(|(page, _)| page.len());
        self.figures.traces += Sum::of(trace);
        if let Some(entries) = entries {
            self.figures.take_largest(Segment { session_id, segment_id, entries });
        }
        entries
    }

    /// Reads the log and the trace to their ends.
    fn read(&mut self, target: &Target) {
        let [_, entry_bytes] = self.measure::<LogEntry>(target);
        let [trace_entries, trace_bytes] = self.measure::<TraceEntry>(target);
        if let Some(volume) = &mut self.figures.volume {
            volume.entry_bytes += entry_bytes;
            volume.trace_entries += trace_entries;
            volume.trace_bytes += trace_bytes;
        }
    }

    /// How many entries there are, and how many bytes in them.
    fn measure<T: Entry>(&mut self, target: &Target) -> [Sum; 2] {
        let mut sums = [Sum::ZERO; 2];
        for line in Reader::<T>::new(target, 0) {
            let entry = match line {
                Ok(Line::Entry(entry)) => Ok(entry.as_json().len()),
                Ok(Line::Bad(error)) | Err(error) => Err(error),
            };
            let bytes = self.known(entry.context(|| target.operation(T::WHOLE)));
            self.bar.read(1, bytes.unwrap_or_default() as u64);
            sums[0] += Sum::of(bytes.map(|_| 1));
            sums[1] += Sum::of(bytes);
        }
        sums
    }

    fn known<T>(&self, found: Result<T, Failure>) -> Option<T> {
        found.inspect_err(|failure| self.bar.suspend(|| failure.report())).ok()
    }
}
