//! `Import`: brings the logs of files and folders into a store.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use session_store_core::{SegmentKey, Store};
use tempfile::NamedTempFile;

use crate::format::FileKind;
use crate::options::Options;
use crate::pod;
use crate::report::{State, Summary, UnitReport};
use crate::search::{FoundFile, Search};
use crate::store_log::{Earlier, StoreLog};
use crate::unit::{Inspected, Unit, inspect, inspect_input, unit_error};

/// The path that means standard input.
const INPUT: &str = "-";

/// The progress of an import.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Files were found, and are now looked at.
    Found {
        /// The number of files.
        files: usize,
    },
    /// One of the files was looked at.
    Inspected,
    /// All files were looked at, and logs are now stored.
    Storing {
        /// The number of logs.
        logs: usize,
    },
    /// An entry was read.
    Read {
        /// The size of the entry.
        bytes: u64,
    },
    /// A log was stored, or could not be stored.
    Done(&'a UnitReport),
}

/// An import of files and folders.
///
/// Every log has an outcome of its own. No log is left out because of the trouble of another one.
#[derive(Debug)]
pub struct Import<'a> {
    paths: &'a [PathBuf],
    options: &'a Options,
}

impl<'a> Import<'a> {
    /// Prepares an import of files and folders. The path `-` is standard input.
    #[must_use]
    pub const fn new(paths: &'a [PathBuf], options: &'a Options) -> Self {
        Self { paths, options }
    }

    /// Stores the logs. `open` opens the store, and is called only if there is a valid log.
    ///
    /// # Errors
    /// Those of `open` and of `observe`. The trouble of a log is not an error: it is in the report
    /// of the log.
    pub fn run<'s, E>(
        &self,
        open: &mut dyn FnMut() -> Result<&'s dyn Store, E>,
        observe: &mut dyn FnMut(Event<'_>) -> Result<(), E>,
    ) -> Result<Summary, E> {
        let mut summary = Summary { dry_run: self.options.dry_run, ..Summary::default() };
        let (inspected, _input) = self.inspect(&mut summary, observe)?;
        observe(Event::Storing { logs: inspected.len() })?;
        let mut earlier = HashMap::new();
        for item in in_order(inspected) {
            let report = match item {
                Item::Report(report) => *report,
                Item::Unit(unit) => self.store(&unit, &mut earlier, open, observe)?,
            };
            summary.count(&report);
            observe(Event::Done(&report))?;
        }
        Ok(summary)
    }

    /// Finds the files and looks at each of them. Also returns the file of standard input, which is
    /// deleted when it is dropped.
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

    /// Stores one log, trace or pod.
    fn store<'s, E>(
        &self,
        unit: &Unit,
        earlier: &mut Earlier,
        open: &mut dyn FnMut() -> Result<&'s dyn Store, E>,
        observe: &mut dyn FnMut(Event<'_>) -> Result<(), E>,
    ) -> Result<UnitReport, E> {
        if unit.kind == FileKind::Pod {
            return Ok(pod::store(unit, open()?, self.options));
        }
        let mut observed = Ok(());
        let content = unit.read(self.options, &mut |bytes| {
            if observed.is_ok() {
                observed = observe(Event::Read { bytes });
            }
        });
        observed?;
        let content = match content {
            Ok(content) => content,
            Err(error) => return Ok(unit_error(unit, &error)),
        };
        let is_old = |since| content.entries.latest.is_some_and(|latest| latest < since);
        // Without entries, there is nothing to identify the log by.
        let Some(identity) = unit.identity.as_ref().filter(|_| content.entries.count > 0) else {
            let report = unit.report(State::Empty, None);
            return Ok(UnitReport { oddities: content.oddities, ..report });
        };
        if self.options.since.is_some_and(is_old) {
            return Ok(unit.report(State::Older, None));
        }
        let store =
            StoreLog { unit, identity, content: &content, options: self.options, to: open()? };
        Ok(store.run(earlier))
    }
}

/// A unit, or the report of a file that cannot be read.
#[derive(Debug)]
enum Item {
    Unit(Box<Unit>),
    Report(Box<UnitReport>),
}

impl Item {
    fn report(report: UnitReport) -> Self {
        Self::Report(Box::new(report))
    }

    /// Returns the segment of a log or trace.
    fn key(&self) -> Option<(SegmentKey, bool)> {
        match self {
            Self::Unit(unit) => Some((unit.identity.as_ref()?.key, unit.kind == FileKind::Trace)),
            Self::Report(_) => None,
        }
    }

    /// The order of the files of one segment. The longest file is likely to extend the others. The
    /// size of a compressed file does not show its length.
    fn rank(&self) -> (bool, Reverse<u64>) {
        match self {
            Self::Unit(unit) => (unit.is_compressed, Reverse(unit.file.bytes)),
            Self::Report(_) => (false, Reverse(0)),
        }
    }
}

/// Brings the files of one segment together, at the place of the first of them.
fn in_order(items: Vec<Item>) -> Vec<Item> {
    let mut first = HashMap::new();
    let mut placed: Vec<_> = items
        .into_iter()
        .enumerate()
        .map(|(at, item)| {
            let place = item.key().map_or(at, |key| *first.entry(key).or_insert(at));
            (place, item)
        })
        .collect();
    placed.sort_by_key(|(place, item)| (*place, item.rank()));
    placed.into_iter().map(|(_, item)| item).collect()
}

/// Copies standard input to a file, because a log is read twice.
fn spool() -> io::Result<(NamedTempFile, u64)> {
    let mut file = NamedTempFile::new()?;
    let bytes = io::copy(&mut io::stdin().lock(), &mut file)?;
    Ok((file, bytes))
}
