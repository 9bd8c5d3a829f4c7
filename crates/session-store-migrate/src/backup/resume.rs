//! `Resume`: remembers where the last pages of logs and traces ended.

use std::collections::VecDeque;

/// The number of places at which a later page can resume.
const RESUMABLE: usize = 64;

/// The places at which recently read pages ended. The next page of a log usually begins at such a
/// place. Without the place, a read of this page would have to read all earlier lines of the log.
#[derive(Debug, Default)]
pub(super) struct Resume(VecDeque<Place>);

/// The place of a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The number of the member.
    pub(super) member: usize,
    /// The number of entries before the place.
    pub(super) entries: usize,
    /// The position of the line in the content of all frames.
    pub(super) position: u64,
}

impl Resume {
    /// Returns the last known place in the member that is not after the entry.
    pub(super) fn find(&self, member: usize, entry: usize) -> Option<Place> {
        let known = self.0.iter().filter(|place| place.member == member && place.entries <= entry);
        known.max_by_key(|place| place.entries).copied()
    }

    pub(super) fn add(&mut self, place: Place) {
        self.0.truncate(RESUMABLE - 1);
        self.0.push_front(place);
    }
}
