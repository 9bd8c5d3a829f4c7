//! Salvage: copies everything that can be read from a damaged database to another store.
//!
//! The tables are read row by row in the order of their keys. Rows that cannot be read are skipped,
//! and each log is compared with its stored number of entries.

mod logs;
mod report;
mod scan;
mod source;

use std::collections::BTreeSet;
use std::mem;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Row};
use session_store_core::{
    Entry, LogEntry, Pod, PodName, SegmentKey, Store, StoreError, TraceEntry,
};

use crate::error::Result;
use crate::rowid;
use logs::FoundLog;
pub use report::{Salvaged, SalvagedLog};
use source::Source;

/// The size of the texts that are collected before they are written.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// A damaged database, opened to copy what can be read from it.
///
/// Salvage never writes to the database file and the files beside it. If there is a `-wal` file
/// with changes, the files are copied to the folder for temporary files, and the copy is read.
///
/// The first page of the database must be intact, because it describes the tables. SQLite stores no
/// checksums, so changed bytes inside a text are found only if the text is no longer an entry.
pub struct DamagedDatabase {
    path: PathBuf,
    source: Source,
}

impl DamagedDatabase {
    /// Opens the database at `path`, which must be a store.
    ///
    /// # Errors
    /// - [`StoreError::NoStore`] if the file does not exist or is empty.
    /// - [`StoreError::NotAStore`] if the file is not a database, or is the database of another
    ///   program.
    /// - [`StoreError::Backend`] if the first page cannot be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let source = Source::open(path)
            .map_err(|error| error.during(format_args!("open {}", path.display()), path))?;
        Ok(Self { path: path.to_owned(), source })
    }

    /// Copies all readable entries, traces and pods (named agents) to `to`, which should be empty.
    /// Reports each log, each trace, and each other loss.
    ///
    /// A log that has lost entries is written with its remaining entries, in their order. A log
    /// that has lost all entries is not written.
    ///
    /// # Errors
    /// The errors of `to`, and errors of the database other than damage. A loss is not an error.
    pub fn copy_to(
        &self,
        to: &dyn Store,
        report: &mut dyn FnMut(Salvaged),
    ) -> Result<(), StoreError> {
        let Self { path, source } = self;
        let copied = copy_logs(&source.connection, to, report)
            .and_then(|()| copy_pods(&source.connection, to, report));
        copied.map_err(|error| error.during(format_args!("salvage {}", path.display()), path))
    }
}

fn copy_logs(
    connection: &Connection,
    to: &dyn Store,
    report: &mut dyn FnMut(Salvaged),
) -> Result<()> {
    let found = logs::find(connection)?;
    found.losses.into_iter().for_each(|loss| report(Salvaged::Lost(loss)));
    let mut written = BTreeSet::new();
    let mut numbers = BTreeSet::new();
    for log in found.logs {
        numbers.insert(log.number);
        report_rows_after_end(connection, &log, report)?;
        if !written.insert((log.key, log.is_trace)) {
            let loss = format!("a second log with the ids of {} (number {})", log.key, log.number);
            report(Salvaged::Lost(loss));
        } else if log.is_trace {
            report(Salvaged::Log(copy::<TraceEntry>(connection, &log, to)?));
        } else {
            report(Salvaged::Log(copy::<LogEntry>(connection, &log, to)?));
        }
    }
    report_orphans(connection, &numbers, report)
}

/// Copies one log or trace.
fn copy<E: Salvageable>(
    connection: &Connection,
    log: &FoundLog,
    to: &dyn Store,
) -> Result<SalvagedLog> {
    let mut writer = Writer::<E> { key: log.key, to, batch: Vec::new(), bytes: 0, is_begun: false };
    let mut result = SalvagedLog::new(log.key, log.is_trace, log.entries.map(|n| n as usize));
    let last = log.entries.map_or(Some(u32::MAX), |entries| entries.checked_sub(1));
    if let Some(last) = last {
        let ids = rowid::pack(log.number, 0)..=rowid::pack(log.number, last);
        let select = "SELECT id, text FROM entry WHERE id BETWEEN ?1 AND ?2 ORDER BY id";
        scan::rows(connection, select, ids, &mut |id, row| {
            // An invalid text is one of the losses.
            let Ok(entry) = entry_of::<E>(row) else { return Ok(()) };
            let position = id - rowid::pack(log.number, 0);
            result.recover(usize::try_from(position).unwrap_or(usize::MAX));
            writer.push(entry)
        })?;
    }
    result.finish();
    // A log that never had entries is whole, and is created too.
    if result.recovered > 0 || result.is_whole() {
        writer.flush(true)?;
    }
    Ok(result)
}

fn entry_of<E: Salvageable>(row: &Row<'_>) -> Result<E, StoreError> {
    let text = row.get_ref(1).ok().and_then(|value| value.as_str().ok()).unwrap_or_default();
    E::parse(text)
}

/// An entry of a log or of a trace, and the function that writes such entries.
trait Salvageable: Entry {
    fn parse(text: &str) -> Result<Self, StoreError>;

    /// Writes entries. With `is_first`, creates the log.
    fn write(
        to: &dyn Store,
        key: SegmentKey,
        entries: &[Self],
        is_first: bool,
    ) -> Result<(), StoreError>;
}

impl Salvageable for LogEntry {
    fn parse(text: &str) -> Result<Self, StoreError> {
        Self::from_json(text)
    }

    fn write(
        to: &dyn Store,
        key: SegmentKey,
        entries: &[Self],
        is_first: bool,
    ) -> Result<(), StoreError> {
        let SegmentKey { session_id, segment_id } = key;
        match is_first {
            true => to.create_segment(session_id, segment_id, entries),
            false => to.append_all(session_id, segment_id, entries),
        }
    }
}

impl Salvageable for TraceEntry {
    fn parse(text: &str) -> Result<Self, StoreError> {
        Self::from_json(text)
    }

    fn write(to: &dyn Store, key: SegmentKey, entries: &[Self], _: bool) -> Result<(), StoreError> {
        let mut entries = entries.iter();
        entries.try_for_each(|entry| to.append_trace(key.session_id, key.segment_id, entry))
    }
}

/// Writes the entries of one log in batches.
struct Writer<'a, E> {
    key: SegmentKey,
    to: &'a dyn Store,
    batch: Vec<E>,
    bytes: usize,
    is_begun: bool,
}

impl<E: Salvageable> Writer<'_, E> {
    fn push(&mut self, entry: E) -> Result<()> {
        self.bytes += entry.as_json().len();
        self.batch.push(entry);
        if self.bytes >= BATCH_BYTES { self.flush(false) } else { Ok(()) }
    }

    fn flush(&mut self, is_last: bool) -> Result<()> {
        let (batch, is_begun) =
            (mem::take(&mut self.batch), mem::replace(&mut self.is_begun, true));
        self.bytes = 0;
        if is_last && is_begun && batch.is_empty() {
            return Ok(());
        }
        Ok(E::write(self.to, self.key, &batch, !is_begun)?)
    }
}

/// Reports entries after the stored end of a log. The stored number of entries can be damaged, so
/// these entries can be a part of the log.
fn report_rows_after_end(
    connection: &Connection,
    log: &FoundLog,
    report: &mut dyn FnMut(Salvaged),
) -> Result<()> {
    let Some(end) = log.entries else { return Ok(()) };
    let entries = count_rows(connection, rowid::from_position(log.number, end))?;
    if entries > 0 {
        let kind = if log.is_trace { "the trace of " } else { "" };
        let loss =
            format!("{entries} entries after entry {end}, the stored end of {kind}{}", log.key);
        report(Salvaged::Lost(loss));
    }
    Ok(())
}

/// Returns the number of readable rows of the table `entry` with these ids.
fn count_rows(connection: &Connection, ids: RangeInclusive<i64>) -> Result<usize> {
    let mut count = 0;
    let select = "SELECT id FROM entry WHERE id BETWEEN ?1 AND ?2 ORDER BY id";
    scan::rows(connection, select, ids, &mut |_, _| {
        count += 1;
        Ok(())
    })?;
    Ok(count)
}

/// Reports entries whose log is not in the table `log`. The ids of their session and segment are
/// therefore unknown.
fn report_orphans(
    connection: &Connection,
    numbers: &BTreeSet<u32>,
    report: &mut dyn FnMut(Salvaged),
) -> Result<()> {
    // The entries of unknown logs have the ids between those of two known logs.
    let mut first = 0;
    let ends = numbers.iter().copied().map(i64::from).chain([i64::from(rowid::MAX_NUMBER) + 1]);
    for end in ends {
        if first < end {
            let ids = first << 32..=((end - 1) << 32 | i64::from(u32::MAX));
            let entries = count_rows(connection, ids)?;
            if entries > 0 {
                let loss = format!("{entries} entries of segments whose ids cannot be read");
                report(Salvaged::Lost(loss));
            }
        }
        first = end + 1;
    }
    Ok(())
}

/// Copies the pods. The key of a pod is a name, so the key after a damaged row cannot be computed.
/// The rows after the damage are therefore read backwards from the end of the table.
fn copy_pods(
    connection: &Connection,
    to: &dyn Store,
    report: &mut dyn FnMut(Salvaged),
) -> Result<()> {
    let (mut pods, mut losses) = (BTreeSet::new(), 0);
    let mut is_damaged = false;
    for order in ["ASC", "DESC"] {
        let select = format!("SELECT name, text FROM pod ORDER BY name {order}");
        let is_read = scan::until_damage(connection, &select, &mut |row| {
            match pod_of(row) {
                Some(pod) => drop(pods.insert(pod)),
                None => losses += 1,
            }
            Ok(())
        })?;
        if is_read {
            break;
        }
        is_damaged = true;
    }
    if is_damaged {
        let loss = format!("pods besides the {} that can be read", pods.len());
        report(Salvaged::Lost(loss));
    }
    if losses > 0 {
        report(Salvaged::Lost(format!("{losses} pods whose text is invalid")));
    }
    let Some(store) = to.pods() else {
        if !pods.is_empty() {
            let loss = format!("{} pods, because the new store cannot hold pods", pods.len());
            report(Salvaged::Lost(loss));
        }
        return Ok(());
    };
    for (name, text) in &pods {
        store.put_pod(name, &Pod::from_json(text.as_str())?)?;
    }
    if !pods.is_empty() {
        report(Salvaged::Pods(pods.len()));
    }
    Ok(())
}

fn pod_of(row: &Row<'_>) -> Option<(PodName, String)> {
    let text = |column| Some(row.get_ref(column).ok()?.as_str().ok()?.to_owned());
    let (name, text): (PodName, String) = (text(0)?.parse().ok()?, text(1)?);
    Pod::from_json(text.as_str()).ok()?;
    Some((name, text))
}
