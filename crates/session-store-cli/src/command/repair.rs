//! `repair`: makes the repairs of the backend that delete no entry, and reads the result.

use session_store::{Finding, OpenStore, Store};

use super::check::{Check, Scope};
use crate::args::RepairArgs;
use crate::confirm::{ask, has_terminal};
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::message::Kind;
use crate::output::Output;
use crate::signal::explain_end;
use crate::store::{change, open_to_write, reopener};

pub(crate) fn run(args: &RepairArgs, out: &mut Output) -> Result<Exit, Failure> {
    let store = open_to_write(&args.store)?;
    let scope = Scope::resolve(args.session.as_ref(), args.segment.as_ref(), &store)?;
    if store.maintenance().is_none() {
        let failure =
            Failure::cannot(format!("repair {}", store.url()), "its backend has no repair");
        return Err(failure.with_kind(Kind::Unsupported));
    }
    if args.dry_run {
        let summary = Check::new(&store, scope, out).run()?;
        out.answer(&summary)?;
        if !out.is_json() {
            out.line("nothing was changed")?;
        }
        return Ok(Exit::done_if(summary.faults == 0));
    }
    if !args.yes && has_terminal() {
        let question = format!("Repair {}? Nothing is deleted.", store.url());
        if !ask(&question).context(|| format!("repair {}", store.url()))? {
            return Ok(Exit::No);
        }
    }
    explain_end("each log is repaired or as before; run the same command again");
    let repairs = change(&store, || repair(&store, scope, out))?;
    let reopen = reopener(&store);
    // An exclusive handle must be closed before another one is opened.
    drop(store);
    let store = reopen()?;
    let mut summary = Check::new(&store, scope, out).run()?;
    summary.repairs = Some(repairs);
    out.answer(&summary)?;
    Ok(Exit::done_if(summary.faults == 0))
}

/// Repairs the storage, or the segments of the scope. Returns the number of repairs.
fn repair(store: &OpenStore, scope: Scope, out: &mut Output) -> Result<usize, Failure> {
    let (mut repairs, mut printed) = (0, Ok(()));
    let mut report = |repair: Finding| {
        repairs += 1;
        if printed.is_ok() {
            printed = Check::new(store, scope, out).print("repaired", None, &repair, None);
        }
    };
    if let Some(maintenance) = store.maintenance() {
        let repaired = match scope {
            Scope::Store => maintenance.repair(&mut report),
            _ => maintenance.repair_segments(&|key| scope.contains(key), &mut report),
        };
        repaired.context(|| format!("repair {}", store.url()))?;
    }
    printed.map(|()| repairs)
}
