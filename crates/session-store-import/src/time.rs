//! The time that an entry contains.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use session_store_core::LogEntry;

use crate::value::value_of;

/// The fields in which programs store the time of an entry.
#[derive(Deserialize)]
struct Stamps<'a> {
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    ts: Option<&'a RawValue>,
}

/// Returns the time of an entry from its field `timestamp`, or from its field `ts` if there is no
/// field `timestamp`.
///
/// The value is a text in RFC 3339 format, or a number of seconds or milliseconds since 1970. Every
/// other value is ignored.
#[must_use]
pub fn time_of(entry: &LogEntry) -> Option<SystemTime> {
    let Ok(stamps) = entry.decode::<Stamps<'_>>() else {
        let value = value_of(entry);
        return ["timestamp", "ts"].iter().find_map(|name| time_in(&value[name]));
    };
    let values = [stamps.timestamp, stamps.ts].into_iter().flatten();
    values.into_iter().find_map(|raw| time_in(&serde_json::from_str(raw.get()).ok()?))
}

/// Returns the time in a JSON value. The value can be a text or a number, in the forms that
/// [`time_of`] accepts.
#[must_use]
pub fn time_in(value: &Value) -> Option<SystemTime> {
    match value {
        Value::String(text) => Some(text.parse::<Timestamp>().ok()?.into()),
        Value::Number(number) => from_number(number.as_f64()?),
        _ => None,
    }
}

/// A number below this limit is a time in seconds, and any other number is a time in milliseconds.
/// As a number of seconds, the limit is in the year 5138. As a number of milliseconds, it is in
/// 1973. So times of real logs are not confused.
const SECONDS_END: f64 = 1e11;
/// The first time, in milliseconds, that does not fit in a UUID version 7.
const MILLIS_END: f64 = (1_u64 << 48) as f64;

fn from_number(number: f64) -> Option<SystemTime> {
    let millis = if number < SECONDS_END { number * 1000.0 } else { number };
    let is_valid = (0.0..MILLIS_END).contains(&millis);
    is_valid.then(|| UNIX_EPOCH + Duration::from_millis(millis as u64))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::rfc_3339(r#"{"timestamp":"2025-12-17T19:39:21.535Z"}"#, Some(1_766_000_361_535))]
    #[case::offset(r#"{"timestamp":"2025-12-17T20:39:21.535+01:00"}"#, Some(1_766_000_361_535))]
    #[case::ts(r#"{"ts":"2025-12-17T19:39:21Z","kind":"x"}"#, Some(1_766_000_361_000))]
    #[case::millis(r#"{"ts":1766000361535}"#, Some(1_766_000_361_535))]
    #[case::seconds(r#"{"ts":1766000361}"#, Some(1_766_000_361_000))]
    #[case::fractional_seconds(r#"{"timestamp":1766000361.535}"#, Some(1_766_000_361_535))]
    #[case::the_other_field(r#"{"timestamp":null,"ts":1766000361}"#, Some(1_766_000_361_000))]
    #[case::nested(r#"{"snapshot":{"timestamp":"2025-12-17T19:39:21.535Z"}}"#, None)]
    #[case::not_a_time(r#"{"timestamp":"yesterday"}"#, None)]
    #[case::before_1970(r#"{"ts":-5}"#, None)]
    #[case::too_large(r#"{"ts":1e300}"#, None)]
    #[case::not_a_number(r#"{"ts":1e999}"#, None)]
    #[case::no_field("{}", None)]
    #[case::surrogate_in_a_name(r#"{"\ud83d":1,"ts":1766000361}"#, Some(1_766_000_361_000))]
    #[case::large_number(r#"{"n":1e999,"ts":1766000361}"#, Some(1_766_000_361_000))]
    fn a_time_is_text_or_a_number(#[case] entry: &str, #[case] expected: Option<u64>) {
        let expected = expected.map(|millis| UNIX_EPOCH + Duration::from_millis(millis));
        assert_eq!(time_of(&LogEntry::from_json(entry).unwrap()), expected);
    }
}
