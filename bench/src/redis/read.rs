//! Reading a whole log.

use session_store_core::{LogEntry, Store, StoreExt};

use super::Bed;
use crate::Answer;
use crate::finding::{Finding, Goal};
use crate::load::Load;
use crate::measure::{Side, in_turn, timed};
use crate::plan::{Bench, Plan};

pub(super) const BENCH: Bench = Bench {
    name: "redis/read",
    about: "read_all and read_page, against one LRANGE with a check of each text",
    run: |plan| {
        let findings = plan.loads.iter().map(|load| read(plan, load));
        Ok(findings.collect::<Answer<Vec<_>>>()?.concat())
    },
};

const ENTRIES: usize = 10_000;

fn read(plan: &Plan, load: &Load) -> Answer<Vec<Finding>> {
    let bed = Bed::new()?;
    let mut raw = bed.floor()?;
    let (session, segment) = (bed.session, bed.segment);
    let entries = load.batch(plan.amount(ENTRIES));
    bed.store.append_all(session, segment, &entries)?;
    raw.push(entries.iter().map(LogEntry::as_json))?;

    let all: Side<'_> = Box::new(|| timed(|| Ok(bed.store.read_all(session, segment)?)));
    let pages: Side<'_> = Box::new(|| {
        timed(|| Ok(bed.store.entries(session, segment, 0).collect::<Result<Vec<_>, _>>()?))
    });
    let floor: Side<'_> = Box::new(|| timed(|| raw.read()));
    let [all, pages, floor] = in_turn(plan.rounds(40), [all, pages, floor])?;
    let finding = |what, ours| {
        let what = format!("{what}, {} {}", entries.len(), load.name);
        Finding::speed(BENCH.name, what, entries.len(), &[ours, floor.clone()])
    };
    Ok(vec![
        finding("read_all", all).with_goal(Goal::AtLeast(0.8)),
        finding("pages of 256 KiB", pages),
    ])
}
