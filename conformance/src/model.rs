//! Runs random sequences of all operations over several handles, and compares the store with a
//! sequential model. A failing sequence is shrunk to a short failing sequence. The sequences cover
//! combinations for which there is no check.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use session_store_core::{
    Capability, Head, LogEntry, SegmentId, SegmentKey, SessionId, Store, StoreError,
};
use uuid::Uuid;

use crate::check::Check;
use crate::check_result::{CheckError, CheckResult, ensure, ensure_entries, ensure_eq};
use crate::recording::RecordingStore;
use crate::run::Run;
use crate::sample::{nth_trace, numbered, page_of, size_of, unusual_entries};
use crate::test_log::TestLog;

const HANDLES: usize = 3;
const MOST_STEPS: usize = 40;

/// The number of sequences.
const SEQUENCES: u32 = 60;

/// One step of a sequence: an action on one of a few segments through one of the handles.
#[derive(Clone, Debug)]
struct Step {
    handle: usize,
    session: usize,
    segment: usize,
    action: Action,
}

#[derive(Clone, Debug)]
enum Action {
    Append(usize),
    AppendAll(usize, usize),
    Create(usize, usize),
    Truncate(usize),
    AppendIf {
        stale: bool,
        entries: usize,
    },
    TruncateIf {
        stale: bool,
        entries: usize,
    },
    Trace(usize),
    Delete,
    DeleteSession,
    Page(usize, usize),
    /// No call. Every step is followed by a comparison of the segment with the model.
    Compare,
    Reopen,
}

fn actions() -> impl Strategy<Value = Action> {
    prop_oneof![
        6 => (0..14usize).prop_map(Action::Append),
        3 => (0..14usize, 0..6usize).prop_map(|(first, len)| Action::AppendAll(first, len)),
        2 => (0..14usize, 0..6usize).prop_map(|(first, len)| Action::Create(first, len)),
        3 => (0..9usize).prop_map(Action::Truncate),
        3 => (any::<bool>(), 0..4usize)
            .prop_map(|(stale, entries)| Action::AppendIf { stale, entries }),
        2 => (any::<bool>(), 0..6usize)
            .prop_map(|(stale, entries)| Action::TruncateIf { stale, entries }),
        1 => (0..9usize).prop_map(Action::Trace),
        1 => Just(Action::Delete),
        1 => Just(Action::DeleteSession),
        2 => (0..9usize, 0..90usize).prop_map(|(start, bytes)| Action::Page(start, bytes)),
        2 => Just(Action::Compare),
        1 => Just(Action::Reopen),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0..HANDLES, 0..2usize, 0..3usize, actions());
    let step = step.prop_map(|(handle, session, segment, action)| Step {
        handle,
        session,
        segment,
        action,
    });
    prop::collection::vec(step, 1..MOST_STEPS)
}

/// The comparison with the model, as a check. The list of checks does not contain this check,
/// because the check tests many clauses and the list names one clause for each check.
pub(crate) const MODEL: Check = Check {
    id: "agrees_with_the_model",
    clause: "all",
    promise: "random calls return the same as those of a simple model",
    requires: &[],
    body: agrees_with_the_model,
};

/// Runs random sequences, each on a fresh storage, and shrinks a failing sequence. Plays
/// the shortest sequence once more on `run`, so that `run` has its report and its data.
fn agrees_with_the_model(run: &Run<'_>) -> CheckResult {
    let config = Config { cases: SEQUENCES, failure_persistence: None, ..Config::default() };
    let bytes: Vec<_> = run.seed().to_le_bytes().into_iter().cycle().take(32).collect();
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let result = TestRunner::new_with_rng(config, random)
        // Do not keep the data of a failed run here, because proptest runs many more sequences
        // while it shrinks the failing sequence.
        .run(&steps(), |steps| {
            let failed = |error: CheckError| TestCaseError::fail(error.to_string());
            play(&Run::new(run.harness()), &steps).map_err(failed)
        });
    let differ = |error| CheckError::new(format!("the store and the model differ\n{error}"));
    match result {
        Ok(()) => Ok(()),
        Err(TestError::Fail(reason, steps)) => {
            // Run the shrunk sequence once more, for its report and its data.
            play(run, &steps).map_err(|error| differ(error.to_string()))?;
            Err(differ(format!("only one of two runs of the same sequence failed: {reason}")))
        }
        Err(TestError::Abort(reason)) => {
            Err(CheckError::new(format!("proptest stopped: {reason}")))
        }
    }
}

fn play(run: &Run<'_>, steps: &[Step]) -> CheckResult {
    let mut handles = run.open_many(HANDLES)?;
    let mut model = Model::default();
    let ids = Ids::new();
    for step in steps {
        if matches!(step.action, Action::Reopen) {
            handles[step.handle] = run.open()?;
            continue;
        }
        model.step(&handles[step.handle], &ids, step)?;
    }
    handles.iter().try_for_each(|store| model.must_be_all_of(store, &ids))
}

/// The ids that all steps share. There are only a few ids, so that steps act on the same segments.
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

/// The expected contents of the store.
#[derive(Default)]
struct Model {
    logs: BTreeMap<SegmentKey, Vec<LogEntry>>,
    traced: BTreeMap<SegmentKey, usize>,
    /// A remembered head for each log, and whether this head is still current.
    heads: BTreeMap<SegmentKey, (Head, bool)>,
}

fn entries(first: usize, len: usize) -> Vec<LogEntry> {
    unusual_entries().into_iter().cycle().skip(first).take(len).collect()
}

fn unsupported<T>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Unsupported { .. }))
}

impl Model {
    fn step(&mut self, store: &RecordingStore, ids: &Ids, step: &Step) -> CheckResult {
        let key = SegmentKey::new(ids.sessions[step.session], ids.segments[step.segment]);
        let log = TestLog::at(store, key);
        match step.action {
            Action::Append(n) => {
                let entry = &entries(n, 1)[0];
                log.append(entry)?;
                self.add(key, std::slice::from_ref(entry));
            }
            Action::AppendAll(first, len) => {
                log.append_all(&entries(first, len))?;
                self.add(key, &entries(first, len));
            }
            Action::Create(first, len) => {
                log.create(&entries(first, len))?;
                self.logs.insert(key, entries(first, len));
                self.outdate(key);
            }
            Action::Truncate(len) => self.truncate(&log, len)?,
            Action::AppendIf { stale, entries } => self.append_if(&log, stale, entries)?,
            Action::TruncateIf { stale, entries } => self.truncate_if(&log, stale, entries)?,
            Action::Trace(n) => {
                log.append_trace(&nth_trace(n))?;
                *self.traced.entry(key).or_default() += 1;
            }
            Action::Delete => self.delete(&log)?,
            Action::DeleteSession => self.delete_session(store, key.session_id)?,
            Action::Page(start, bytes) => self.page(&log, start, bytes)?,
            Action::Compare | Action::Reopen => {}
        }
        self.must_be(&log)
    }

    fn add(&mut self, key: SegmentKey, added: &[LogEntry]) {
        if !added.is_empty() {
            self.logs.entry(key).or_default().extend_from_slice(added);
            self.outdate(key);
        }
    }

    /// Records a change of the log. Its remembered head is then no longer current.
    fn outdate(&mut self, key: SegmentKey) {
        if let Some((_, current)) = self.heads.get_mut(&key) {
            *current = false;
        }
    }

    fn truncate(&mut self, log: &TestLog<'_>, len: usize) -> CheckResult {
        let result = log.truncate(len);
        match self.logs.get_mut(&log.key()) {
            None => ensure_eq(&kind(&result), &"NotFound", "truncate of an unknown segment"),
            Some(entries) if len > entries.len() => {
                ensure_eq(&kind(&result), &"Corrupt", "truncate past the end")
            }
            Some(entries) => {
                let changed = len < entries.len();
                entries.truncate(len);
                if changed {
                    self.outdate(log.key());
                }
                ensure_eq(&kind(&result), &"Ok", "truncate")
            }
        }
    }

    /// Returns the head to pass as the expected head, and whether this head is current. If `stale`
    /// is set and the store has epochs, returns the remembered head, if there is one.
    fn expected(
        &mut self,
        log: &TestLog<'_>,
        stale: bool,
    ) -> Result<(Option<Head>, bool), CheckError> {
        let epochs = log.store().capabilities().has(Capability::Epoch);
        let known = self.heads.get(&log.key()).copied();
        if let (true, true, Some((head, current))) = (stale, epochs, known) {
            return Ok((Some(head), current));
        }
        let head = log.head()?;
        if let Some(head) = head {
            self.heads.insert(log.key(), (head, true));
        }
        Ok((head, true))
    }

    fn append_if(&mut self, log: &TestLog<'_>, stale: bool, len: usize) -> CheckResult {
        let (head, current) = self.expected(log, stale)?;
        let result = log.append_if(head, &numbered(0..len));
        if unsupported(&result) {
            return Ok(());
        }
        if !current {
            return ensure_eq(&kind(&result), &"Conflict", "append_if with an old head");
        }
        let new = result?;
        let key = log.key();
        if head.is_none() {
            self.logs.entry(key).or_default();
        }
        self.add(key, &numbered(0..len));
        self.heads.insert(key, (new, true));
        Ok(())
    }

    fn truncate_if(&mut self, log: &TestLog<'_>, stale: bool, len: usize) -> CheckResult {
        let (Some(head), current) = self.expected(log, stale)? else { return Ok(()) };
        let result = log.truncate_if(head, len);
        if unsupported(&result) {
            return Ok(());
        }
        if !current {
            return ensure_eq(&kind(&result), &"Conflict", "truncate_if with an old head");
        }
        let entries = self.logs.entry(log.key()).or_default();
        if len > entries.len() {
            return ensure_eq(&kind(&result), &"Corrupt", "truncate_if past the end");
        }
        entries.truncate(len);
        self.heads.insert(log.key(), (result?, true));
        Ok(())
    }

    fn delete(&mut self, log: &TestLog<'_>) -> CheckResult {
        let result = log.delete();
        if unsupported(&result) {
            return Ok(());
        }
        let key = log.key();
        self.outdate(key);
        let (log, traced) = (self.logs.remove(&key), self.traced.remove(&key));
        ensure_eq(&result?, &(log.is_some() || traced.is_some()), "whether anything was deleted")
    }

    fn delete_session(&mut self, store: &RecordingStore, session_id: SessionId) -> CheckResult {
        let result = store.delete_session(session_id);
        if unsupported(&result) {
            return Ok(());
        }
        let before = self.logs.len() + self.traced.len();
        self.logs.retain(|key, _| key.session_id != session_id);
        self.traced.retain(|key, _| key.session_id != session_id);
        let own = self.heads.iter_mut().filter(|(key, _)| key.session_id == session_id);
        own.for_each(|(_, (_, current))| *current = false);
        let there = self.logs.len() + self.traced.len() < before;
        ensure_eq(&result?, &there, "whether anything was deleted")
    }

    fn page(&self, log: &TestLog<'_>, start: usize, bytes: usize) -> CheckResult {
        let page = log.read_page(start, bytes);
        let Some(all) = self.logs.get(&log.key()) else {
            return ensure_eq(&kind(&page), &"NotFound", "a page of an unknown segment");
        };
        let expected = page_of(all, start, bytes);
        ensure_entries(&page?.entries, &expected, "a page")
    }

    fn must_be(&self, log: &TestLog<'_>) -> CheckResult {
        let Some(entries) = self.logs.get(&log.key()) else {
            ensure_eq(&log.info()?, &None, "the facts of a segment that the model does not have")?;
            return log.must_be_absent("the model has no such segment");
        };
        log.must_hold(entries, "the model's log")?;
        let info = log.info()?;
        ensure_eq(&info.map(|info| info.head), &log.head()?, "the head in the facts")?;
        let size = info.and_then(|info| info.bytes).unwrap_or(size_of(entries));
        ensure_eq(&size, &size_of(entries), "the size in the facts")
    }

    /// Compares logs, traces, facts and listings with the model, for every id that a step may have
    /// used.
    fn must_be_all_of(&self, store: &RecordingStore, ids: &Ids) -> CheckResult {
        for session_id in ids.sessions {
            for segment_id in ids.segments {
                self.must_be(&TestLog::at(store, SegmentKey { session_id, segment_id }))?;
            }
        }
        for segment_id in ids.segments {
            let holder = store.lookup_session_of(segment_id)?;
            let holds = |session_id| self.logs.contains_key(&SegmentKey { session_id, segment_id });
            let exists = ids.sessions.into_iter().any(holds);
            match holder {
                None => ensure!(!exists, "lookup finds no session of {segment_id}, which exists"),
                Some(session) => ensure!(
                    holds(session),
                    "lookup returns session {session}, which does not hold {segment_id}"
                ),
            }
        }
        let mut sessions: Vec<_> = self.logs.keys().rev().map(|key| key.session_id).collect();
        sessions.dedup();
        ensure_eq(&store.list_sessions()?, &sessions, "the model's sessions")
    }
}

/// Returns the kind of a result, as far as the model predicts it.
fn kind<T>(result: &Result<T, StoreError>) -> &'static str {
    match result {
        Ok(_) => "Ok",
        Err(StoreError::NotFound(_)) => "NotFound",
        Err(StoreError::Corrupt { .. }) => "Corrupt",
        Err(StoreError::Conflict { .. }) => "Conflict",
        Err(_) => "another error",
    }
}
