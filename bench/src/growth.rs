//! Compares the time of one operation in storages of several sizes. The time must not increase with
//! the size.

use crate::measure::{Spread, median, quotients};
use crate::measurement::{Detail, Goal, Measurement, Unit};

/// The goal for times that must not grow. Two times with a ratio of up to 2 count as equal.
const FLAT: Goal = Goal::AtMost(2.0);

/// Returns sizes in ascending order. Each size is ten times the size before it.
pub(crate) fn tenfold<const N: usize>(first: usize) -> [usize; N] {
    let mut next = first;
    [(); N].map(|()| {
        let size = next;
        next *= 10;
        size
    })
}

/// The times of rounds of the same operation, in storages of several sizes.
pub(crate) struct Series {
    pub(crate) what: &'static str,
    pub(crate) sizes: [usize; 4],
    /// The number of operations in each round.
    pub(crate) operations: usize,
    /// For each size, the time of each round in seconds.
    pub(crate) times: [Vec<f64>; 4],
}

impl Series {
    /// Returns the largest ratio of the time in a storage to the time in the smallest storage.
    pub(crate) fn growth(&self) -> Measurement {
        let slower = self.times.iter().skip(1).map(|larger| quotients(larger, &self.times[0]));
        self.measurement(Unit::Times, Some(FLAT), slower)
    }

    /// Returns the time of the operation in the storage where it is longest.
    pub(crate) fn slowest(&self, goal: Goal) -> Measurement {
        let each =
            |times: &Vec<f64>| Spread::of(times.iter().map(|time| time / self.operations as f64));
        self.measurement(Unit::Seconds, Some(goal), self.times.iter().map(each))
    }

    fn measurement(
        &self,
        unit: Unit,
        goal: Option<Goal>,
        figures: impl Iterator<Item = Spread>,
    ) -> Measurement {
        let most = figures.max_by(|a, b| a.median.total_cmp(&b.median));
        let figure = most.unwrap_or(Spread::of([]));
        Measurement { what: self.what.to_owned(), figure, unit, goal, details: self.each_size() }
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
    fn growth_is_the_largest_ratio() {
        let measurement = series().growth();
        assert_eq!(measurement.shown(), "5.00×");
        assert_eq!(measurement.verdict(), "no");
        assert_eq!(measurement.explained(), "1: 100 ms, 10: 500 ms, 100: 300 ms, 1000: 100 ms");
    }

    #[test]
    fn the_slowest_time_is_in_seconds() {
        let measurement = series().slowest(Goal::AtMost(0.5));
        assert_eq!(measurement.shown(), "500 ms");
        assert_eq!(measurement.verdict(), "yes");
    }

    #[test]
    fn sizes_are_ten_times_the_one_before() {
        assert_eq!(tenfold::<4>(100), [100, 1000, 10_000, 100_000]);
    }
}
