//! Operations whose time must not increase with the length of the log or the number of sessions.

use session_store_fs::FsStore;

use super::Setup;
use super::list::sessions_of;
use crate::Fallible;
use crate::entries::Logs;
use crate::measurement::{Goal, Measurement};
use crate::plan::{Bench, Plan};
use crate::sessions::StoresBySize;

pub(super) const ENTRIES: Bench = Bench {
    name: "fs/entries",
    about: "operations that must take equally long in logs of 10³ to 10⁶ entries",
    run: entries,
};

pub(super) const SESSIONS: Bench = Bench {
    name: "fs/sessions",
    about: "operations that must take equally long with 10² to 10⁵ sessions; list_sessions against one readdir",
    run: sessions,
};

fn entries(plan: &Plan) -> Fallible<Vec<Measurement>> {
    let setup = Setup::new(plan)?;
    let logs = Logs::new(plan, &setup.store)?;
    let within = Goal::AtMost(8e-7);
    let mut measurements =
        vec![logs.count(plan)?.slowest(within), logs.head(plan)?.slowest(within)];
    measurements.extend(logs.growth(plan)?);
    Ok(measurements)
}

fn sessions(plan: &Plan) -> Fallible<Vec<Measurement>> {
    let stores = StoresBySize::new(plan, || Setup::new(plan))?;
    let open = stores.measured(plan, "open", &|store| {
        store.each(|_, _| Ok(FsStore::open(store.setup.root()).map(drop)?))
    })?;
    let mut measurements = stores.growth(plan)?;
    measurements.push(open.growth());
    for store in &stores.0 {
        measurements.extend(sessions_of(plan, &store.setup, store.size)?);
    }
    Ok(measurements)
}
