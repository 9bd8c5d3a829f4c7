//! A4 and T5 as a whole: many write, cut and read at the same time, and one order must explain it all.

use std::sync::LazyLock;
use std::thread;

use session_store_core::LogEntry;

use crate::failure::{Failure, Verdict, ensure};
use crate::history::{History, Observed, Told};
use crate::linear::explain;
use crate::log::Log;
use crate::recorded::Recorded;
use crate::run::Run;
use crate::sample::{numbered, odd_padding, signed};
use crate::threads::race;

const ROUNDS: usize = 3;
const STEPS: usize = 12;

/// Two to each of three handles.
const ACTORS: usize = 6;

/// What each actor appends, made before it counts.
static WRITTEN: LazyLock<Vec<Vec<LogEntry>>> = LazyLock::new(|| {
    let entry = |actor, n| signed(actor, n, odd_padding(n + actor) % 40_961);
    (0..ACTORS).map(|actor| (0..STEPS).map(|n| entry(actor, n)).collect()).collect()
});

/// What somebody does in one step, beside the writers.
pub(super) type Cut = fn(&Observed<'_>, usize) -> Told;

pub(super) const TRUNCATE_OR_REPLACE: Cut = |log, n| match n % 3 {
    0 => log.truncate(n % 5),
    1 => log.replace(&numbered(100 + n..100 + n + n % 4)),
    _ => log.truncate(0),
};

const DELETE: Cut = |log, _| log.delete();

/// Lets one actor read, another cut if there is a cut, and all others append; one order must explain what all
/// of them were told.
pub(super) fn one_history(handles: &[Recorded], cut: Option<Cut>) -> Verdict {
    for _ in 0..ROUNDS {
        let history = History::default();
        let log = Log::new(&handles[0]);
        alone(&Observed::new(log, &history), cut)?;
        // What is wrong already is better told without a race around it.
        must_be_explained(&history)?;
        race(ACTORS, |actor| {
            let log = Observed::new(log.through(&handles[actor % handles.len()]), &history);
            (0..STEPS).try_for_each(|n| act(&log, actor, n, cut))
        })?;
        look(&Observed::new(log, &history))?;
        must_be_explained(&history)?;
    }
    Ok(())
}

/// The history's beginning, with nobody else there: it needs no luck.
fn alone(log: &Observed<'_>, cut: Option<Cut>) -> Verdict {
    look(log)?;
    log.append(&signed(90, 0, 0));
    look(log)?;
    let cuts = cut.map_or(0, |_| 8);
    for (n, cut) in cut.iter().cycle().enumerate().take(cuts) {
        cut(log, n);
        look(log)?;
        log.append(&signed(91, n, 0));
        look(log)?;
    }
    Ok(())
}

fn look(log: &Observed<'_>) -> Verdict {
    log.read()?;
    log.count()?;
    Ok(())
}

fn act(log: &Observed<'_>, actor: usize, n: usize, cut: Option<Cut>) -> Verdict {
    thread::yield_now();
    match (actor, cut) {
        // A read costs as much as the log is long, so most looks are counts.
        (0, _) if n.is_multiple_of(3) => look(log)?,
        (0, _) => _ = log.count()?,
        // A truncate past the end is refused, which is right and changes nothing.
        (1, Some(cut)) => _ = cut(log, n),
        _ => {
            let told = log.append(&WRITTEN[actor][n]);
            ensure!(
                told != Told::Refused,
                "an append failed although nothing but other writers was in its way"
            );
        }
    }
    Ok(())
}

pub(super) fn must_be_explained(history: &History) -> Verdict {
    explain(&history.events()).map_err(|unexplained| Failure::new(unexplained.to_string()))
}

pub(crate) fn a4_one_history_of_appends(run: &Run<'_>) -> Verdict {
    one_history(&run.open_many(3)?, None)
}

pub(crate) fn t5_one_history_of_cuts(run: &Run<'_>) -> Verdict {
    one_history(&run.open_many(3)?, Some(TRUNCATE_OR_REPLACE))
}

pub(crate) fn t5_one_history_of_deletes(run: &Run<'_>) -> Verdict {
    one_history(&run.open_many(3)?, Some(DELETE))
}
