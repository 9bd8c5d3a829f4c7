//! Operations whose time must not increase with the length of the log or the number of sessions.

use super::Setup;
use crate::Fallible;
use crate::entries::Logs;
use crate::measurement::Measurement;
use crate::plan::{Bench, Plan};
use crate::sessions::StoresBySize;

pub(super) const ENTRIES: Bench = Bench {
    name: "sqlite/entries",
    about: "operations that must take equally long in logs of 10³ to 10⁶ entries",
    run: entries,
};

pub(super) const SESSIONS: Bench = Bench {
    name: "sqlite/sessions",
    about: "operations that must take equally long with 10² to 10⁵ sessions",
    run: sessions,
};

fn entries(plan: &Plan) -> Fallible<Vec<Measurement>> {
    let setup = Setup::new(plan)?;
    let logs = Logs::new(plan, &setup.store)?;
    let series = [logs.count(plan)?, logs.truncate(plan)?, logs.lookup(plan)?, logs.exists(plan)?];
    Ok(series.iter().map(|series| series.growth(ENTRIES.name)).collect())
}

fn sessions(plan: &Plan) -> Fallible<Vec<Measurement>> {
    let stores = StoresBySize::new(plan, || Setup::new(plan))?;
    let series = [stores.truncate(plan)?, stores.lookup(plan)?, stores.exists(plan)?];
    Ok(series.iter().map(|series| series.growth(SESSIONS.name)).collect())
}
