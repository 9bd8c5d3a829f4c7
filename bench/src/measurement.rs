//! A measurement, its goal, and whether it reaches the goal.

use std::fmt;

use serde::Serialize;

use crate::measure::{Spread, median, quotients};

/// One line of the result: a measurement, and the name of its benchmark.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) bench: &'static str,
    #[serde(flatten)]
    pub(crate) measurement: Measurement,
}

/// A measurement of a benchmark.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Measurement {
    /// The circumstances of the measurement.
    pub(crate) what: String,
    pub(crate) figure: Spread,
    pub(crate) unit: Unit,
    pub(crate) goal: Option<Goal>,
    /// The absolute values behind the figure.
    pub(crate) details: Vec<Detail>,
}

/// The unit of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    /// The speed of the store divided by the speed of the floor, which does the same work on the
    /// medium without the store.
    FloorSpeed,
    /// Any other ratio of two values.
    Times,
    Seconds,
}

/// The goal of a measurement.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

/// A value that explains a figure.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Detail {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) of: Quantity,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Quantity {
    Seconds,
    Count,
    Bytes,
}

impl Measurement {
    /// Returns the speed of the store divided by the speed of the floor. `ours` and `floor` have
    /// the time of each round, with the store and with the floor. A round has `operations`
    /// operations.
    pub(crate) fn speed(
        what: impl Into<String>,
        operations: usize,
        [ours, floor]: &[Vec<f64>; 2],
    ) -> Self {
        let each = |times: &[f64]| median(times) / operations as f64;
        let details =
            vec![Detail::seconds("ours", each(ours)), Detail::seconds("floor", each(floor))];
        let figure = quotients(floor, ours);
        Self { what: what.into(), figure, unit: Unit::FloorSpeed, goal: None, details }
    }

    pub(crate) fn with_goal(self, goal: Goal) -> Self {
        Self { goal: Some(goal), ..self }
    }

    /// Returns whether the goal is reached, or `None` without a goal.
    pub(crate) fn is_reached(&self) -> Option<bool> {
        self.goal.map(|goal| goal.is_reached_by(self.figure.median))
    }

    /// Formats the figure.
    pub(crate) fn shown(&self) -> String {
        self.unit.show(self.figure.median)
    }

    /// Formats the range of the middle half of the rounds.
    pub(crate) fn spread(&self) -> String {
        let Spread { low, high, .. } = self.figure;
        if low == high {
            return String::new();
        }
        format!("{} – {}", self.unit.show(low), self.unit.show(high))
    }

    pub(crate) fn goal_shown(&self) -> String {
        match self.goal {
            Some(Goal::AtLeast(least)) => format!("≥ {}", self.unit.show(least)),
            Some(Goal::AtMost(most)) => format!("≤ {}", self.unit.show(most)),
            None => String::new(),
        }
    }

    pub(crate) fn verdict(&self) -> &'static str {
        match self.is_reached() {
            Some(true) => "yes",
            Some(false) => "no",
            None => "",
        }
    }

    pub(crate) fn explained(&self) -> String {
        self.details.iter().map(Detail::to_string).collect::<Vec<_>>().join(", ")
    }
}

impl Goal {
    pub(crate) fn is_reached_by(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Self::FloorSpeed => format!("{value:.2}"),
            Self::Times => format!("{value:.2}×"),
            Self::Seconds => seconds(value),
        }
    }
}

impl Detail {
    pub(crate) fn seconds(name: impl Into<String>, value: f64) -> Self {
        Self { name: name.into(), value, of: Quantity::Seconds }
    }

    pub(crate) fn count(name: impl Into<String>, value: f64) -> Self {
        Self { name: name.into(), value, of: Quantity::Count }
    }

    pub(crate) fn bytes(name: impl Into<String>, value: f64) -> Self {
        Self { name: name.into(), value, of: Quantity::Bytes }
    }
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, value, of } = self;
        match of {
            Quantity::Seconds => write!(f, "{name} {}", seconds(*value)),
            Quantity::Count => write!(f, "{name} {}", figures(*value)),
            Quantity::Bytes => write!(f, "{name} {} B", figures(*value)),
        }
    }
}

/// Formats a time, in the unit with one to three digits before the point.
fn seconds(value: f64) -> String {
    let (scale, unit) = match value {
        _ if value >= 1.0 => (1.0, "s"),
        _ if value >= 1e-3 => (1e3, "ms"),
        _ if value >= 1e-6 => (1e6, "µs"),
        _ => (1e9, "ns"),
    };
    format!("{} {unit}", figures(value * scale))
}

/// Formats a number with three digits. A number from 1,000 on has all digits before the point.
fn figures(value: f64) -> String {
    match value.abs() {
        size if size >= 99.95 => format!("{value:.0}"),
        size if size >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(12.345, "12.3 s")]
    #[case(0.5, "500 ms")]
    #[case(0.001_234, "1.23 ms")]
    #[case(0.000_099_96, "100 µs")]
    #[case(0.000_001, "1.00 µs")]
    #[case(0.000_000_25, "250 ns")]
    fn a_time_has_three_figures(#[case] value: f64, #[case] shown: &str) {
        assert_eq!(seconds(value), shown);
    }

    #[rstest]
    #[case(Goal::AtLeast(0.5), 0.5, true)]
    #[case(Goal::AtLeast(0.5), 0.49, false)]
    #[case(Goal::AtMost(2.0), 2.0, true)]
    #[case(Goal::AtMost(2.0), 2.1, false)]
    #[case(Goal::AtMost(2.0), f64::NAN, false)]
    fn a_goal_is_reached_or_not(#[case] goal: Goal, #[case] value: f64, #[case] reached: bool) {
        assert_eq!(goal.is_reached_by(value), reached);
    }

    #[test]
    fn twice_the_time_is_half_the_speed() {
        let measurement = Measurement::speed("1 KB", 10, &[vec![2.0, 4.0], vec![1.0, 2.0]])
            .with_goal(Goal::AtLeast(0.6));
        assert_eq!(measurement.shown(), "0.50");
        assert_eq!(measurement.goal_shown(), "≥ 0.60");
        assert_eq!(measurement.verdict(), "no");
        assert_eq!(measurement.explained(), "ours 300 ms, floor 150 ms");
    }
}
