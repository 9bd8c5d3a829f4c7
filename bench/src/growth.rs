//! What must not grow: the time of one operation, over storages of several sizes.

use crate::finding::{Detail, Finding, Goal, Unit};
use crate::measure::{Spread, median, quotients};

/// How much longer an operation may take in the largest storage than in the smallest to count as flat.
const FLAT: Goal = Goal::AtMost(2.0);

/// Sizes of which each is ten times the one before.
pub(crate) fn tenfold<const N: usize>(first: usize) -> [usize; N] {
    let mut next = first;
    [(); N].map(|()| {
        let size = next;
        next *= 10;
        size
    })
}

/// The times of one operation in storages of several sizes, of rounds of so many operations.
pub(crate) struct Series {
    pub(crate) what: &'static str,
    pub(crate) sizes: [usize; 4],
    pub(crate) operations: usize,
    pub(crate) times: [Vec<f64>; 4],
}

impl Series {
    /// By how much the operation takes longer than in the smallest storage, where that is most.
    pub(crate) fn growth(&self, bench: &'static str) -> Finding {
        let slower = self.times.iter().skip(1).map(|larger| quotients(larger, &self.times[0]));
        self.finding(bench, Unit::Times, Some(FLAT), slower)
    }

    /// How long the operation takes in the storage where it takes longest.
    pub(crate) fn slowest(&self, bench: &'static str, goal: Goal) -> Finding {
        let each =
            |times: &Vec<f64>| Spread::of(times.iter().map(|time| time / self.operations as f64));
        self.finding(bench, Unit::Seconds, Some(goal), self.times.iter().map(each))
    }

    fn finding(
        &self,
        bench: &'static str,
        unit: Unit,
        goal: Option<Goal>,
        figures: impl Iterator<Item = Spread>,
    ) -> Finding {
        let most = figures.max_by(|a, b| a.median.total_cmp(&b.median));
        let figure = most.unwrap_or(Spread::of([]));
        Finding { bench, what: self.what.to_owned(), figure, unit, goal, details: self.each_size() }
    }

    fn each_size(&self) -> Vec<Detail> {
        let detail = |(size, times): (&usize, &Vec<f64>)| {
            Detail::seconds(format!("{size}:"), median(times) / self.operations as f64)
        };
        self.sizes.iter().zip(&self.times).map(detail).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series() -> Series {
        let times = [[1.0, 1.0], [5.0, 5.0], [3.0, 3.0], [1.0, 1.0]].map(Vec::from);
        Series { what: "exists", sizes: tenfold(1), operations: 10, times }
    }

    #[test]
    fn growth_is_told_of_the_worst_size() {
        let finding = series().growth("fs/entries");
        assert_eq!(finding.shown(), "5.00×");
        assert_eq!(finding.verdict(), "no");
        assert_eq!(finding.explained(), "1: 100 ms, 10: 500 ms, 100: 300 ms, 1000: 100 ms");
    }

    #[test]
    fn the_slowest_is_told_in_seconds() {
        let finding = series().slowest("fs/entries", Goal::AtMost(0.5));
        assert_eq!(finding.shown(), "500 ms");
        assert_eq!(finding.verdict(), "yes");
    }

    #[test]
    fn sizes_are_ten_times_the_one_before() {
        assert_eq!(tenfold::<4>(100), [100, 1000, 10_000, 100_000]);
    }
}
