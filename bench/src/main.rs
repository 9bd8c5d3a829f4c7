//! How fast each backend is, measured against its medium: each operation of ours and its floor, the same done
//! on the medium itself, in turn in one run.

mod allocations;
mod args;
mod crowd;
mod entries;
mod finding;
mod fs;
mod growth;
mod load;
mod machine;
mod measure;
mod memory;
mod migrate;
mod output;
mod plan;
mod redis;
mod scaling;
mod sqlite;

use std::alloc::System;
use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

use args::Args;
use load::Load;
use machine::Machine;
use plan::{Bench, Plan};

/// What can fail here, may for any reason, in any thread.
type Answer<T> = Result<T, Box<dyn Error + Send + Sync>>;

type Done = Answer<()>;

/// Counts allocations. It makes each cost some nanoseconds more, on both sides.
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
    let mut findings = Vec::new();
    for bench in benches {
        eprintln!("{}: {}", bench.name, bench.about);
        findings.extend((bench.run)(&plan).map_err(|error| format!("{}: {error}", bench.name))?);
    }
    output::write(args, &Machine::this(args.folder.as_deref()), &findings)
}

/// All benchmarks, in the order of the goals.
fn all() -> impl Iterator<Item = Bench> {
    let backends = fs::BENCHES.into_iter().chain(sqlite::BENCHES).chain(redis::BENCHES);
    backends.chain(memory::BENCHES).chain(allocations::BENCHES).chain(migrate::BENCHES)
}

/// The benchmarks whose names hold one of the filters; all, if there is none.
fn chosen(filters: &[String]) -> Answer<Vec<Bench>> {
    let is_chosen = |bench: &Bench| filters.iter().any(|filter| bench.name.contains(filter));
    let chosen: Vec<_> = all().filter(|bench| filters.is_empty() || is_chosen(bench)).collect();
    if chosen.is_empty() {
        return Err(format!(
            "no benchmark is named like {}; --list names all",
            filters.join(" or ")
        )
        .into());
    }
    Ok(chosen)
}
