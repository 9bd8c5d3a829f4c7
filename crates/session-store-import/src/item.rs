//! `Item`: a log, trace or pod to store, or the report of a file that cannot be read. Also
//! determines the order in which items are stored.

use std::cmp::Reverse;
use std::collections::HashMap;

use session_store_core::SegmentKey;

use crate::format::FileKind;
use crate::report::UnitReport;
use crate::unit::Unit;

/// A unit (a log, trace or pod in a file), or the report of a file that cannot be read.
#[derive(Debug)]
pub(crate) enum Item {
    Unit(Box<Unit>),
    Report(Box<UnitReport>),
}

impl Item {
    pub(crate) fn report(report: UnitReport) -> Self {
        Self::Report(Box::new(report))
    }

    /// Returns the segment of a log or trace, and whether the item is a trace.
    fn key(&self) -> Option<(SegmentKey, bool)> {
        match self {
            Self::Unit(unit) => Some((unit.identity.as_ref()?.key, unit.kind == FileKind::Trace)),
            Self::Report(_) => None,
        }
    }

    /// Returns the rank of a file among the files of one segment. The longest file comes first,
    /// because the other files are probably prefixes of the longest file. Compressed files come
    /// last, because their size does not show the length of the content.
    fn rank(&self) -> (bool, Reverse<u64>) {
        match self {
            Self::Unit(unit) => (unit.is_compressed, Reverse(unit.file.bytes)),
            Self::Report(_) => (false, Reverse(0)),
        }
    }
}

/// Groups the files by segment. The groups have the order of the first file of each group.
pub(crate) fn groups(items: Vec<Item>) -> Vec<Vec<Item>> {
    let mut places = HashMap::new();
    let mut groups: Vec<Vec<Item>> = Vec::new();
    for item in items {
        let new = groups.len();
        let place = item.key().map_or(new, |key| *places.entry(key).or_insert(new));
        match groups.get_mut(place) {
            Some(group) => group.push(item),
            None => groups.push(vec![item]),
        }
    }
    for group in &mut groups {
        group.sort_by_key(Item::rank);
    }
    groups
}
