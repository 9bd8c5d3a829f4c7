//! `stat`: counts the sessions, segments, entries, traces and pods of a store.

use std::fmt;
use std::ops::AddAssign;

use indicatif::HumanBytes;
use serde::Serialize;
use session_store::{LogEntry, OpenStore, SegmentKey, Store, StoreExt, TraceEntry};

use crate::args::StatArgs;
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::listing::{ListedSegment, ListedSession, for_each_session};
use crate::output::Output;
use crate::progress::Bar;
use crate::segment::{Line, Segment, lines, reading};
use crate::store::{list_conversations, open};
use crate::table::cell;

/// The number of the largest segments to print.
const LARGEST: usize = 5;

pub(crate) fn run(args: &StatArgs, out: &mut Output) -> Result<Exit, Failure> {
    let store = open(&args.store)?;
    let mut bar = Bar::new();
    bar.begin("counting", list_conversations(&store)?.len());
    let figures = Figures::new(count_pods(&store)?, args.bytes);
    let mut survey = Survey { store: &store, figures, bar };
    for_each_session(&store, |session| {
        survey.add_session(session);
        Ok(())
    })?;
    let Survey { figures, bar, .. } = survey;
    // Remove the bar before printing the result in its place.
    drop(bar);
    out.answer(&figures)?;
    Ok(Exit::Done)
}

fn count_pods(store: &OpenStore) -> Result<usize, Failure> {
    let Some(pods) = store.pods() else { return Ok(0) };
    let listed = pods.list_pods().context(|| format!("list the pods of {}", store.url()));
    listed.map(|names| names.len())
}

/// A sum, which is unknown if one of its parts is unknown.
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
    /// The number of segments that have a trace.
    traces: Sum,
    pods: usize,
    #[serde(flatten)]
    volume: Option<Volume>,
    largest: Vec<LargeSegment>,
}

/// The figures for which all data must be read.
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
struct LargeSegment {
    #[serde(flatten)]
    key: SegmentKey,
    entries: usize,
}

impl Figures {
    fn new(pods: usize, with_volume: bool) -> Self {
        Self {
            sessions: 0,
            segments: Sum::ZERO,
            entries: Sum::ZERO,
            traces: Sum::ZERO,
            pods,
            volume: with_volume.then_some(Volume::ZERO),
            largest: Vec::new(),
        }
    }

    /// Keeps the segment if it is one of the largest.
    fn add_largest(&mut self, segment: LargeSegment) {
        let place = self.largest.partition_point(|other| other.entries >= segment.entries);
        self.largest.insert(place, segment);
        self.largest.truncate(LARGEST);
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
        for (place, LargeSegment { key, entries }) in largest.iter().enumerate() {
            let label = if place == 0 { "largest" } else { "" };
            write!(f, "\n{label:<15}{}  {entries}", key.segment_id)?;
        }
        Ok(())
    }
}

/// Counts a store session by session. If a part cannot be read, the error is reported, and the sums
/// with this part are unknown.
struct Survey<'a> {
    store: &'a OpenStore,
    figures: Figures,
    bar: Bar,
}

impl Survey<'_> {
    fn add_session(&mut self, ListedSession { segments, .. }: ListedSession) {
        self.figures.sessions += 1;
        let segments = self.ok_or_report(segments);
        self.figures.segments += Sum::of(segments.as_ref().map(Vec::len));
        if let Some(segments) = segments {
            self.add_segments(segments);
        } else {
            (self.figures.entries, self.figures.traces) = (Sum::UNKNOWN, Sum::UNKNOWN);
        }
        self.bar.part_done();
    }

    fn add_segments(&mut self, segments: Vec<ListedSegment>) {
        let keys: Vec<_> = segments.iter().map(|segment| segment.key).collect();
        let entries = segments.into_iter().filter_map(|segment| self.count(segment)).sum();
        if self.figures.volume.is_some() {
            self.bar.part_started(entries);
            keys.into_iter().for_each(|key| self.read(self.store.at(key)));
        }
    }

    /// Adds the number of entries to the sums, and whether the segment has a trace. Does not read
    /// the log.
    fn count(&mut self, ListedSegment { key, info }: ListedSegment) -> Option<usize> {
        let entries = self.ok_or_report(info).map(|info| info.head.entries());
        self.figures.entries += Sum::of(entries);
        // A page with a size of 0 still contains the first entry, if there is one.
        let segment = self.store.at(key);
        let trace = segment.read_trace_page(0, 0).context(|| reading::<TraceEntry>(segment));
        self.figures.traces += Sum::of(self.ok_or_report(trace).map(|page| page.entries.len()));
        if let Some(entries) = entries {
            self.figures.add_largest(LargeSegment { key, entries });
        }
        entries
    }

    /// Reads the log and the trace to their ends.
    fn read(&mut self, segment: Segment<'_>) {
        let [_, entry_bytes] = self.measure::<LogEntry>(segment);
        let [trace_entries, trace_bytes] = self.measure::<TraceEntry>(segment);
        if let Some(volume) = &mut self.figures.volume {
            volume.entry_bytes += entry_bytes;
            volume.trace_entries += trace_entries;
            volume.trace_bytes += trace_bytes;
        }
    }

    /// Returns the number of entries and the number of their bytes.
    fn measure<E: Line>(&mut self, segment: Segment<'_>) -> [Sum; 2] {
        let mut sums = [Sum::ZERO; 2];
        for entry in lines::<E>(segment, 0) {
            let bytes = entry.map(|entry| entry.as_json().len());
            let bytes = self.ok_or_report(bytes.context(|| reading::<E>(segment)));
            self.bar.read(1, bytes.unwrap_or_default() as u64);
            sums[0] += Sum::of(bytes.map(|_| 1));
            sums[1] += Sum::of(bytes);
        }
        sums
    }

    fn ok_or_report<T>(&self, read: Result<T, Failure>) -> Option<T> {
        read.inspect_err(|failure| self.bar.suspend(|| failure.report())).ok()
    }
}
