//! `cargo xtask tidy`: the conventions of this workspace as code.
//!
//! Each rule is a function from files to their faults.

mod clauses;
mod contract;
mod lines;
mod links;
mod manifest;
mod modules;
mod prose;
mod text;
mod width;

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

/// A violation of a rule.
#[derive(Debug, PartialEq, Eq)]
struct Fault {
    /// The file, and the number of the line if the fault is in one line.
    path: String,
    what: String,
}

impl Fault {
    fn new(file: &File, what: impl Into<String>) -> Self {
        Self { path: file.path.clone(), what: what.into() }
    }

    fn at(file: &File, line: usize, what: impl Into<String>) -> Self {
        Self { path: format!("{}:{line}", file.path), what: what.into() }
    }
}

pub(crate) fn run(shell: &Shell) -> Done {
    let files = tracked(shell)?;
    let faults = faults(&files);
    for Fault { path, what } in &faults {
        eprintln!("{path}: {what}");
    }
    match faults.len() {
        0 => Ok(()),
        count => Err(format!("tidy: {count} faults").into()),
    }
}

fn faults(files: &[File]) -> Vec<Fault> {
    let mut faults: Vec<Fault> = files.iter().flat_map(text::faults).collect();
    faults.extend(files.iter().flat_map(manifest::faults));
    faults.extend(contract::faults(files));
    faults.extend(modules::faults(files));
    faults.extend(links::faults(files));
    faults.extend(files.iter().flat_map(prose::faults));
    faults.extend(files.iter().flat_map(width::faults));
    faults.extend(files.iter().filter_map(|file| text::beside_its_folder(file, files)));
    faults.extend(clauses::faults(files));
    faults
}

/// Returns the files under version control, and new files that `git add` would add.
fn tracked(shell: &Shell) -> Result<Vec<File>, Box<dyn std::error::Error>> {
    let listing =
        cmd!(shell, "git ls-files --cached --others --exclude-standard").quiet().read()?;
    let mut files = Vec::new();
    for path in listing.lines() {
        // Git also lists a deleted file until the deletion is committed. A picture has no text, and
        // a link can lead to it.
        if let Ok(bytes) = fs::read(shell.current_dir().join(path)) {
            let text = String::from_utf8(bytes).unwrap_or_default();
            files.push(File { path: path.to_owned(), text });
        }
    }
    Ok(files)
}
