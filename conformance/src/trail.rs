//! The operations that led to a failure, in the order in which they returned, told shortly.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

/// How many operations are kept, the last ones: those that led to the failure.
const KEPT: usize = 40;

/// The record of one check. Ids appear as `s1`, `g2`, in the order of their first appearance.
#[derive(Default)]
pub(crate) struct Trail(Mutex<Steps>);

#[derive(Default)]
struct Steps {
    last: VecDeque<String>,
    count: usize,
    handles: usize,
    names: HashMap<Uuid, String>,
}

impl Trail {
    fn steps(&self) -> MutexGuard<'_, Steps> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of a newly opened handle.
    pub(crate) fn next_handle(&self) -> usize {
        let mut steps = self.steps();
        steps.handles += 1;
        steps.handles
    }

    pub(crate) fn record(&self, step: String) {
        self.steps().record(step);
    }

    /// Records a call with the ids that it names.
    pub(crate) fn record_call(&self, call: &Call<'_>, result: &str) {
        let mut steps = self.steps();
        let session = call.session.map(|id| steps.name("s", id));
        let segment = call.segment.map(|id| steps.name("g", id));
        let arguments = [session, segment, call.arguments.clone()];
        let arguments: Vec<_> = arguments.into_iter().flatten().collect();
        let step = format!("#{} {}({}) -> {result}", call.handle, call.name, arguments.join(", "));
        steps.record(step);
    }
}

impl Steps {
    fn record(&mut self, step: String) {
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        self.last.push_back(step);
        self.count += 1;
    }

    fn name(&mut self, letter: &str, id: Uuid) -> String {
        let next = self.names.len() + 1;
        self.names.entry(id).or_insert_with(|| format!("{letter}{next}")).clone()
    }
}

impl fmt::Display for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = self.steps();
        let first = steps.count - steps.last.len() + 1;
        write!(f, "operations that led there")?;
        if first > 1 {
            write!(f, " (the last {} of {})", steps.last.len(), steps.count)?;
        }
        for (step, number) in steps.last.iter().zip(first..) {
            write!(f, "\n  {number:>4}. {step}")?;
        }
        Ok(())
    }
}

/// A call on a handle, before its result.
pub(crate) struct Call<'a> {
    pub(crate) handle: usize,
    pub(crate) name: &'a str,
    pub(crate) session: Option<Uuid>,
    pub(crate) segment: Option<Uuid>,
    pub(crate) arguments: Option<String>,
}
