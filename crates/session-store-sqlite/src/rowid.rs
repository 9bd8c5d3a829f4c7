//! The rowids of entries.
//!
//! A rowid packs the number of a log and a position in it into one integer. So the entries of a log
//! are neighbors on disk, and finding them needs no index.

use std::ops::RangeInclusive;

/// The highest number of a log. A rowid has the number in its upper 32 bits, and is an `i64` that
/// is not negative.
pub(crate) const MAX_NUMBER: u32 = i32::MAX as u32;

/// Returns the rowid of the entry at `position` (from 0) of log `number`.
///
/// The number must be at most [`MAX_NUMBER`].
pub(crate) fn pack(number: u32, position: u32) -> i64 {
    i64::from(number) << 32 | i64::from(position)
}

/// Returns the rowids of log `number` from `position` on.
pub(crate) fn from_position(number: u32, position: u32) -> RangeInclusive<i64> {
    pack(number, position)..=pack(number, u32::MAX)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0, 0, 0)]
    #[case(0, u32::MAX, 0xffff_ffff)]
    #[case(1, 0, 0x1_0000_0000)]
    #[case(1, 7, 0x1_0000_0007)]
    #[case(MAX_NUMBER, u32::MAX, i64::MAX)]
    fn number_and_position_are_packed(
        #[case] number: u32,
        #[case] position: u32,
        #[case] rowid: i64,
    ) {
        assert_eq!(pack(number, position), rowid);
    }

    #[test]
    fn the_rowids_of_two_logs_do_not_overlap() {
        assert_eq!(from_position(1, 3), 0x1_0000_0003..=0x1_ffff_ffff);
        assert_eq!(from_position(1, 0).end() + 1, *from_position(2, 0).start());
    }
}
