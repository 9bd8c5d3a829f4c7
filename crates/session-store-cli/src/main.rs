//! The command `session-store`, which inspects, imports, copies, verifies and repairs stores of
//! agent session logs.
//!
//! This file parses the arguments, runs the command, and ends with its exit status. Each command is
//! one function in one file of `command/`.

mod args;
mod backup;
mod command;
mod confirm;
mod content_time;
mod demo;
mod entry_count;
mod exit;
mod failure;
mod forest;
mod input;
mod latest;
mod listing;
mod log_format;
mod message;
mod migration;
mod new_file;
mod output;
mod pager;
mod password;
mod progress;
mod redacted;
mod reference;
mod segment;
mod signal;
mod store;
mod table;
mod terminal;
mod text;
mod title;

use std::process::ExitCode;
use std::time::Instant;

use crate::args::Args;
use crate::exit::Exit;
use crate::output::Output;

fn main() -> ExitCode {
    #[cfg(unix)]
    signal::survive_file_size_limit();
    let Args { json, passwords, mut command } = Args::parse_or_exit();
    let places = command.urls_mut().iter().map(ToString::to_string).collect();
    message::set_format(json, places);
    let mut out = Output::new(json);
    let (began, is_long) = (Instant::now(), command.is_long());
    let outcome =
        passwords.supply(command.urls_mut()).and_then(|()| command::run(command, &mut out));
    if is_long && out.is_terminal() && !json {
        // Ignore an error of standard output, because the flush below fails too and ends the
        // command.
        let _ = out.line(format_args!("took {:.1} s", began.elapsed().as_secs_f64()));
    }
    // Flush the results first, so that they appear before the message of an error.
    let flushed = out.flush();
    let exit = outcome.and_then(|exit| flushed.map(|()| exit)).unwrap_or_else(|failure| {
        failure.report();
        failure.exit()
    });
    // A reading command reports a part that it cannot read, and continues with the rest.
    let is_incomplete = exit == Exit::Done && message::is_incomplete();
    (if is_incomplete { Exit::Failed } else { exit }).into()
}
