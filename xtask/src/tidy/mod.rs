//! `cargo xtask tidy`: the conventions of this workspace as code. Each rule is a function of a file's name
//! and text that says what is wrong with it.

mod contract;
mod manifest;
mod modules;
mod text;

use std::fs;

use xshell::{Shell, cmd};

use crate::Done;

/// A file under version control.
struct File {
    path: String,
    text: String,
}

impl File {
    fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

/// One thing that is against the rules.
#[derive(Debug, PartialEq, Eq)]
struct Fault {
    path: String,
    what: String,
}

impl Fault {
    fn new(file: &File, what: impl Into<String>) -> Self {
        Self { path: file.path.clone(), what: what.into() }
    }
}

pub(crate) fn run(shell: &Shell) -> Done {
    let files = tracked(shell)?;
    let mut faults: Vec<Fault> = files.iter().flat_map(text::faults).collect();
    faults.extend(files.iter().flat_map(manifest::faults));
    faults.extend(contract::faults(&files));
    faults.extend(modules::faults(&files));
    for Fault { path, what } in &faults {
        eprintln!("{path}: {what}");
    }
    match faults.len() {
        0 => Ok(()),
        count => Err(format!("tidy: {count} faults").into()),
    }
}

/// The files that are, or would be, under version control.
fn tracked(shell: &Shell) -> Result<Vec<File>, Box<dyn std::error::Error>> {
    let listing =
        cmd!(shell, "git ls-files --cached --others --exclude-standard").quiet().read()?;
    let mut files = Vec::new();
    for path in listing.lines() {
        // One that was deleted but not committed yet is still listed; one that is no text has no rules.
        if let Ok(text) = fs::read_to_string(shell.current_dir().join(path)) {
            files.push(File { path: path.to_owned(), text });
        }
    }
    Ok(files)
}
