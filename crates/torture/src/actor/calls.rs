//! Faults in system calls: the k-th system call of an operation fails, or kills the process.
//!
//! The operation is traced once without a fault, to find its system calls. Then there is one run
//! for each of these system calls, in which this system call fails. `strace` counts the calls of
//! each name from the start of the process.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use session_store::Store;
use session_store_conformance::Effect;
use tempfile::TempDir;

use crate::audit::{Survives, audit};
use crate::budget::Budget;
use crate::process;
use crate::report::{Tally, Violation};
use crate::round::Round;
use crate::subject::{Subject, open_or_create};
use crate::target::{Change, Kind};
use crate::writer::{Rules, Writer};

/// The system calls that change files or make changes durable.
const CALLS: &str = "write,writev,pwrite64,fsync,fdatasync,ftruncate,rename,renameat,renameat2,\
                     link,linkat,unlink,unlinkat,mkdir,mkdirat,openat";

/// A text in a trace of `strace`. With this text, the process reports to its parent that it has
/// started a call.
const STARTED: &str = r#"\"started\":true"#;

/// A large prime number. The points (the possible faults) are visited in steps of this length,
/// modulo the number of points. The number of points is not a multiple of the prime, so every point
/// is visited before one is visited again.
const STEP: usize = 7_919;

/// The longest time for which a process can continue after the end of its `strace`.
const LONGEST_END: Duration = Duration::from_secs(60);

/// A fault in one system call of an operation.
#[derive(Clone, Debug)]
struct Point {
    kind: Kind,
    change: Change,
    call: String,
    /// The number of the system call among all calls of the same name.
    number: usize,
    fault: &'static str,
}

/// Makes system calls fail until the budget is used up.
pub(crate) fn run(subject: &Subject, budget: &mut Budget) -> Result<Tally, Violation> {
    let mut total = Tally::default();
    let points = points(subject, budget)?;
    let first = budget.random().below(points.len());
    for n in 0.. {
        if !budget.has_more(total.faults) {
            break;
        }
        let point = &points[(first + n * STEP) % points.len()];
        let tally = inject(subject, point, budget)
            .map_err(|violation| violation.with_context(&format!("{point:?}")))?;
        total.add(&tally);
    }
    Ok(total)
}

/// Returns every fault of every system call of every operation.
fn points(subject: &Subject, budget: &mut Budget) -> Result<Vec<Point>, Violation> {
    let kinds =
        if subject.has_pods() { &[Kind::Log, Kind::Trace, Kind::Pod][..] } else { &[Kind::Log] };
    let mut points = Vec::new();
    for &kind in kinds {
        for &change in Change::of(kind) {
            let run = Run::prepare(subject, budget)?;
            run.make(subject, kind, change, "trace=none", budget)?;
            for (call, number) in run.calls()? {
                for fault in ["error=EIO", "error=ENOSPC", "signal=KILL"] {
                    points.push(Point { kind, change, call: call.clone(), number, fault });
                }
            }
        }
    }
    // Panic instead of returning an error, because an error would count as a planted bug that was
    // caught.
    assert!(!points.is_empty(), "the traces of strace show no system call");
    Ok(points)
}

fn inject(subject: &Subject, point: &Point, budget: &mut Budget) -> Result<Tally, Violation> {
    let run = Run::prepare(subject, budget)?;
    let fault = format!("inject={}:{}:when={}", point.call, point.fault, point.number);
    let effect = run.make(subject, point.kind, point.change, &fault, budget)?;
    if effect == Some(Effect::Applied) && run.has_failed_sync()? {
        return Err(Violation::new("a change was acknowledged although its sync failed"));
    }
    run.round.count(|tally| tally.faults += 1);
    let tally = run.round.result()?;
    audit(&*open(&run.address)?, &run.round, Survives::All)?;
    Ok(tally)
}

/// Opens the storage.
///
/// A process can end later than the `strace` that started the process. Until the process ends, its
/// exclusive handle prevents another exclusive handle. So wait for the end of the process.
fn open(address: &str) -> Result<Box<dyn Store>, Violation> {
    let begun = Instant::now();
    loop {
        match open_or_create(address) {
            Err(error) if error.is_transient() && begun.elapsed() < LONGEST_END => {
                thread::sleep(Duration::from_millis(1));
            }
            opened => return opened.map_err(|error| Violation::failed("open", &error)),
        }
    }
}

/// A storage with some entries in each target.
struct Run {
    folder: TempDir,
    address: String,
    round: Round,
}

impl Run {
    fn prepare(subject: &Subject, budget: &mut Budget) -> Result<Self, Violation> {
        let folder =
            TempDir::new().map_err(|error| Violation::failed("create a folder", &error))?;
        let address = subject.address(&folder.path().join("storage"));
        let round = Round::first(budget.next_round(), 1, subject.has_pods());
        let store = open_or_create(&address).map_err(|error| Violation::failed("open", &error))?;
        let contents = audit(&*store, &round, Survives::All)?;
        let round = round.next(contents);
        let contents = audit(&*store, &round, Survives::All)?;
        Ok(Self { folder, address, round: round.next(contents) })
    }

    fn trace(&self) -> std::path::PathBuf {
        self.folder.path().join("trace")
    }

    /// Makes a change in a process under `strace`. Returns the effect of the change.
    fn make(
        &self,
        subject: &Subject,
        kind: Kind,
        change: Change,
        fault: &str,
        budget: &mut Budget,
    ) -> Result<Option<Effect>, Violation> {
        let rules = Rules {
            ends_when_unknown: false,
            can_be_refused: true,
            in_parts: subject.stores_in_parts(),
            syncs: false,
            has_large_logs: false,
            only_reads: false,
        };
        let process = process::start_as(under_strace(&self.trace(), fault)?, &self.address)?;
        let target = self.round.targets.iter().find(|target| target.kind == kind);
        let target = target.expect("a round has a target of each kind");
        let mut writer = Writer::new(&process, &self.round, 0, rules, budget.random());
        // The first append of an exclusive handle takes the lock. The second append does not take
        // it, so test a second append too.
        if subject.is_exclusive && change == Change::Append {
            writer.make(target, change);
        }
        writer.make(target, change);
        let last = target.history.events().pop();
        Ok(last.map(|event| event.effect).filter(|_| change != Change::Repair))
    }

    /// Returns whether the sync of a file with entries failed.
    ///
    /// Other failed syncs do not count, because a change can be acknowledged after such a failure.
    /// The file store loses no entry if it loses its sidecar files. SQLite ignores a failed sync of
    /// the database's folder.
    fn has_failed_sync(&self) -> Result<bool, Violation> {
        let storage = format!("<{}", self.folder.path().join("storage").display());
        let holds_entries =
            |line: &str| line.contains(&storage) && !line.contains("/.session-store");
        let is_failed = |line: &str| line.contains("sync(") && line.ends_with("(INJECTED)");
        Ok(self.read_trace()?.lines().any(|line| is_failed(line) && holds_entries(line)))
    }

    fn read_trace(&self) -> Result<String, Violation> {
        fs::read_to_string(self.trace())
            .map_err(|error| Violation::failed("read the trace", &error))
    }

    /// Returns the system calls of the change, each with its number among all calls of the same
    /// name.
    fn calls(&self) -> Result<Vec<(String, usize)>, Violation> {
        let trace = self.read_trace()?;
        let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
        let (mut started, mut calls) = (0, Vec::new());
        for line in trace.lines() {
            let Some((name, _)) = line.split_once('(') else { continue };
            let number = numbers.entry(name).or_default();
            *number += 1;
            started += usize::from(line.contains(STARTED));
            // The process has opened the storage when it writes `STARTED` for the first time. The
            // system calls after the second time belong to the change.
            if started > 1 && !line.starts_with("write(1<") {
                calls.push((name.to_owned(), *number));
            }
        }
        Ok(calls)
    }
}

fn under_strace(trace: &Path, fault: &str) -> Result<Command, Violation> {
    let program =
        std::env::current_exe().map_err(|error| Violation::failed("find the program", &error))?;
    let mut strace = Command::new("strace");
    strace.args(["-y", "-qqq", "-o"]).arg(trace).args(["-e", &format!("trace={CALLS}")]);
    if fault.starts_with("inject") {
        strace.args(["-e", fault]);
    }
    // `strace` observes only one thread.
    strace.arg(program).args([process::WRITER, process::IN_ORDER]);
    Ok(strace)
}
