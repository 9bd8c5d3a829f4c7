//! Reading a whole log, at once and by pages, against the same `SELECT` with a check of each text.

use session_store_core::{LogEntry, Store, StoreExt};

use super::Setup;
use crate::Fallible;
use crate::load::Load;
use crate::measure::{Side, in_turn, timed};
use crate::measurement::{Goal, Measurement};
use crate::plan::{Bench, Plan};

pub(super) const BENCH: Bench = Bench {
    name: "sqlite/read",
    about: "read_all and read_page, against the same SELECT with a check of each text",
    run: |plan| {
        let measurements = plan.loads.iter().map(|load| read(plan, load));
        Ok(measurements.collect::<Fallible<Vec<_>>>()?.concat())
    },
};

const ENTRIES: usize = 10_000;

fn read(plan: &Plan, load: &Load) -> Fallible<Vec<Measurement>> {
    let setup = Setup::new(plan)?;
    let raw = setup.floor()?;
    let (session, segment) = (setup.session, setup.segment);
    let entries = load.batch(plan.amount(ENTRIES));
    setup.store.append_all(session, segment, &entries)?;
    raw.append(session, segment, entries.iter().map(LogEntry::as_json))?;

    let all: Side<'_> = Box::new(|| timed(|| Ok(setup.store.read_all(session, segment)?)));
    let pages: Side<'_> = Box::new(|| {
        timed(|| Ok(setup.store.entries(session, segment, 0).collect::<Result<Vec<_>, _>>()?))
    });
    let floor: Side<'_> = Box::new(|| timed(|| raw.read(session, segment)));
    let [all, pages, floor] = in_turn(plan.rounds(40), [all, pages, floor])?;
    let measurement = |what, ours| {
        let what = format!("{what}, {} {}", entries.len(), load.name);
        Measurement::speed(BENCH.name, what, entries.len(), &[ours, floor.clone()])
    };
    Ok(vec![
        measurement("read_all", all).with_goal(Goal::AtLeast(0.8)),
        measurement("pages of 256 KiB", pages),
    ])
}
