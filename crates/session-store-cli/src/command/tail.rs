//! `tail`: the last entries of a log or of a trace, and those that are appended to it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash, Hasher};

use session_store::{Head, LogEntry, StoreError, TraceEntry};

use crate::args::TailArgs;
use crate::exit::Exit;
use crate::failure::{Context, Failure, warn};
use crate::output::Output;
use crate::reader::{Entry, Line, Reader};
use crate::target::Target;

/// How many lines back a log is compared with what it was, when it may have been cut or replaced.
const REMEMBERED: usize = 1000;

pub(crate) fn run(args: &TailArgs, out: &mut Output) -> Result<Exit, Failure> {
    let target = args.target.open()?;
    let tail = Tail {
        target: &target,
        args,
        out,
        position: 0,
        head: None,
        recent: VecDeque::new(),
        is_gone: false,
        is_sound: true,
    };
    if args.trace { tail.run::<TraceEntry>() } else { tail.run::<LogEntry>() }
}

struct Tail<'a> {
    target: &'a Target,
    args: &'a TailArgs,
    out: &'a mut Output,
    /// How many lines of the log are done with.
    position: usize,
    /// The head from before they were read; none if that is not known.
    head: Option<Head>,
    /// What the last lines were.
    recent: VecDeque<u64>,
    is_gone: bool,
    /// Whether all lines were entries.
    is_sound: bool,
}

impl Tail<'_> {
    fn run<T: Entry>(mut self) -> Result<Exit, Failure> {
        self.begin::<T>()?;
        if self.args.follow {
            match self.follow::<T>()? {}
        }
        Ok(if self.is_sound { Exit::Done } else { Exit::Failed })
    }

    /// Prints the last entries. To follow the log, it is good to know more of it.
    fn begin<T: Entry>(&mut self) -> Result<(), Failure> {
        let count = T::count(self.target).context(|| self.operation::<T>())?;
        let first = count.saturating_sub(self.args.entries);
        let known = if self.args.follow { count.saturating_sub(REMEMBERED) } else { first };
        (self.position, self.head) = (first.min(known), None);
        self.recent.clear();
        self.print::<T>(first)
    }

    /// Goes on to the end, and prints what comes after the first so many lines.
    fn print<T: Entry>(&mut self, first: usize) -> Result<(), Failure> {
        let mut lines = Reader::<T>::new(self.target, self.position);
        while let Some(line) = lines.next() {
            let line = line.context(|| self.operation::<T>())?;
            self.remember(digest(&line));
            self.position = lines.position();
            if self.position > first {
                self.tell::<T>(line)?;
            }
        }
        Ok(())
    }

    fn tell<T: Entry>(&mut self, line: Line<T>) -> Result<(), Failure> {
        match line {
            Line::Entry(entry) => self.out.line(entry.as_json()),
            Line::Bad(error) => {
                self.is_sound = false;
                Failure::cannot(self.operation::<T>(), error).report();
                Ok(())
            }
        }
    }

    fn remember(&mut self, line: u64) {
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(line);
    }

    /// Looks again and again, until somebody ends it.
    fn follow<T: Entry>(&mut self) -> Result<Infallible, Failure> {
        let mut is_troubled = false;
        loop {
            self.out.flush()?;
            self.out.wait(self.args.interval)?;
            let Err(failure) = self.look::<T>() else {
                is_troubled = false;
                continue;
            };
            match failure.store_error() {
                Some(StoreError::NotFound(_)) => self.lose::<T>(),
                Some(error) if error.is_transient() => {
                    if !is_troubled {
                        failure.report();
                    }
                    is_troubled = true;
                }
                _ => return Err(failure),
            }
        }
    }

    /// Prints what is new, wherever the log is another one.
    fn look<T: Entry>(&mut self) -> Result<(), Failure> {
        let head = T::head(self.target).context(|| self.operation::<T>())?;
        if head.is_some() && head == self.head {
            return Ok(());
        }
        if self.is_gone {
            self.note::<T>("is there again");
            self.is_gone = false;
        }
        let kept = self.kept::<T>(head).context(|| self.operation::<T>())?;
        match kept {
            Some(kept) if kept == self.position => {}
            Some(kept) => {
                self.note::<T>(&format!("was cut or replaced; going on after entry {kept}"));
                self.recent.truncate(kept + self.recent.len() - self.position);
                self.position = kept;
            }
            None => {
                self.note::<T>("was cut or replaced; going on with its last entries");
                return self.begin::<T>();
            }
        }
        self.print::<T>(self.position)?;
        // The head from before: was the log replaced since, the next look finds another one.
        self.head = head;
        Ok(())
    }

    /// How many of the lines that are done with are still what they were; none if that is too long ago to
    /// tell. A log that has grown, and has its last line where it was, is the same.
    fn kept<T: Entry>(&self, head: Option<Head>) -> Result<Option<usize>, StoreError> {
        let oldest = self.position - self.recent.len();
        let last = self.position.saturating_sub(1).max(oldest);
        let has_grown = head.is_none_or(|head| head.entries() > self.position);
        if has_grown && self.agrees::<T>(last)? == self.position {
            return Ok(Some(self.position));
        }
        let kept = self.agrees::<T>(oldest)?;
        Ok((kept > oldest || oldest == 0).then_some(kept))
    }

    /// Where the lines from `start` on begin to differ from what they were.
    fn agrees<T: Entry>(&self, start: usize) -> Result<usize, StoreError> {
        let known = self.recent.iter().skip(self.recent.len() - (self.position - start));
        let mut end = start;
        for (known, line) in known.zip(Reader::<T>::new(self.target, start)) {
            if *known != digest(&line?) {
                break;
            }
            end += 1;
        }
        Ok(end)
    }

    /// The log is not there any more: should it come again, all of it is new.
    fn lose<T: Entry>(&mut self) {
        if !self.is_gone {
            self.note::<T>("was deleted; waiting for it to come again");
        }
        self.is_gone = true;
        (self.position, self.head) = (0, None);
        self.recent.clear();
    }

    fn note<T: Entry>(&self, what: &str) {
        let Target { store, segment_id, .. } = self.target;
        warn(&format!("{} {segment_id} of {} {what}", T::WHOLE, store.url()));
    }

    fn operation<T: Entry>(&self) -> String {
        self.target.operation(T::WHOLE)
    }
}

/// What a line is, in short.
fn digest<T: Entry>(line: &Line<T>) -> u64 {
    let mut hasher = DefaultHasher::new();
    match line {
        Line::Entry(entry) => entry.as_json().hash(&mut hasher),
        Line::Bad(error) => error.to_string().hash(&mut hasher),
    }
    hasher.finish()
}
