//! Compares the speed of each backend with its medium.
//!
//! Each operation of a backend has a *floor*: the same work, done directly on the medium (files,
//! SQLite, PostgreSQL or Redis). The operation and its floor take turns in one run, so that other
//! work of the machine affects both. The floor of a command is the usual program for the same work.

mod allocations;
mod args;
mod command;
mod concurrent;
mod entries;
mod fs;
mod growth;
mod load;
mod machine;
mod measure;
mod measurement;
mod memory;
mod migrate;
mod output;
mod plan;
mod postgres;
mod protocol;
mod reading;
mod redis;
mod scaling;
mod server;
mod sessions;
mod size;
mod sqlite;

use std::alloc::System;
use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

use args::Args;
use load::Load;
use machine::Machine;
use measurement::Line;
use plan::{Bench, Plan};

/// A result whose error has no particular type, and can come from any thread.
type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

type Done = Fallible<()>;

/// Counts allocations. This adds some nanoseconds to each allocation, in the backends and in the
/// floors.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Done {
    let benches = chosen(&args.filters)?;
    if args.list {
        for bench in benches {
            println!("{}: {}", bench.name, bench.about);
        }
        return Ok(());
    }
    let loads = [Load::one_kilobyte(), Load::corpus(args.corpus.as_deref())?];
    let plan = Plan::new(args.quick, loads, args.folder.as_deref())?;
    let mut lines = Vec::new();
    for bench in benches {
        eprintln!("{}: {}", bench.name, bench.about);
        let measurements =
            (bench.run)(&plan).map_err(|error| format!("{}: {error}", bench.name))?;
        let line = |measurement| Line { bench: bench.name, measurement };
        lines.extend(measurements.into_iter().map(line));
    }
    output::write(args, &Machine::this(args.folder.as_deref()), &lines)
}

/// Returns all benchmarks, in the order of the results.
fn all() -> impl Iterator<Item = Bench> {
    let backends = fs::BENCHES.into_iter().chain(sqlite::BENCHES).chain(postgres::BENCHES);
    let backends = backends.chain(redis::BENCHES).chain(redis::GROWTH);
    let others = memory::BENCHES.into_iter().chain(allocations::BENCHES).chain(concurrent::BENCHES);
    let programs = migrate::BENCHES.into_iter().chain(protocol::BENCHES).chain(command::BENCHES);
    backends.chain(others).chain(programs)
}

/// Returns the benchmarks whose names contain a filter, or all if there is no filter.
fn chosen(filters: &[String]) -> Fallible<Vec<Bench>> {
    let is_chosen = |bench: &Bench| filters.iter().any(|filter| bench.name.contains(filter));
    let chosen: Vec<_> = all().filter(|bench| filters.is_empty() || is_chosen(bench)).collect();
    if chosen.is_empty() {
        return Err(format!(
            "no benchmark has {} in its name: --list prints all names",
            filters.join(" or ")
        )
        .into());
    }
    Ok(chosen)
}
