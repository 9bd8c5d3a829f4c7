//! Stores logs in several threads.
//!
//! All files of one segment are stored by the same thread, so that two threads never write to one
//! segment. The caller receives the reports in the order of the files.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::iter::Enumerate;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::{mem, thread, vec};

use session_store_core::Store;

use crate::event::Event;
use crate::format::FileKind;
use crate::item::Item;
use crate::options::Options;
use crate::pod;
use crate::report::{State, Summary, UnitReport};
use crate::store_log::StoreLog;
use crate::unit::{Unit, unit_error};

/// The number of bytes that are read between two events.
const EVENT_BYTES: u64 = 1 << 20;

/// The groups that are not stored yet, each with its number. A group contains the files of one
/// segment.
type Groups = Enumerate<vec::IntoIter<Vec<Item>>>;

/// Stores all logs. `open` is called after the first valid log was read.
pub(crate) fn store_all<'s, E>(
    groups: Vec<Vec<Item>>,
    options: &Options,
    summary: &mut Summary,
    open: &mut dyn FnMut() -> Result<&'s dyn Store, E>,
    observe: &mut dyn FnMut(Event<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut groups = groups.into_iter().enumerate();
    // The calling thread processes the first groups alone. When it finds a valid log, it opens the
    // store.
    let (mut store, mut first) = (None, 0);
    while store.is_none() {
        let Some((number, group)) = groups.next() else { return Ok(()) };
        first = number + 1;
        let mut open = || open().inspect(|opened| store = Some(*opened));
        let mut read = Read::default();
        for report in store_group(&group, options, &mut open, &mut |bytes| read.add(bytes))? {
            summary.count(&report);
            observe(Event::Done(&report))?;
        }
        observe(read.event())?;
    }
    let store = store.expect("the loop ended with a store");
    let queue = Queue { groups: Mutex::new(groups), is_stopped: AtomicBool::new(false) };
    thread::scope(|scope| {
        let (sender, receiver) = channel();
        for _ in 0..options.jobs.get() {
            let (queue, sender) = (&queue, sender.clone());
            scope.spawn(move || queue.work(options, store, &sender));
        }
        drop(sender);
        let result = pass_on(&receiver, first, summary, observe);
        queue.is_stopped.store(true, Ordering::Relaxed);
        result
    })
}

/// The work of all threads.
struct Queue {
    groups: Mutex<Groups>,
    is_stopped: AtomicBool,
}

/// A message of a thread.
enum Message {
    Read(Read),
    /// The reports of the files of a segment.
    Done(usize, Vec<UnitReport>),
}

/// The entries that were read since the last event.
#[derive(Clone, Copy, Default)]
struct Read {
    entries: usize,
    bytes: u64,
}

impl Read {
    fn add(&mut self, bytes: u64) {
        self.entries += 1;
        self.bytes += bytes;
    }

    const fn event(self) -> Event<'static> {
        Event::Read { entries: self.entries, bytes: self.bytes }
    }
}

impl Queue {
    fn next(&self) -> Option<(usize, Vec<Item>)> {
        let is_stopped = self.is_stopped.load(Ordering::Relaxed);
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        if is_stopped { None } else { groups.next() }
    }

    /// Stores logs until the queue is empty. Errors of sending are ignored, because they only mean
    /// that the receiver has stopped.
    fn work(&self, options: &Options, store: &dyn Store, sender: &Sender<Message>) {
        let mut read = Read::default();
        while let Some((number, group)) = self.next() {
            let mut add = |bytes| {
                read.add(bytes);
                if read.bytes > EVENT_BYTES {
                    let _ = sender.send(Message::Read(mem::take(&mut read)));
                }
            };
            let mut open = || Ok::<_, Infallible>(store);
            let Ok(reports) = store_group(&group, options, &mut open, &mut add);
            let _ = sender.send(Message::Done(number, reports));
        }
        let _ = sender.send(Message::Read(read));
    }
}

/// Passes the messages of the threads to the caller. The reports are sorted by the number of their
/// group.
fn pass_on<E>(
    receiver: &Receiver<Message>,
    first: usize,
    summary: &mut Summary,
    observe: &mut dyn FnMut(Event<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let (mut next, mut early) = (first, BTreeMap::new());
    for message in receiver {
        match message {
            Message::Read(read) => observe(read.event())?,
            Message::Done(number, reports) => {
                early.insert(number, reports);
            }
        }
        while let Some(reports) = early.remove(&next) {
            next += 1;
            for report in reports {
                summary.count(&report);
                observe(Event::Done(&report))?;
            }
        }
    }
    Ok(())
}

/// Stores the files of one segment.
fn store_group<'s, E>(
    group: &[Item],
    options: &Options,
    open: &mut dyn FnMut() -> Result<&'s dyn Store, E>,
    read: &mut dyn FnMut(u64),
) -> Result<Vec<UnitReport>, E> {
    let mut earlier: Option<&Unit> = None;
    let mut reports = Vec::new();
    for item in group {
        let unit = match item {
            Item::Report(report) => {
                reports.push(UnitReport { dry_run: options.dry_run, ..(**report).clone() });
                continue;
            }
            Item::Unit(unit) => &**unit,
        };
        let mut report = store_unit(unit, earlier, options, open, read)?;
        report.dry_run = options.dry_run;
        if earlier.is_none() && report.key.is_some() && report.state.is_clean() {
            earlier = Some(unit);
        }
        reports.push(report);
    }
    Ok(reports)
}

/// Stores one log, trace or pod. `earlier` is another file of this import that was stored in the
/// same segment before.
fn store_unit<'s, E>(
    unit: &Unit,
    earlier: Option<&Unit>,
    options: &Options,
    open: &mut dyn FnMut() -> Result<&'s dyn Store, E>,
    read: &mut dyn FnMut(u64),
) -> Result<UnitReport, E> {
    if unit.kind == FileKind::Pod {
        return Ok(pod::store(unit, open()?, options));
    }
    let content = match unit.read(options, read) {
        Ok(content) => content,
        Err(error) => return Ok(unit_error(unit, &error)),
    };
    // A log without entries has no ids, because the ids are determined from the first entry.
    let Some(identity) = unit.identity.as_ref().filter(|_| content.entries.count > 0) else {
        let report = unit.report(State::Empty, None);
        return Ok(UnitReport { oddities: content.oddities, ..report });
    };
    let is_old = |since| content.entries.latest.is_some_and(|latest| latest < since);
    if options.since.is_some_and(is_old) {
        return Ok(unit.report(State::Older, None));
    }
    let log = StoreLog { unit, identity, content: &content, options, to: open()? };
    Ok(log.run(earlier))
}
