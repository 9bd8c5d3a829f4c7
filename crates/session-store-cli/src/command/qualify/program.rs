//! A store in another program as a harness: each handle is a process that serves the store over its
//! standard input and output.

use std::io;
use std::path::PathBuf;
use std::process::Command;

use session_store::{Store, StoreError};
use session_store_conformance::{Harness, Storage, start_process};
use tempfile::TempDir;

/// The program and its arguments.
#[derive(Clone)]
pub(super) struct Program(Vec<String>);

impl Program {
    /// Splits a command at its spaces, with the quotes of a shell.
    ///
    /// The command does not run in a shell, because a check must kill the process of the program,
    /// not the shell. Returns `None` if the command is empty, or if a quote is not closed.
    pub(super) fn parse(command: &str) -> Option<Self> {
        shlex::split(command).filter(|words| !words.is_empty()).map(Self)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.0[0]);
        command.args(&self.0[1..]);
        command
    }
}

impl Harness for Program {
    fn fresh(&self) -> Box<dyn Storage> {
        let folder = TempDir::with_prefix("session-store-qualify-").expect("a temporary folder");
        Box::new(Folder { program: self.clone(), folder })
    }

    fn helper(&self) -> Option<Command> {
        Some(self.command())
    }
}

/// A folder in which the program keeps one storage.
struct Folder {
    program: Program,
    folder: TempDir,
}

impl Storage for Folder {
    fn open(&self) -> Result<Box<dyn Store>, StoreError> {
        let address = self.address().ok_or_else(|| io::Error::other("the path is not UTF-8"))?;
        let process = start_process(self.program.command())?;
        process.open(&address)?;
        Ok(Box::new(process))
    }

    fn address(&self) -> Option<String> {
        self.folder.path().to_str().map(str::to_owned)
    }

    fn folder(&self) -> Option<PathBuf> {
        Some(self.folder.path().to_owned())
    }

    fn keep(&mut self) -> Option<PathBuf> {
        self.folder.disable_cleanup(true);
        Some(self.folder.path().to_owned())
    }
}
