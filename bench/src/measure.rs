//! Timing, and statistics of times.
//!
//! The sides of a comparison take turns, so that other work of the machine affects all of them
//! equally.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::{Done, Fallible};

/// One side of a comparison: runs a batch of operations and returns its time. The time does not
/// include preparations.
pub(crate) type Side<'a> = Box<dyn FnMut() -> Fallible<Duration> + 'a>;

/// Runs a batch of each side in every round. Returns, for each side, the seconds of each round.
///
/// The side that runs first changes from round to round. The first round warms up and is not
/// counted.
pub(crate) fn in_turn<const N: usize>(
    rounds: usize,
    mut sides: [Side<'_>; N],
) -> Fallible<[Vec<f64>; N]> {
    let mut seconds = [const { Vec::new() }; N];
    for round in 0..=rounds {
        for step in 0..N {
            let at = (round + step) % N;
            let time = sides[at]()?;
            if round > 0 {
                seconds[at].push(time.as_secs_f64());
            }
        }
    }
    Ok(seconds)
}

/// Returns the time of the work. The time does not include dropping its result.
pub(crate) fn timed<T>(work: impl FnOnce() -> Fallible<T>) -> Fallible<Duration> {
    let start = Instant::now();
    let done = work()?;
    let time = start.elapsed();
    drop(done);
    Ok(time)
}

/// Runs the work in several threads at once, with the number of each thread.
///
/// Returns the time from the first thread's start to the last thread's end.
pub(crate) fn in_parallel(
    threads: usize,
    work: impl Fn(usize) -> Done + Sync,
) -> Fallible<Duration> {
    let start = Barrier::new(threads);
    let one = |thread| {
        start.wait();
        let begin = Instant::now();
        work(thread).map(|()| (begin, Instant::now()))
    };
    let one = &one;
    let spans = thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|thread| scope.spawn(move || one(thread))).collect();
        let joined = running.into_iter().map(|thread| thread.join().expect("no thread panics"));
        joined.collect::<Fallible<Vec<_>>>()
    })?;
    let begin = spans.iter().map(|span| span.0).min();
    let end = spans.iter().map(|span| span.1).max();
    Ok(begin.zip(end).map_or(Duration::ZERO, |(begin, end)| end - begin))
}

/// The median of several values, and their lower and upper quartile.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) low: f64,
    pub(crate) median: f64,
    pub(crate) high: f64,
}

impl Spread {
    /// Returns the spread of any number of values. The spread of no values is NaN.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let [low, median, high] = [0.25, 0.5, 0.75].map(|share| quantile(&values, share));
        Self { low, median, high }
    }

    /// Returns the spread of one exact value.
    pub(crate) fn exactly(value: f64) -> Self {
        Self { low: value, median: value, high: value }
    }
}

/// Returns a quantile of sorted values, interpolated between two of them.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = share * last as f64;
    let [below, above] = [place.floor(), place.ceil()].map(|at| sorted[at as usize]);
    below + (above - below) * place.fract()
}

pub(crate) fn median(values: &[f64]) -> f64 {
    Spread::of(values.iter().copied()).median
}

/// Divides the two times of each round, and returns the spread of the quotients.
pub(crate) fn quotients(dividends: &[f64], divisors: &[f64]) -> Spread {
    Spread::of(dividends.iter().zip(divisors).map(|(dividend, divisor)| dividend / divisor))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(&[3.0], [3.0, 3.0, 3.0])]
    #[case(&[4.0, 2.0], [2.5, 3.0, 3.5])]
    #[case(&[5.0, 1.0, 4.0, 2.0, 3.0], [2.0, 3.0, 4.0])]
    fn a_spread_is_the_quartiles(#[case] values: &[f64], #[case] quartiles: [f64; 3]) {
        let [low, median, high] = quartiles;
        assert_eq!(Spread::of(values.iter().copied()), Spread { low, median, high });
    }

    #[test]
    fn the_spread_of_no_values_is_nan() {
        assert!(Spread::of([]).median.is_nan());
    }

    #[test]
    fn the_times_of_the_same_round_are_divided() {
        assert_eq!(quotients(&[1.0, 20.0, 300.0], &[2.0, 40.0, 300.0]).median, 0.5);
    }

    #[test]
    fn sides_take_turns_and_the_first_round_does_not_count() {
        let calls = &RefCell::new(String::new());
        let side = |name: char, seconds: u64| -> Side<'_> {
            Box::new(move || {
                calls.borrow_mut().push(name);
                Ok(Duration::from_secs(seconds))
            })
        };
        let times = in_turn(3, [side('a', 1), side('b', 2)]).unwrap();
        assert_eq!(times, [vec![1.0; 3], vec![2.0; 3]]);
        assert_eq!(*calls.borrow(), "abbaabba");
    }

    #[test]
    fn a_side_that_fails_ends_the_comparison() {
        assert!(in_turn(3, [Box::new(|| Err("no".into())) as Side<'_>]).is_err());
    }

    #[test]
    fn threads_work_at_once() {
        // No thread passes the barrier before all three have started.
        let all = Barrier::new(3);
        let work = |_| {
            all.wait();
            Ok(())
        };
        assert!(in_parallel(3, work).is_ok());
    }
}
