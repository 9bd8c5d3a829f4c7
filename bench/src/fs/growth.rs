//! What must not take longer in a long log, or where there are many sessions.

use session_store_fs::FsStore;

use super::Bed;
use super::list::sessions_of;
use crate::Answer;
use crate::crowd::Crowds;
use crate::entries::Logs;
use crate::finding::{Finding, Goal};
use crate::plan::{Bench, Plan};

pub(super) const ENTRIES: Bench = Bench {
    name: "fs/entries",
    about: "what must take as long in logs of 10³ to 10⁶ entries",
    run: entries,
};

pub(super) const SESSIONS: Bench = Bench {
    name: "fs/sessions",
    about: "what must take as long with 10² to 10⁵ sessions, and listing them, against one readdir",
    run: sessions,
};

fn entries(plan: &Plan) -> Answer<Vec<Finding>> {
    let bed = Bed::new(plan)?;
    let logs = Logs::new(plan, &bed.store)?;
    let within = Goal::AtMost(5e-6);
    Ok(vec![
        logs.count(plan)?.slowest(ENTRIES.name, within),
        logs.head(plan)?.slowest(ENTRIES.name, within),
        logs.truncate(plan)?.growth(ENTRIES.name),
        logs.lookup(plan)?.growth(ENTRIES.name),
        logs.exists(plan)?.growth(ENTRIES.name),
    ])
}

fn sessions(plan: &Plan) -> Answer<Vec<Finding>> {
    let crowds = Crowds::new(plan, || Bed::new(plan))?;
    let open = crowds.measured(plan, "open", &|crowd| {
        crowd.each(|_, _| Ok(FsStore::open(crowd.bed.root()).map(drop)?))
    })?;
    let mut findings = vec![
        crowds.truncate(plan)?.growth(SESSIONS.name),
        crowds.lookup(plan)?.growth(SESSIONS.name),
        crowds.exists(plan)?.growth(SESSIONS.name),
        open.growth(SESSIONS.name),
    ];
    for crowd in &crowds.0 {
        findings.push(sessions_of(plan, SESSIONS.name, &crowd.bed, crowd.size)?);
    }
    Ok(findings)
}
