//! `completions`: prints a completion script for a shell.

use clap::CommandFactory;

use crate::args::{Args, CompletionsArgs};
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::output::Output;

pub(crate) fn run(args: &CompletionsArgs, out: &mut Output) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "session-store", &mut script);
    let script = String::from_utf8(script).context(|| "write the completion script".to_owned())?;
    out.line(script.trim_end())?;
    Ok(Exit::Done)
}
