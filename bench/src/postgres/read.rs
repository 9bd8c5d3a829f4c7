//! Reading a whole log, at once and by pages, against one statement with a check of each text.

use session_store_core::LogEntry;

use super::Setup;
use crate::Fallible;
use crate::load::Load;
use crate::measure::timed;
use crate::measurement::Measurement;
use crate::plan::{Bench, Plan};
use crate::reading::{ENTRIES, reading};

pub(super) const BENCH: Bench = Bench {
    name: "postgres/read",
    about: "read_all and read_page, against one SELECT with a check of each text",
    run: |plan| plan.each_load(|load| read(plan, load)),
};

fn read(plan: &Plan, load: &Load) -> Fallible<[Measurement; 2]> {
    let setup = Setup::new()?;
    let mut raw = setup.floor()?;
    let log = setup.log();
    let entries = load.batch(plan.amount(ENTRIES));
    log.append_all(&entries)?;
    raw.append(&entries.iter().map(LogEntry::as_json).collect::<Vec<_>>())?;
    // The server plans by its statistics, which it updates in the background otherwise.
    setup.server.connection().batch_execute("VACUUM ANALYZE")?;
    reading(plan, BENCH.name, load, log, Box::new(|| timed(|| raw.read())))
}
