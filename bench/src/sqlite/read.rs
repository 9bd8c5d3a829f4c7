//! Reading a whole log, at once and by pages, against the same `SELECT` with a check of each text.

use session_store_core::LogEntry;

use super::Setup;
use crate::Fallible;
use crate::load::Load;
use crate::measure::timed;
use crate::measurement::Measurement;
use crate::plan::{Bench, Plan};
use crate::reading::{ENTRIES, reading};

pub(super) const BENCH: Bench = Bench {
    name: "sqlite/read",
    about: "read_all and read_page, against the same SELECT with a check of each text",
    run: |plan| plan.each_load(|load| read(plan, load)),
};

fn read(plan: &Plan, load: &Load) -> Fallible<[Measurement; 2]> {
    let setup = Setup::new(plan)?;
    let raw = setup.floor()?;
    let (session, segment) = (setup.session, setup.segment);
    let entries = load.batch(plan.amount(ENTRIES));
    setup.log().append_all(&entries)?;
    raw.append(session, segment, entries.iter().map(LogEntry::as_json))?;
    let floor = Box::new(|| timed(|| raw.read(session, segment)));
    reading(plan, load, setup.log(), floor)
}
