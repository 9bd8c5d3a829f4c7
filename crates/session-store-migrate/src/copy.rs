//! Copying one segment, and copying on when its source has moved.

use std::time::{Duration, Instant};

use session_store_core::{Head, SegmentId, SessionId, StoreError, TraceEntry};

use crate::gate::{Gate, Lane};
use crate::inventory::Key;
use crate::progress::Tally;
use crate::read::{Mark, Place, Reader};
use crate::side::{Pair, Side};
use crate::target::{Log, Rights, Target, Trace};
use crate::{Extension, OnConflict, Stop};

/// How often a log is compared anew because it changed while it was copied. Who changes it faster than it
/// can be read has to be asked to pause.
const ROUNDS: usize = 5;

/// What was done about one segment.
#[derive(Debug)]
#[non_exhaustive]
pub struct SegmentCopy {
    /// Its session.
    pub session_id: SessionId,
    /// The segment.
    pub segment_id: SegmentId,
    /// Its log.
    pub log: Extension,
    /// Its trace; `None` where there is none, where traces were left out or cannot be copied
    /// ([`gaps`](crate::MigrateReport::gaps)), and where the log is in conflict: it would be another's.
    pub trace: Option<Box<Extension>>,
    /// What the source did meanwhile.
    pub moved: Moved,
    /// How long it took, without the comparison afterwards.
    pub took: Duration,
    trail: Trail,
}

/// What happened to a segment of the source while it was copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Moved {
    /// How many entries came after the copying of the segment began. They are in the destination.
    pub grown: usize,
    /// How often the log was found cut or replaced. The destination has followed.
    pub rewritten: usize,
    /// How many entries came after the last look. They are not in the destination.
    pub since: usize,
    /// Whether the segment is no longer there. What was copied of it stays in the destination.
    pub deleted: bool,
}

/// How both sides were left, to go on from there.
#[derive(Debug)]
struct Trail {
    source: Mark,
    destination: Option<Head>,
    ours_from: usize,
    traced: Mark,
    visited: bool,
}

impl SegmentCopy {
    pub(crate) fn new((session_id, segment_id): Key) -> Self {
        Self {
            session_id,
            segment_id,
            log: Extension::new(),
            trace: None,
            moved: Moved::default(),
            took: Duration::ZERO,
            trail: Trail {
                source: Mark::START,
                destination: None,
                ours_from: 0,
                traced: Mark::START,
                visited: false,
            },
        }
    }

    /// Leaves it untried; whether it had not been tried before either.
    pub(crate) fn give_up(&mut self) -> bool {
        if !self.trail.visited {
            self.log.stopped = Some(Box::new(Stop::GivenUp));
        }
        !self.trail.visited
    }

    pub(crate) fn key(&self) -> Key {
        (self.session_id, self.segment_id)
    }

    /// Whether the destination was brought up to the source.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.stops().next().is_none()
    }

    /// Whether the destination holds something else than the source, and was left as it was.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.stops().next().is_some() && self.stops().all(Stop::is_conflict)
    }

    /// Why the log, and why the trace, is not complete.
    pub fn stops(&self) -> impl Iterator<Item = &Stop> {
        let trace = self.trace.as_ref().and_then(|trace| trace.stopped.as_deref());
        self.log.stopped.as_deref().into_iter().chain(trace)
    }

    /// What the stores answered where they failed.
    pub(crate) fn errors(&self) -> impl Iterator<Item = &StoreError> {
        self.stops().filter_map(|stop| match stop {
            Stop::Source(error) | Stop::Destination(error) => Some(error),
            _ => None,
        })
    }

    /// How many entries, and how many of the trace, both sides had when they were left.
    pub(crate) fn copied(&self) -> (usize, usize) {
        (self.trail.source.entries, self.trail.traced.entries)
    }

    /// Whether another visit may get further.
    fn is_retried(&self) -> bool {
        self.stops().any(|stop| !stop.is_conflict())
    }

    /// All that was done so far, to see whether more was.
    fn done(&self) -> (usize, usize, usize, Moved) {
        let traced = self.trace.as_ref().map_or(0, |trace| trace.appended);
        (self.log.appended, self.log.cut, traced, self.moved)
    }
}

/// How segments are copied, the same for all jobs.
pub(crate) struct Copier<'a> {
    pub(crate) pair: Pair<'a>,
    pub(crate) gate: &'a Gate,
    pub(crate) rights: Rights,
    pub(crate) with_traces: bool,
}

impl Copier<'_> {
    /// Copies a segment, or what has come to it since it was left; whether there was anything to do.
    pub(crate) fn visit<T>(&self, copy: &mut SegmentCopy, tally: &mut Tally<'_, T>) -> bool {
        let is_first = !copy.trail.visited;
        if is_first || copy.is_retried() {
            return self.copy(copy, tally) || is_first;
        }
        // A conflict stays one; that of a trace is none of the log's.
        copy.log.stopped.is_none() && self.timed(copy, |copy| self.catch_up(copy, tally))
    }

    /// Compares a segment from its beginning, and copies what is missing; whether anything was.
    pub(crate) fn copy<T>(&self, copy: &mut SegmentCopy, tally: &mut Tally<'_, T>) -> bool {
        self.timed(copy, |copy| {
            copy.trail.visited = true;
            copy.log.stopped = self.copy_log(copy, Mark::START, tally).err().map(Box::new);
            self.copy_trace(copy, Mark::START, tally);
        })
    }

    /// Whether a difference between the two logs is the source's doing: it has moved since, or the destination
    /// has not. What the destination lost or got from others is no business of a copy.
    pub(crate) fn is_behind(&self, copy: &SegmentCopy) -> bool {
        let head = |side| self.pair.store(side).head(copy.session_id, copy.segment_id).ok();
        head(Side::Source) != Some(copy.trail.source.head)
            || head(Side::Destination) == Some(copy.trail.destination)
    }

    fn catch_up<T>(&self, copy: &mut SegmentCopy, tally: &mut Tally<'_, T>) {
        match self.pair.source.head(copy.session_id, copy.segment_id) {
            Err(error) => copy.log.stopped = Some(Box::new(Stop::Source(error))),
            Ok(None) => copy.moved.deleted = true,
            Ok(head) => {
                if head != copy.trail.source.head {
                    let mark = copy.trail.source;
                    copy.log.stopped = self.copy_log(copy, mark, tally).err().map(Box::new);
                }
                self.copy_trace(copy, copy.trail.traced, tally);
            }
        }
    }

    /// Adds the time that `work` takes, except for later looks that find nothing to do; whether it does anything.
    fn timed(&self, copy: &mut SegmentCopy, work: impl FnOnce(&mut SegmentCopy)) -> bool {
        let (began, before) = (Instant::now(), copy.done());
        work(copy);
        let has_done = copy.done() != before;
        if has_done || copy.took.is_zero() {
            copy.took += began.elapsed();
        }
        has_done
    }

    /// Brings the log up to its source from the mark on, and from the beginning where the source turns out to
    /// be another log by now, or the destination may be replaced and has moved.
    fn copy_log<T>(
        &self,
        copy: &mut SegmentCopy,
        mut mark: Mark,
        tally: &mut Tally<'_, T>,
    ) -> Result<(), Stop> {
        let lane = Lane::new(self.gate);
        let [source, to] = Side::BOTH.map(|side| self.place(side, copy.key(), &lane));
        let first = source.store.head(copy.session_id, copy.segment_id).map_err(Stop::Source)?;
        let Some(first) = first else {
            copy.moved.deleted = true;
            return Ok(());
        };
        tally.started(first.entries().saturating_sub(mark.entries));
        let expected = if mark.entries > 0 { mark.entries } else { first.entries() };
        let Trail { destination, ours_from, .. } = copy.trail;
        let mut target = Log::left(to, self.rights, destination, ours_from);
        let mut rounds = ROUNDS;
        loop {
            rounds -= 1;
            match round(copy, source, &mut target, mark, tally) {
                Ok(entries) => {
                    copy.moved.grown += entries.saturating_sub(expected);
                    return Ok(());
                }
                Err(Stop::Source(StoreError::NotFound(_))) => {
                    copy.moved.deleted = true;
                    return Ok(());
                }
                Err(Stop::Source(StoreError::Conflict { .. })) if rounds > 0 => {
                    copy.moved.rewritten += 1;
                }
                Err(Stop::Moved { .. }) if rounds > 0 && self.may_replace() => {}
                Err(stop) => return Err(stop),
            }
            mark = Mark::START;
        }
    }

    fn copy_trace<T>(&self, copy: &mut SegmentCopy, mark: Mark, tally: &mut Tally<'_, T>) {
        // A conflict stays one, and beside another log the trace would tell lies.
        if !self.with_traces || copy.stops().any(Stop::is_conflict) {
            return;
        }
        let lane = Lane::new(self.gate);
        let [source, to] = Side::BOTH.map(|side| self.place(side, copy.key(), &lane));
        let mut target = Trace { place: to, dry: self.rights.dry };
        let mut trace = copy.trace.take().unwrap_or_else(|| Box::new(Extension::new()));
        let mut bring_up_from = |mark| {
            let mut reader = Reader::<TraceEntry>::new(source, mark);
            bring_up(&mut trace, &mut target, &mut reader, mark, tally).map(|()| reader.mark())
        };
        let result = match bring_up_from(mark) {
            // It is another trace by now, which is compared from its beginning.
            Err(Stop::Source(StoreError::Conflict { .. })) => bring_up_from(Mark::START),
            result => result,
        };
        trace.stopped = result.map(|mark| copy.trail.traced = mark).err().map(Box::new);
        copy.trace = (!trace.is_nothing()).then_some(trace);
    }

    fn place<'p>(&'p self, side: Side, key: Key, lane: &'p Lane<'p>) -> Place<'p> {
        Place { store: self.pair.store(side), key, lane }
    }

    fn may_replace(&self) -> bool {
        self.rights.on_conflict == OnConflict::Replace
    }
}

/// One reading of a log from the mark to the end, as it is then; how many entries it has.
fn round<T>(
    copy: &mut SegmentCopy,
    source: Place<'_>,
    target: &mut Log<'_>,
    mark: Mark,
    tally: &mut Tally<'_, T>,
) -> Result<usize, Stop> {
    if mark.entries == 0 {
        target.refresh().map_err(Stop::Destination)?;
    }
    let mut reader = Reader::new(source, mark);
    let result = bring_up(&mut copy.log, target, &mut reader, mark, tally);
    copy.trail.destination = target.head();
    copy.trail.ours_from = target.ours_from();
    result?;
    copy.trail.source = reader.mark();
    Ok(reader.mark().entries)
}

/// What the reader gives is all that follows the mark, up to which both sides are equal.
fn bring_up<G: Target, T>(
    extension: &mut Extension,
    target: &mut G,
    reader: &mut Reader<'_, G::Entry>,
    mark: Mark,
    tally: &mut Tally<'_, T>,
) -> Result<(), Stop> {
    let source = tally.counted(reader);
    match mark.entries {
        0 => extension.advance(target, source),
        at => extension.append_rest(target, at, source),
    }
}
