//! The command as its users run it: the real program, its output and its exit status.

mod append;
mod bad_input;
mod check;
mod create;
mod demo;
mod export;
mod import;
mod kill;
mod listing;
mod migrate;
mod output;
mod pods;
mod program;
mod qualify;
mod restore;
mod rm;
mod segment;
mod show;
#[cfg(unix)]
mod verify;
