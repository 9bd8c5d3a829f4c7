//! The memory backend: reading must not copy the bytes of entries.

use session_store_core::{SegmentId, SessionId, Store};
use session_store_memory::MemoryStore;

use crate::Fallible;
use crate::allocations::counted;
use crate::measure::{Side, Spread, in_turn, timed};
use crate::measurement::{Detail, Goal, Measurement, Unit};
use crate::plan::{Bench, Plan};
use crate::sessions::HasStore;

pub(crate) const BENCHES: [Bench; 1] = [Bench {
    name: "memory/read_all",
    about: "bytes that read_all allocates, divided by bytes read; read_all against cloning a Vec",
    run,
}];

fn run(plan: &Plan) -> Fallible<Vec<Measurement>> {
    let load = plan.kilobyte();
    let entries = load.batch(plan.amount(100_000));
    let store = MemoryStore::new();
    let (session, segment) = (SessionId::new(), SegmentId::new());
    store.append_all(session, segment, &entries)?;

    let (read, counted) = counted(|| store.read_all(session, segment));
    let text: usize = read?.iter().map(|entry| entry.as_json().len()).sum();
    let share = counted.bytes / text as f64;
    let what = format!("bytes allocated by bytes read, {} {}", entries.len(), load.name);
    let copied = Measurement {
        what,
        figure: Spread::exactly(share),
        unit: Unit::Times,
        goal: Some(Goal::AtMost(0.05)),
        details: vec![
            Detail::count("allocations", counted.allocations),
            Detail::bytes("allocated", counted.bytes),
            Detail::bytes("read", text as f64),
        ],
    };
    let ours: Side<'_> = Box::new(|| timed(|| Ok(store.read_all(session, segment)?)));
    let floor: Side<'_> = Box::new(|| timed(|| Ok(entries.clone())));
    let times = in_turn(plan.rounds(40), [ours, floor])?;
    let what = format!("{} {}", entries.len(), load.name);
    Ok(vec![copied, Measurement::speed(what, entries.len(), &times)])
}

impl HasStore for MemoryStore {
    fn store(&self) -> &dyn Store {
        self
    }

    fn another_handle(&self) -> Fallible<Box<dyn Store>> {
        Ok(Box::new(self.clone()))
    }
}
