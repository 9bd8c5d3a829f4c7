//! The command session-store: look into, import, move, verify and repair stores of agent session logs.
//!
//! Here the arguments are parsed and the outcome becomes an exit code; each command is one function in one
//! file of `command/`.

mod args;
mod command;
mod demo;
mod entry_count;
mod exit;
mod failure;
mod import;
mod input;
mod migration;
mod new_file;
mod output;
mod progress;
mod reader;
mod signal;
mod store;
mod table;
mod target;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Args;
use crate::output::Output;

fn main() -> ExitCode {
    let args = Args::parse();
    let mut out = Output::new(args.json);
    let outcome = command::run(args.command, &mut out);
    // What was written before a failure is shown before its message.
    let flushed = out.flush();
    let exit = outcome.and_then(|exit| flushed.map(|()| exit)).unwrap_or_else(|failure| {
        failure.report();
        failure.exit()
    });
    exit.into()
}
