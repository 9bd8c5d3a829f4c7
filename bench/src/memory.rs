//! The memory backend: reading must copy no entry's bytes.

use session_store_core::{SegmentId, SessionId, Store};
use session_store_memory::MemoryStore;

use crate::Answer;
use crate::allocations::counted;
use crate::finding::{Detail, Finding, Goal, Unit};
use crate::measure::{Side, Spread, in_turn, timed};
use crate::plan::{Bench, Plan};

pub(crate) const BENCHES: [Bench; 1] = [Bench {
    name: "memory/read_all",
    about: "what read_all allocates, by what it returns, and how fast it is, by cloning a Vec of entries",
    run,
}];

fn run(plan: &Plan) -> Answer<Vec<Finding>> {
    let load = plan.kilobyte();
    let entries = load.batch(plan.amount(100_000));
    let store = MemoryStore::new();
    let (session, segment) = (SessionId::new(), SegmentId::new());
    store.append_all(session, segment, &entries)?;

    let (read, counted) = counted(|| store.read_all(session, segment));
    let text: usize = read?.iter().map(|entry| entry.as_json().len()).sum();
    let share = counted.bytes / text as f64;
    let what = format!("bytes allocated by bytes read, {} {}", entries.len(), load.name);
    let copied = Finding {
        bench: BENCHES[0].name,
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
    Ok(vec![copied, Finding::speed(BENCHES[0].name, what, entries.len(), &times)])
}
