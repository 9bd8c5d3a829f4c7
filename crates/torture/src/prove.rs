//! `--prove`: runs the faults over stores with planted bugs. Each bug must be caught, and the same
//! store without a bug must survive all faults.

use session_store::Durability;
use test_servers::power_cut::FileSystem;

use crate::actor::servers::{self, ServerFault};
use crate::actor::{calls, full, kill, power};
use crate::args::Fault;
use crate::budget::{Budget, Limit};
use crate::planted::Flaw;
use crate::report::{Tally, Violation};
use crate::subject::{Backend, Subject};

/// The store without a bug and the planted bugs, each with the kinds of faults to run. These faults
/// must find the bug.
const BUGS: [(Flaw, &[Fault]); 11] = [
    (Flaw::Control, &[Fault::Kill, Fault::Power, Fault::Full, Fault::Calls]),
    (Flaw::NoLock, &[Fault::Kill]),
    (Flaw::GluedStump, &[Fault::Kill]),
    (Flaw::TwoWrites, &[Fault::Kill]),
    (Flaw::BareTruncate, &[Fault::Power]),
    (Flaw::UnsyncedRename, &[Fault::Power]),
    (Flaw::ShortWrite, &[Fault::Full]),
    (Flaw::RetriedSync, &[Fault::Calls]),
    (Flaw::DeferredTransactions, &[Fault::Kill]),
    (Flaw::NormalAsPowerSafe, &[Fault::Power]),
    (Flaw::BlindResend, &[Fault::Stall]),
];

/// The maximum number of faults until a bug is found.
const FAULTS: usize = 600;

/// The number of faults that the store without a bug must survive.
const FAULTS_OF_CONTROL: usize = 30;

/// Runs every selected fault. Returns the number of wrong outcomes: bugs that were not caught, and
/// violations that the store without a bug seemed to make.
pub(crate) fn run(only: Option<Fault>, seed: u64) -> usize {
    let mut failures = 0;
    for (flaw, faults) in BUGS {
        for &fault in faults.iter().filter(|&&fault| only.is_none_or(|only| only == fault)) {
            let is_control = flaw == Flaw::Control;
            let limit = if is_control { FAULTS_OF_CONTROL } else { FAULTS };
            let mut budget = Budget::new(Limit::Faults(limit), seed);
            let result = torture(flaw, fault, &mut budget);
            let took = budget.elapsed().as_secs_f32();
            let outcome = match &result {
                Ok(tally) => format!("survived {} faults", tally.faults),
                Err(violation) => format!("caught: {}", violation.first_line()),
            };
            let is_right = result.is_ok() == is_control;
            failures += usize::from(!is_right);
            let verdict = if is_right { "" } else { "WRONG: " };
            println!("{verdict}{flaw:?}, {fault:?}: {outcome}; seed {seed}; {took:.1} s");
        }
    }
    failures
}

fn torture(flaw: Flaw, fault: Fault, budget: &mut Budget) -> Result<Tally, Violation> {
    let backend = match flaw {
        Flaw::NormalAsPowerSafe => Backend::Sqlite,
        _ => Backend::Fs,
    };
    let subject =
        Subject { backend, durability: Durability::Power, is_exclusive: false, flaw: Some(flaw) };
    match fault {
        Fault::Kill => kill::run(&subject, budget),
        Fault::Calls => calls::run(&subject, budget),
        Fault::Full => full::run(&subject, FileSystem::Ext4, budget),
        Fault::Power => {
            let expectation = power::Expectation::of(Durability::Power);
            power::run(&subject, FileSystem::Ext4, expectation, budget)
        }
        Fault::Stall => servers::run(Backend::Redis, ServerFault::Stall, Some(flaw), budget),
        Fault::Repair | Fault::Connections | Fault::Crash => {
            unreachable!("no planted bug is found by {fault:?}")
        }
    }
}
