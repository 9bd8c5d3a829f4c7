//! Random sequences of all operations over several handles, against a model that does one thing at a time;
//! what fails is shrunk to the least that fails. It looks for what nobody thought of.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use session_store_core::{
    Capability, Head, LogEntry, PageBudget, SegmentId, SessionId, Store, StoreError,
};
use uuid::Uuid;

use crate::failure::{Failure, Verdict, ensure, same, same_entries};
use crate::harness::Harness;
use crate::log::Log;
use crate::random::{SEED, seed};
use crate::recorded::Recorded;
use crate::run::Run;
use crate::sample::{numbered, numbered_traces, oddities};

const HANDLES: usize = 3;
const LONGEST: usize = 40;

/// How many sequences are tried.
pub const SEQUENCES: u32 = 60;

/// One step: who does what to which of a few segments.
#[derive(Clone, Debug)]
struct Step {
    handle: usize,
    session: usize,
    segment: usize,
    act: Act,
}

#[derive(Clone, Debug)]
enum Act {
    Append(usize),
    AppendAll(usize, usize),
    Create(usize, usize),
    Truncate(usize),
    AppendIf { stale: bool, entries: usize },
    TruncateIf { stale: bool, entries: usize },
    Trace(usize),
    Delete,
    DeleteSession,
    Page(usize, usize),
    Look,
    Reopen,
}

fn acts() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (0..14usize).prop_map(Act::Append),
        3 => (0..14usize, 0..6usize).prop_map(|(first, len)| Act::AppendAll(first, len)),
        2 => (0..14usize, 0..6usize).prop_map(|(first, len)| Act::Create(first, len)),
        3 => (0..9usize).prop_map(Act::Truncate),
        3 => (any::<bool>(), 0..4usize)
            .prop_map(|(stale, entries)| Act::AppendIf { stale, entries }),
        2 => (any::<bool>(), 0..6usize)
            .prop_map(|(stale, entries)| Act::TruncateIf { stale, entries }),
        1 => (0..9usize).prop_map(Act::Trace),
        1 => Just(Act::Delete),
        1 => Just(Act::DeleteSession),
        2 => (0..9usize, 0..90usize).prop_map(|(start, bytes)| Act::Page(start, bytes)),
        2 => Just(Act::Look),
        1 => Just(Act::Reopen),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0..HANDLES, 0..2usize, 0..3usize, acts());
    let step =
        step.prop_map(|(handle, session, segment, act)| Step { handle, session, segment, act });
    prop::collection::vec(step, 1..LONGEST)
}

/// Tries [`SEQUENCES`] random sequences on a fresh storage each.
///
/// # Errors
/// The shortest sequence found that the store and the model answer differently, with the seed that makes
/// it again.
pub fn agrees_with_the_model(harness: &dyn Harness) -> Result<(), String> {
    let seed = seed();
    let config = Config { cases: SEQUENCES, failure_persistence: None, ..Config::default() };
    let bytes: Vec<_> = seed.to_le_bytes().into_iter().cycle().take(32).collect();
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let tried = TestRunner::new_with_rng(config, random)
        // The data of a sequence that is yet to be shrunk is of no use to anybody and is not kept.
        .run(&steps(), |steps| {
            let failed = |failure: Failure| TestCaseError::fail(failure.to_string());
            played(&Run::new(harness), &steps).map_err(failed)
        });
    match tried {
        Ok(()) => Ok(()),
        Err(TestError::Fail(_, steps)) => {
            // Only the shrunk sequence's own run tells what it was about.
            let story = agrees(harness, &steps).err().unwrap_or_default();
            Err(format!("the store and the model differ\n{story}\nseed: {SEED}={seed}"))
        }
        Err(TestError::Abort(reason)) => Err(format!("the model gave up: {reason}")),
    }
}

fn agrees(harness: &dyn Harness, steps: &[Step]) -> Result<(), String> {
    let run = Run::new(harness);
    match played(&run, steps) {
        Ok(()) => Ok(()),
        Err(failure) => Err(run.into_story(&failure.to_string())),
    }
}

fn played(run: &Run<'_>, steps: &[Step]) -> Verdict {
    let mut handles = run.open_many(HANDLES)?;
    let mut model = Model::default();
    let ids = Ids::new();
    for step in steps {
        if matches!(step.act, Act::Reopen) {
            handles[step.handle] = run.open()?;
            continue;
        }
        model.step(&handles[step.handle], &ids, step)?;
    }
    handles.iter().try_for_each(|store| model.must_be_all_of(store, &ids))
}

/// The few names that all steps share, so that they meet.
struct Ids {
    sessions: [SessionId; 2],
    segments: [SegmentId; 3],
}

impl Ids {
    fn new() -> Self {
        let id = |n: u128| Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + n);
        Self {
            sessions: [1, 2].map(|n| id(n).into()),
            segments: [11, 12, 13].map(|n| id(n).into()),
        }
    }
}

type Key = (SessionId, SegmentId);

/// What the store should hold.
#[derive(Default)]
struct Model {
    logs: BTreeMap<Key, Vec<LogEntry>>,
    traced: BTreeMap<Key, usize>,
    /// A head that was true once, and whether it still is.
    heads: BTreeMap<Key, (Head, bool)>,
}

fn entries(first: usize, len: usize) -> Vec<LogEntry> {
    oddities().into_iter().cycle().skip(first).take(len).collect()
}

fn unsupported<T>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Unsupported { .. }))
}

impl Model {
    fn step(&mut self, store: &Recorded, ids: &Ids, step: &Step) -> Verdict {
        let key = (ids.sessions[step.session], ids.segments[step.segment]);
        let log = Log::known(store, key);
        match step.act {
            Act::Append(n) => {
                let entry = &entries(n, 1)[0];
                log.append(entry)?;
                self.add(key, std::slice::from_ref(entry));
            }
            Act::AppendAll(first, len) => {
                log.append_all(&entries(first, len))?;
                self.add(key, &entries(first, len));
            }
            Act::Create(first, len) => {
                log.create(&entries(first, len))?;
                self.logs.insert(key, entries(first, len));
                self.outdate(key);
            }
            Act::Truncate(len) => self.truncate(&log, len)?,
            Act::AppendIf { stale, entries } => self.append_if(&log, stale, entries)?,
            Act::TruncateIf { stale, entries } => self.truncate_if(&log, stale, entries)?,
            Act::Trace(n) => {
                log.trace(&numbered_traces(n..n + 1)[0])?;
                *self.traced.entry(key).or_default() += 1;
            }
            Act::Delete => self.delete(&log)?,
            Act::DeleteSession => self.delete_session(store, key.0)?,
            Act::Page(start, bytes) => self.page(&log, start, bytes)?,
            Act::Look | Act::Reopen => {}
        }
        self.must_be(&log)
    }

    fn add(&mut self, key: Key, added: &[LogEntry]) {
        if !added.is_empty() {
            self.logs.entry(key).or_default().extend_from_slice(added);
            self.outdate(key);
        }
    }

    /// The log has changed, so a head from before is not its head any more.
    fn outdate(&mut self, key: Key) {
        if let Some((_, current)) = self.heads.get_mut(&key) {
            *current = false;
        }
    }

    fn truncate(&mut self, log: &Log<'_>, len: usize) -> Verdict {
        let result = log.truncate(len);
        match self.logs.get_mut(&log.ids()) {
            None => same(&kind(&result), &"NotFound", "truncating what is not there"),
            Some(entries) if len > entries.len() => {
                same(&kind(&result), &"Corrupt", "truncating past the end")
            }
            Some(entries) => {
                let changed = len < entries.len();
                entries.truncate(len);
                if changed {
                    self.outdate(log.ids());
                }
                same(&kind(&result), &"Ok", "truncating")
            }
        }
    }

    /// The head to expect: the present one, or one that was true before and may not be any more.
    fn expected(&mut self, log: &Log<'_>, stale: bool) -> Result<(Option<Head>, bool), Failure> {
        let epochs = log.store.capabilities().has(Capability::Epoch);
        let known = self.heads.get(&log.ids()).copied();
        if let (true, true, Some((head, current))) = (stale, epochs, known) {
            return Ok((Some(head), current));
        }
        let head = log.head()?;
        if let Some(head) = head {
            self.heads.insert(log.ids(), (head, true));
        }
        Ok((head, true))
    }

    fn append_if(&mut self, log: &Log<'_>, stale: bool, len: usize) -> Verdict {
        let (head, current) = self.expected(log, stale)?;
        let result = log.append_if(head, &numbered(0..len));
        if unsupported(&result) {
            return Ok(());
        }
        if !current {
            return same(&kind(&result), &"Conflict", "append_if with an old head");
        }
        let new = result?;
        let key = log.ids();
        if head.is_none() {
            self.logs.entry(key).or_default();
        }
        self.add(key, &numbered(0..len));
        self.heads.insert(key, (new, true));
        Ok(())
    }

    fn truncate_if(&mut self, log: &Log<'_>, stale: bool, len: usize) -> Verdict {
        let (Some(head), current) = self.expected(log, stale)? else { return Ok(()) };
        let result = log.truncate_if(head, len);
        if unsupported(&result) {
            return Ok(());
        }
        if !current {
            return same(&kind(&result), &"Conflict", "truncate_if with an old head");
        }
        let entries = self.logs.entry(log.ids()).or_default();
        if len > entries.len() {
            return same(&kind(&result), &"Corrupt", "truncate_if past the end");
        }
        entries.truncate(len);
        self.heads.insert(log.ids(), (result?, true));
        Ok(())
    }

    fn delete(&mut self, log: &Log<'_>) -> Verdict {
        let result = log.delete();
        if unsupported(&result) {
            return Ok(());
        }
        let key = log.ids();
        self.outdate(key);
        let (log, traced) = (self.logs.remove(&key), self.traced.remove(&key));
        same(&result?, &(log.is_some() || traced.is_some()), "whether there was anything to delete")
    }

    fn delete_session(&mut self, store: &Recorded, session_id: SessionId) -> Verdict {
        let result = store.delete_session(session_id);
        if unsupported(&result) {
            return Ok(());
        }
        let before = self.logs.len() + self.traced.len();
        self.logs.retain(|key, _| key.0 != session_id);
        self.traced.retain(|key, _| key.0 != session_id);
        let own = self.heads.iter_mut().filter(|(key, _)| key.0 == session_id);
        own.for_each(|(_, (_, current))| *current = false);
        let there = self.logs.len() + self.traced.len() < before;
        same(&result?, &there, "whether there was anything to delete")
    }

    fn page(&self, log: &Log<'_>, start: usize, bytes: usize) -> Verdict {
        let page = log.page(start, bytes);
        let Some(all) = self.logs.get(&log.ids()) else {
            return same(&kind(&page), &"NotFound", "a page of what is not there");
        };
        let mut budget = PageBudget::new(bytes);
        let fits = |entry: &&LogEntry| budget.admits(entry.as_json().len());
        let expected: Vec<_> = all.iter().skip(start).take_while(fits).cloned().collect();
        same_entries(&page?.entries, &expected, "a page")
    }

    fn must_be(&self, log: &Log<'_>) -> Verdict {
        match self.logs.get(&log.ids()) {
            Some(entries) => log.must_hold(entries, "the model's log"),
            None => log.must_be_absent("the model has no such segment"),
        }
    }

    /// Everything that can be asked, of every name that a step may have used.
    fn must_be_all_of(&self, store: &Recorded, ids: &Ids) -> Verdict {
        for session_id in ids.sessions {
            for segment_id in ids.segments {
                self.must_be(&Log::known(store, (session_id, segment_id)))?;
            }
        }
        for segment_id in ids.segments {
            let holder = store.lookup_session_of(segment_id)?;
            let any = ids.sessions.iter().any(|&s| self.logs.contains_key(&(s, segment_id)));
            let right =
                holder.map_or(!any, |session| self.logs.contains_key(&(session, segment_id)));
            let wrong = match holder {
                None => format!("lookup finds no session of {segment_id}, which exists"),
                Some(session) => {
                    format!(
                        "lookup says that session {session} holds {segment_id}, which it does not"
                    )
                }
            };
            ensure!(right, "{wrong}");
        }
        let mut sessions: Vec<_> = self.logs.keys().rev().map(|key| key.0).collect();
        sessions.dedup();
        same(&store.list_sessions()?, &sessions, "the model's sessions")
    }
}

/// The result's kind, as far as the model knows it.
fn kind<T>(result: &Result<T, StoreError>) -> &'static str {
    match result {
        Ok(_) => "Ok",
        Err(StoreError::NotFound(_)) => "NotFound",
        Err(StoreError::Corrupt { .. }) => "Corrupt",
        Err(StoreError::Conflict { .. }) => "Conflict",
        Err(_) => "another error",
    }
}
