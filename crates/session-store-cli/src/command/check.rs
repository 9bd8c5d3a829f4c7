//! `check`: every log and trace read to its end, every segment looked up, and what is wrong named.

use std::fmt;

use serde::Serialize;
use session_store::{OpenStore, SegmentId, SessionId, Store, StoreError, StoreExt, error_chain};

use crate::args::CheckArgs;
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::output::Output;
use crate::store::{list_segments, list_sessions, open};

/// Something that is wrong with a segment.
#[derive(Serialize)]
struct Fault {
    session_id: SessionId,
    segment_id: SegmentId,
    fault: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "session {} segment {}: {}", self.session_id, self.segment_id, self.fault)
    }
}

/// What was read, and how much of it is wrong.
#[derive(Default, Serialize)]
struct Checked {
    segments: usize,
    entries: usize,
    trace_entries: usize,
    faults: usize,
    lookups_rebuilt: Option<usize>,
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { segments, entries, trace_entries, faults, lookups_rebuilt } = self;
        write!(f, "segments: {segments}, entries: {entries}, trace entries: {trace_entries}, ")?;
        write!(f, "faults: {faults}")?;
        lookups_rebuilt.map_or(Ok(()), |lookups| write!(f, ", lookups rebuilt: {lookups}"))
    }
}

pub(crate) fn run(args: &CheckArgs, out: &mut Output) -> Result<Exit, Failure> {
    let store = open(&args.store)?;
    let mut checked = Checked::default();
    if args.repair {
        let rebuilt = store.rebuild_lookups();
        let rebuilt = rebuilt.context(|| format!("rebuild the lookups of {}", store.url()))?;
        checked.lookups_rebuilt = Some(rebuilt);
    }
    for session_id in list_sessions(&store)? {
        for segment_id in list_segments(&store, session_id)? {
            checked.segments += 1;
            for fault in checked.faults_of(&store, session_id, segment_id) {
                checked.faults += 1;
                out.answer(&Fault { session_id, segment_id, fault })?;
            }
        }
    }
    out.answer(&checked)?;
    Ok(Exit::done_if(checked.faults == 0))
}

impl Checked {
    fn faults_of(
        &mut self,
        store: &OpenStore,
        session: SessionId,
        segment: SegmentId,
    ) -> Vec<String> {
        let log = read(store.entries(session, segment, 0), &mut self.entries);
        let trace = read(store.trace_entries(session, segment, 0), &mut self.trace_entries);
        let lookup = match store.lookup_session_of(segment) {
            Ok(Some(_)) => None,
            Ok(None) => Some("it is not found by its id alone; --repair mends that".to_owned()),
            Err(error) => Some(error_chain(&error)),
        };
        [log, trace, lookup].into_iter().flatten().collect()
    }
}

/// Counts the entries that can be read, and says what stopped it.
fn read<T>(
    mut entries: impl Iterator<Item = Result<T, StoreError>>,
    count: &mut usize,
) -> Option<String> {
    let error = entries.find_map(|entry| entry.inspect(|_| *count += 1).err());
    error.map(|error| error_chain(&error))
}
