//! `Import`: brings the logs of files and folders into a store.

use std::io;
use std::path::{Path, PathBuf};

use session_store_core::Store;
use tempfile::NamedTempFile;

use crate::event::Event;
use crate::item::{Item, groups};
use crate::jobs;
use crate::options::Options;
use crate::report::{State, Summary, UnitReport};
use crate::search::{FoundFile, Search};
use crate::unit::{Inspected, inspect, inspect_input};

/// The path that means standard input.
const INPUT: &str = "-";

/// An import of files and folders.
///
/// Every log has its own outcome. A failure of one log does not affect other logs.
#[derive(Debug)]
pub struct Import<'a> {
    paths: &'a [PathBuf],
    options: &'a Options,
}

impl<'a> Import<'a> {
    /// Prepares an import of files and folders. The path `-` means standard input.
    #[must_use]
    pub const fn new(paths: &'a [PathBuf], options: &'a Options) -> Self {
        Self { paths, options }
    }

    /// Stores the logs. `open` must open the store. It is called only if at least one log is valid.
    ///
    /// # Errors
    /// The errors of `open` and of `observe`. If one log fails, this function returns no error. The
    /// failure is in the report of that log.
    pub fn run<'s, E>(
        &self,
        open: &mut dyn FnMut() -> Result<&'s dyn Store, E>,
        observe: &mut dyn FnMut(Event<'_>) -> Result<(), E>,
    ) -> Result<Summary, E> {
        let mut summary = Summary { dry_run: self.options.dry_run, ..Summary::default() };
        let (inspected, _input) = self.inspect(&mut summary, observe)?;
        observe(Event::Storing { logs: inspected.len() })?;
        jobs::store_all(groups(inspected), self.options, &mut summary, open, observe)?;
        Ok(summary)
    }

    /// Finds the files and reads the beginning of each file. Also returns the temporary file with
    /// the content of standard input. The caller must keep this value, because the file is deleted
    /// when the value is dropped.
    fn inspect<E>(
        &self,
        summary: &mut Summary,
        observe: &mut dyn FnMut(Event<'_>) -> Result<(), E>,
    ) -> Result<(Vec<Item>, Option<NamedTempFile>), E> {
        let (inputs, paths): (Vec<_>, Vec<_>) =
            self.paths.iter().cloned().partition(|path| path == Path::new(INPUT));
        let destination = self.options.destination.as_deref();
        let found = Search::new(&self.options.filter, destination).run(&paths);
        observe(Event::Found { files: found.files.len() })?;
        let is_unreadable =
            |root: &PathBuf| found.unreadable.iter().any(|(path, _)| path.starts_with(root));
        let mut has_logs: Vec<_> = paths.iter().map(is_unreadable).collect();
        let mut items = Vec::new();
        for (path, error) in found.unreadable {
            items.push(Item::report(UnitReport::new(&path, State::Failed, error.to_string())));
        }
        for (kind, path) in found.passed_over {
            summary.pass_over(kind, &path);
        }
        let mut add = |path: &Path, inspected| match inspected {
            Inspected::Unit(unit) => items.push(Item::Unit(Box::new(unit))),
            Inspected::Report(report) => items.push(Item::report(report)),
            Inspected::PassedOver(kind) => summary.pass_over(kind, path),
        };
        for file in found.files {
            let inspected = inspect(&file, self.options);
            has_logs[file.root] |= !matches!(inspected, Inspected::PassedOver(_));
            add(&file.path, inspected);
            observe(Event::Inspected)?;
        }
        for (path, has_logs) in paths.iter().zip(has_logs) {
            if !has_logs && path.is_dir() {
                let reason = "no log was found in it".to_owned();
                let report = UnitReport::new(path, State::Refused, reason);
                add(path, Inspected::Report(report));
            }
        }
        let mut spooled = None;
        if let Some(path) = inputs.first() {
            match spool() {
                Ok((file, bytes)) => {
                    let absolute = file.path().to_owned();
                    let found =
                        FoundFile { path: path.clone(), absolute, bytes, is_named: true, root: 0 };
                    add(path, inspect_input(found, self.options));
                    spooled = Some(file);
                }
                Err(error) => {
                    let report = UnitReport::new(path, State::Failed, error.to_string());
                    add(path, Inspected::Report(report));
                }
            }
        }
        Ok((items, spooled))
    }
}

/// Copies standard input to a file. A log is read twice, and standard input can be read only once.
fn spool() -> io::Result<(NamedTempFile, u64)> {
    let mut file = NamedTempFile::new()?;
    let bytes = io::copy(&mut io::stdin().lock(), &mut file)?;
    Ok((file, bytes))
}
