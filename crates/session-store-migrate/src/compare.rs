//! Compares two sequences of entries in one pass. Holds only one entry of each sequence in memory.

use session_store_core::{Entry, StoreError};

use crate::comparison::{Comparison, Difference};
use crate::digest::LineHasher;
use crate::error::Failure;
use crate::side::Side;

/// Compares two sequences of entries.
///
/// `on_equal` is called with the text of each equal entry. If a read fails, `operation` names the
/// read in the error.
pub(crate) fn compare<T: Entry>(
    mut source: impl Iterator<Item = Result<T, StoreError>>,
    mut destination: impl Iterator<Item = Result<T, StoreError>>,
    operation: &str,
    mut on_equal: impl FnMut(&str),
) -> Comparison {
    let mut equal = LineHasher::default();
    loop {
        let pair = match next(&mut source, Side::Source, operation)
            .and_then(|a| Ok((a, next(&mut destination, Side::Destination, operation)?)))
        {
            Ok(pair) => pair,
            Err(failure) => return Comparison::Failed(failure),
        };
        let entries = equal.lines;
        let difference = match &pair {
            (None, None) => {
                let bytes = equal.bytes - entries as u64;
                return Comparison::Equal { entries, bytes, hash: equal.finish() };
            }
            (Some(_), None) => Some(Difference::Ends { side: Side::Destination, entries }),
            (None, Some(_)) => Some(Difference::Ends { side: Side::Source, entries }),
            (Some(a), Some(b)) => Difference::between(entries + 1, a.as_json(), b.as_json()),
        };
        if let Some(difference) = difference {
            return Comparison::Differs(difference);
        }
        if let (Some(entry), _) = pair {
            equal.add_line(entry.as_json());
            on_equal(entry.as_json());
        }
    }
}

fn next<T>(
    entries: &mut impl Iterator<Item = Result<T, StoreError>>,
    side: Side,
    operation: &str,
) -> Result<Option<T>, Failure> {
    entries.next().transpose().map_err(Failure::of(side, operation))
}
