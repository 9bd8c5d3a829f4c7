//! The operations that led to a failure, in the order in which they returned, told shortly.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

/// How many operations are kept, the last ones: those that led to the failure.
const KEPT: usize = 40;

/// How many ids are spelled out; with more of them nobody looks one up.
const SPELLED: usize = 8;

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

    /// What led to the failure, and its message, with ids by their names; and what the names stand for, if
    /// they are few.
    pub(crate) fn story(&self, failure: &str) -> String {
        let steps = self.steps();
        let mut story = steps.by_names(&format!("{failure}\n{steps}"));
        if (1..=SPELLED).contains(&steps.names.len()) {
            let mut ids: Vec<_> = steps.names.iter().map(|(id, name)| (name, id)).collect();
            ids.sort_by_key(|(name, _)| &name[1..]);
            let ids: Vec<_> = ids.iter().map(|(name, id)| format!("{name} {id}")).collect();
            story.push_str(&format!("\nids: {}", ids.join(", ")));
        }
        story
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

    /// The text with the name of each id that has one in its place.
    fn by_names(&self, text: &str) -> String {
        let no_part = |c: char| !c.is_ascii_hexdigit() && c != '-';
        let told = text.split_inclusive(no_part).map(|piece| {
            let id = piece.trim_end_matches(no_part);
            let name = Uuid::try_parse(id).ok().and_then(|id| self.names.get(&id));
            name.map_or_else(|| piece.to_owned(), |name| piece.replacen(id, name, 1))
        });
        told.collect()
    }
}

impl fmt::Display for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.count - self.last.len() + 1;
        write!(f, "operations that led there")?;
        if first > 1 {
            write!(f, " (the last {} of {})", self.last.len(), self.count)?;
        }
        for (step, number) in self.last.iter().zip(first..) {
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
