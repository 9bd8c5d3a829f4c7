//! `cargo xtask torture`: faults in stores while several processes write to them.
//!
//! Writers make random changes and reads, and record them in histories. An actor causes faults. An
//! auditor then compares the storage with the histories, by the checker of the conformance kit. No
//! acknowledged change may be lost or stored twice. Everything must be readable. An interrupted
//! change must be made as a whole or not at all.
//!
//! - `actor` has a file for each kind of fault.
//! - `writer` makes the calls. `target` is a log, trace or pod that the calls change. `round` is
//!   the state that the writers share with the actor and the auditor.
//! - `audit` checks the storage after a fault.
//! - `planted` has stores with known bugs. `--prove` runs the faults over these stores, because a
//!   torture that does not find known bugs shows nothing about other stores.

mod actor;
mod args;
mod audit;
mod budget;
mod planted;
mod process;
mod prove;
mod report;
mod round;
mod subject;
mod target;
mod writer;

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Parser, ValueEnum};
use session_store::Durability;

use crate::actor::servers::{self, ServerFault};
use crate::actor::{calls, full, kill, power, repair};
use crate::args::{Args, Disks, Fault, Hidden};
use crate::budget::Budget;
use crate::report::{Tally, Violation};
use crate::subject::{Backend, Subject};

fn main() -> ExitCode {
    let args = Args::parse();
    if let Some(Hidden::Writer { in_order }) = args.hidden {
        // Do not print an error: the parent process reads the output, and an error means that the
        // parent has ended.
        return process::run(in_order).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
    }
    let seed = args.seed.unwrap_or_else(seed_of_now);
    let mut failures = 0;
    if args.prove {
        failures += prove::run(args.fault, seed);
        return exit_code(failures);
    }
    for &backend in Backend::value_variants() {
        let is_possible = !args.exclusive || matches!(backend, Backend::Fs | Backend::Sqlite);
        if is_possible && args.backend.is_none_or(|only| only == backend) {
            failures += torture(&args, backend, seed);
        }
    }
    exit_code(failures)
}

fn exit_code(failures: usize) -> ExitCode {
    if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn seed_of_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |time| time.as_secs())
}

/// Runs every selected fault over the backend. Returns the number of runs that found a violation.
fn torture(args: &Args, backend: Backend, seed: u64) -> usize {
    let is_selected = |fault| args.fault.is_none_or(|only| only == fault);
    let mut failures = 0;
    let mut run = |name: String, run: &dyn Fn(&mut Budget) -> Result<Tally, Violation>| {
        let mut budget = Budget::new(args.limit(), seed);
        match run(&mut budget) {
            Ok(tally) => tally.print(&name, seed, budget.elapsed()),
            Err(violation) => {
                failures += 1;
                println!("{name}: VIOLATION; seed {seed}\n{violation}");
            }
        }
    };
    let is_exclusive = args.exclusive;
    let subject = |durability| Subject { backend, durability, is_exclusive, flaw: None };
    if is_selected(Fault::Repair) {
        let subject = subject(Durability::Process);
        run(format!("{backend:?}: killed repairs"), &|budget| repair::run(&subject, budget));
    }
    if matches!(backend, Backend::Redis | Backend::Cluster | Backend::Postgres) {
        let faults = [
            (Fault::Connections, ServerFault::Connections),
            (Fault::Stall, ServerFault::Stall),
            (Fault::Crash, ServerFault::Crash),
        ];
        for (_, fault) in faults.into_iter().filter(|&(fault, _)| is_selected(fault)) {
            run(format!("{backend:?}: {fault:?}"), &|budget| {
                servers::run(backend, fault, None, budget)
            });
        }
        return failures;
    }
    if is_selected(Fault::Kill) {
        let subject = subject(Durability::Process);
        run(format!("{subject}: kills"), &|budget| kill::run(&subject, budget));
    }
    if is_selected(Fault::Calls) {
        let subject = subject(Durability::Power);
        run(format!("{subject}: system calls"), &|budget| calls::run(&subject, budget));
    }
    for disk in [Disks::Ext4, Disks::Xfs] {
        for durability in [Durability::Power, Durability::Process] {
            if args.file_system.is_some_and(|only| only != disk)
                || args.durability.is_some_and(|only| only != durability)
            {
                continue;
            }
            let subject = subject(durability);
            if is_selected(Fault::Power) {
                let expectation = power::Expectation::of(durability);
                run(format!("{subject} on {disk:?}: power cuts"), &|budget| {
                    power::run(&subject, disk.into(), expectation, budget)
                });
            }
            if is_selected(Fault::Full) {
                run(format!("{subject} on {disk:?}: full disks"), &|budget| {
                    full::run(&subject, disk.into(), budget)
                });
            }
        }
    }
    failures
}
