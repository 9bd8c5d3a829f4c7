//! `tail`: prints the last entries of a log or a trace, and follows it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::marker::PhantomData;

use session_store::{Head, LogEntry, StoreError, StoreExt, TraceEntry};

use crate::args::TailArgs;
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::message::{Kind, note};
use crate::output::Output;
use crate::segment::{Line, Segment, lines, reading};
use crate::store::is_backup;

/// The number of remembered lines. They are compared to find the first difference of a changed log.
const REMEMBERED: usize = 1000;

pub(crate) fn run(args: &TailArgs, out: &mut Output) -> Result<Exit, Failure> {
    if args.follow && is_backup(&args.target.store) {
        let cause = "a backup never changes; print its last entries without --follow";
        let operation = format!("follow {}", args.target.store);
        return Err(Failure::cannot(operation, cause).with_kind(Kind::Unsupported));
    }
    let (store, key) = args.target.open_to_read()?;
    let segment = store.at(key);
    if args.trace {
        Tail::<TraceEntry>::new(segment, args, out).run()
    } else {
        Tail::<LogEntry>::new(segment, args, out).run()
    }
}

/// A log or a trace, and the part of it that was read.
struct Tail<'a, E> {
    segment: Segment<'a>,
    args: &'a TailArgs,
    out: &'a mut Output,
    /// The number of lines that were read.
    position: usize,
    /// The head before these lines were read. `None` for a trace.
    head: Option<Head>,
    /// The hashes of the last lines that were read.
    recent: VecDeque<u64>,
    is_deleted: bool,
    entry: PhantomData<E>,
}

impl<'a, E: Line> Tail<'a, E> {
    fn new(segment: Segment<'a>, args: &'a TailArgs, out: &'a mut Output) -> Self {
        Self {
            segment,
            args,
            out,
            position: 0,
            head: None,
            recent: VecDeque::new(),
            is_deleted: false,
            entry: PhantomData,
        }
    }

    fn run(mut self) -> Result<Exit, Failure> {
        match self.print_last() {
            // Another program changed the log during the read. The first poll continues from the
            // change.
            Err(failure) if self.args.follow && is_conflict(&failure) => {}
            printed => printed?,
        }
        if self.args.follow {
            match self.follow()? {}
        }
        Ok(Exit::Done)
    }

    /// Prints the last entries. To follow the log, more lines are read, so that a later change can
    /// be located among them.
    fn print_last(&mut self) -> Result<(), Failure> {
        let count = self.count().context(|| reading::<E>(self.segment))?;
        let first = count.saturating_sub(self.args.entries);
        let known = if self.args.follow { count.saturating_sub(REMEMBERED) } else { first };
        (self.position, self.head) = (first.min(known), None);
        self.recent.clear();
        self.print_after(first)
    }

    /// Returns the number of lines. For a trace, reads the whole trace, because a store does not
    /// record the number.
    fn count(&self) -> Result<usize, StoreError> {
        if !self.args.trace {
            return self.segment.read_entry_count();
        }
        lines::<E>(self.segment, 0).try_fold(0, |count, line| readable(line).map(|_| count + 1))
    }

    /// Reads to the end. Prints all lines after the first `printed` lines.
    fn print_after(&mut self, printed: usize) -> Result<(), Failure> {
        for line in lines::<E>(self.segment, self.position) {
            let line = readable(line).context(|| reading::<E>(self.segment))?;
            if self.recent.len() == REMEMBERED {
                self.recent.pop_front();
            }
            self.recent.push_back(hash_of(&line));
            self.position += 1;
            if self.position > printed {
                self.print(line)?;
            }
        }
        Ok(())
    }

    fn print(&mut self, line: Result<E, StoreError>) -> Result<(), Failure> {
        match line.context(|| reading::<E>(self.segment)) {
            Ok(entry) => self.out.line(entry.as_json()),
            Err(bad_line) => {
                bad_line.report();
                Ok(())
            }
        }
    }

    /// Polls the log until the program is interrupted.
    fn follow(&mut self) -> Result<Infallible, Failure> {
        let mut is_reported = false;
        loop {
            self.out.flush()?;
            self.out.wait(self.args.interval)?;
            let Err(failure) = self.poll() else {
                is_reported = false;
                continue;
            };
            match failure.store_error() {
                Some(StoreError::NotFound(_)) => self.mark_deleted(),
                // Another program changed the log during the read. Without a head, the next poll
                // compares the lines and continues from the change.
                Some(StoreError::Conflict { .. }) => self.head = None,
                Some(error) if error.is_transient() => {
                    if !is_reported {
                        failure.report();
                    }
                    is_reported = true;
                }
                _ => return Err(failure),
            }
        }
    }

    /// Prints the new entries. If the log was truncated or replaced, prints a message first.
    fn poll(&mut self) -> Result<(), Failure> {
        let head = self.read_head().context(|| reading::<E>(self.segment))?;
        if head.is_some() && head == self.head {
            return Ok(());
        }
        if self.is_deleted {
            self.note("exists again");
            self.is_deleted = false;
        }
        match self.unchanged(head).context(|| reading::<E>(self.segment))? {
            Some(unchanged) if unchanged == self.position => {}
            Some(unchanged) => {
                self.note(&format!(
                    "was truncated or replaced; continuing after entry {unchanged}"
                ));
                self.recent.truncate(unchanged + self.recent.len() - self.position);
                self.position = unchanged;
            }
            None => {
                self.note("was truncated or replaced; continuing with its last entries");
                return self.print_last();
            }
        }
        self.print_after(self.position)?;
        // Store the head that was read before the lines. If the log was replaced after this read,
        // the next poll finds another head and compares the lines.
        self.head = head;
        Ok(())
    }

    fn read_head(&self) -> Result<Option<Head>, StoreError> {
        if self.args.trace {
            return Ok(None);
        }
        let head = self.segment.head()?;
        head.map_or(Err(StoreError::NotFound(self.segment.segment_id())), |head| Ok(Some(head)))
    }

    /// Returns the number of unchanged lines among the lines that were read. Returns `None` if the
    /// oldest remembered line differs.
    ///
    /// If the log has grown and the last line that was read is unchanged, the earlier lines are
    /// assumed to be unchanged too.
    fn unchanged(&self, head: Option<Head>) -> Result<Option<usize>, StoreError> {
        let oldest = self.position - self.recent.len();
        let last = self.position.saturating_sub(1).max(oldest);
        let has_grown = head.is_none_or(|head| head.entries() > self.position);
        if has_grown && self.first_difference(last)? == self.position {
            return Ok(Some(self.position));
        }
        let unchanged = self.first_difference(oldest)?;
        Ok((unchanged > oldest || oldest == 0).then_some(unchanged))
    }

    /// Returns the first position from `start` on where a remembered line differs.
    fn first_difference(&self, start: usize) -> Result<usize, StoreError> {
        let remembered = self.recent.iter().skip(self.recent.len() - (self.position - start));
        let mut position = start;
        for (remembered, line) in remembered.zip(lines::<E>(self.segment, start)) {
            if *remembered != hash_of(&readable(line)?) {
                break;
            }
            position += 1;
        }
        Ok(position)
    }

    /// Forgets the lines of a deleted log. If a log is created in its place, all entries are new.
    fn mark_deleted(&mut self) {
        if !self.is_deleted {
            self.note("was deleted; waiting until it exists again");
        }
        self.is_deleted = true;
        (self.position, self.head) = (0, None);
        self.recent.clear();
    }

    fn note(&self, change: &str) {
        let (key, url) = (self.segment.key(), self.segment.store().url());
        note(&format!("{}{key} in {url} {change}", E::PREFIX));
    }
}

/// Returns whether the log was truncated or replaced while it was read.
fn is_conflict(failure: &Failure) -> bool {
    failure.store_error().is_some_and(StoreError::is_conflict)
}

/// Separates a bad line, which is skipped, from an error that ends the reading.
fn readable<E>(line: Result<E, StoreError>) -> Result<Result<E, StoreError>, StoreError> {
    match line {
        Err(error) if !matches!(error, StoreError::Corrupt { .. }) => Err(error),
        line => Ok(line),
    }
}

/// Returns a hash of the entry's text, or of the message about a bad line.
fn hash_of<E: Line>(line: &Result<E, StoreError>) -> u64 {
    let mut hasher = DefaultHasher::new();
    match line {
        Ok(entry) => entry.as_json().hash(&mut hasher),
        Err(error) => error.to_string().hash(&mut hasher),
    }
    hasher.finish()
}
