//! What must not take longer in a long log, or where there are many sessions.

use super::Bed;
use crate::Answer;
use crate::crowd::Crowds;
use crate::entries::Logs;
use crate::finding::Finding;
use crate::plan::{Bench, Plan};

pub(super) const ENTRIES: Bench = Bench {
    name: "redis/entries",
    about: "what must take as long in logs of 10³ to 10⁶ entries",
    run: entries,
};

pub(super) const SESSIONS: Bench = Bench {
    name: "redis/sessions",
    about: "what must take as long with 10² to 10⁵ sessions",
    run: sessions,
};

fn entries(plan: &Plan) -> Answer<Vec<Finding>> {
    let bed = Bed::new()?;
    let logs = Logs::new(plan, &bed.store)?;
    let series = [logs.count(plan)?, logs.truncate(plan)?, logs.lookup(plan)?, logs.exists(plan)?];
    Ok(series.iter().map(|series| series.growth(ENTRIES.name)).collect())
}

fn sessions(plan: &Plan) -> Answer<Vec<Finding>> {
    let crowds = Crowds::new(plan, Bed::new)?;
    let series = [crowds.truncate(plan)?, crowds.lookup(plan)?, crowds.exists(plan)?];
    Ok(series.iter().map(|series| series.growth(SESSIONS.name)).collect())
}
