//! The commands. Each command is a function `run` in its own file.

mod append;
mod check;
mod completions;
mod count;
mod create;
mod demo;
mod exists;
mod export;
mod import;
mod lookup;
mod ls;
mod man;
mod migrate;
mod pods;
mod qualify;
mod repair;
mod restore;
mod rm;
mod salvage;
mod search;
mod serve;
mod show;
mod stat;
mod tail;
mod tree;
mod truncate;
mod verify;

use crate::args::Command;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// Runs a command.
pub(crate) fn run(command: Command, out: &mut Output) -> Result<Exit, Failure> {
    match command {
        Command::Demo(args) => demo::run(&args, out),
        Command::Import(args) => import::run(&args, out),
        Command::Migrate(args) => migrate::run(&args, out),
        Command::Verify(args) => verify::run(&args, out),
        Command::Export(args) => export::run(&args, out),
        Command::Restore(args) => restore::run(&args, out),
        Command::Check(args) => check::run(&args, out),
        Command::Repair(args) => repair::run(&args, out),
        Command::Salvage(args) => salvage::run(&args, out),
        Command::Ls(args) => ls::run(&args, out),
        Command::Tree(args) => tree::run(&args, out),
        Command::Stat(args) => stat::run(&args, out),
        Command::Show(args) => show::run(&args, out),
        Command::Tail(args) => tail::run(&args, out),
        Command::Search(args) => search::run(&args, out),
        Command::Append(args) => append::run(&args, out),
        Command::Create(args) => create::run(&args, out),
        Command::Truncate(args) => truncate::run(&args, out),
        Command::Count(args) => count::run(&args, out),
        Command::Exists(args) => exists::run(&args, out),
        Command::Lookup(args) => lookup::run(&args, out),
        Command::Qualify(args) => qualify::run(&args, out),
        Command::Serve(args) => serve::run(&args),
        Command::Rm(args) => rm::run(&args, out),
        Command::Pods(command) => pods::run(&command, out),
        Command::Completions(args) => completions::run(&args, out),
        Command::Man(args) => man::run(&args, out),
    }
}
