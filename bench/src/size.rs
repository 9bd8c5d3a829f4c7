//! The bytes that a storage needs for an entry and for a session.

use session_store_core::{LogEntry, SegmentId, SessionId};

use crate::Fallible;
use crate::load::Load;
use crate::measure::Spread;
use crate::measurement::{Detail, Measurement, Unit};
use crate::plan::Plan;
use crate::sessions::HasStore;

pub(crate) const ABOUT: &str =
    "bytes of the storage, divided by bytes of the entries: a long log, and many sessions";

/// The number of entries of the long log.
const ENTRIES: usize = 50_000;

/// The number of sessions. Each one has one entry.
const SESSIONS: usize = 5_000;

/// A store whose storage can be measured.
pub(crate) trait HasSize: HasStore {
    /// Returns the bytes that the storage needs now.
    fn stored_bytes(&self) -> Fallible<u64>;
}

/// Measures how much a new storage grows when one long log is added, and when sessions of one entry
/// are added.
pub(crate) fn sizes(
    plan: &Plan,
    fresh: &dyn Fn() -> Fallible<Box<dyn HasSize>>,
) -> Fallible<Vec<Measurement>> {
    let entry = plan.kilobyte().entries[0].clone();
    let entries = plan.amount(ENTRIES);
    let long_log = grown(&*fresh()?, entries, &entry, |setup| {
        let (session, segment) = (SessionId::new(), SegmentId::new());
        let batch = vec![entry.clone(); 100];
        for start in (0..entries).step_by(batch.len()) {
            let batch = &batch[..batch.len().min(entries - start)];
            setup.store().append_all(session, segment, batch)?;
        }
        Ok(())
    })?;
    let entry = Load::of_size("", 100).entries[0].clone();
    let sessions = plan.amount(SESSIONS);
    let many_sessions = grown(&*fresh()?, sessions, &entry, |setup| {
        for _ in 0..sessions {
            setup.store().append(SessionId::new(), SegmentId::new(), &entry)?;
        }
        Ok(())
    })?;
    Ok(vec![
        long_log.measurement("each entry of 1 KB of a long log"),
        many_sessions.measurement("each session with one entry of 100 bytes"),
    ])
}

/// The growth of a storage for one entry or one session.
struct Growth {
    stored: f64,
    text: f64,
}

fn grown(
    setup: &dyn HasSize,
    parts: usize,
    entry: &LogEntry,
    fill: impl FnOnce(&dyn HasSize) -> Fallible<()>,
) -> Fallible<Growth> {
    let before = setup.stored_bytes()?;
    fill(setup)?;
    let stored = setup.stored_bytes()?.saturating_sub(before);
    Ok(Growth { stored: stored as f64 / parts as f64, text: entry.as_json().len() as f64 })
}

impl Growth {
    fn measurement(&self, what: &str) -> Measurement {
        Measurement {
            what: what.to_owned(),
            figure: Spread::exactly(self.stored / self.text),
            unit: Unit::Times,
            goal: None,
            details: vec![Detail::bytes("stored", self.stored), Detail::bytes("text", self.text)],
        }
    }
}
