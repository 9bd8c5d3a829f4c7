//! `man`: prints the manual page, or writes the pages of all commands.

use std::fs;
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use serde::Serialize;

use crate::args::{Args, ManArgs};
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::output::Output;

/// The JSON of a written manual page.
#[derive(Serialize)]
struct Written<'a> {
    path: &'a Path,
}

pub(crate) fn run(args: &ManArgs, out: &mut Output) -> Result<Exit, Failure> {
    // The command `help` does not need a page.
    let mut command = Args::command().disable_help_subcommand(true);
    command.build();
    match &args.dir {
        Some(dir) => {
            fs::create_dir_all(dir).context(|| format!("create {}", dir.display()))?;
            write_pages(&command, dir, out)?;
        }
        None => out.line(roff(&page(&command))?.trim_end())?,
    }
    Ok(Exit::Done)
}

fn page(command: &Command) -> Man {
    let source = concat!("session-store ", env!("CARGO_PKG_VERSION"));
    Man::new(command.clone()).source(source)
}

fn roff(page: &Man) -> Result<String, Failure> {
    let operation = || "render the manual page".to_owned();
    let mut text = Vec::new();
    page.render(&mut text).context(operation)?;
    String::from_utf8(text).context(operation)
}

/// Writes a page for the command and for each of its subcommands.
fn write_pages(command: &Command, dir: &Path, out: &mut Output) -> Result<(), Failure> {
    let page = page(command);
    let path = dir.join(page.get_filename());
    fs::write(&path, roff(&page)?).context(|| format!("write {}", path.display()))?;
    out.report(&Written { path: &path }, [path.display()])?;
    command.get_subcommands().try_for_each(|below| write_pages(below, dir, out))
}
