//! The time that an entry contains.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use session_store::LogEntry;

/// The fields of an entry that agents store their time in.
#[derive(Deserialize)]
struct Stamps<'a> {
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    ts: Option<&'a RawValue>,
}

/// Returns the time of an entry in milliseconds since 1970: its field `timestamp`, else `ts`. The
/// value is a text in RFC 3339 format, or a number of seconds or milliseconds. Every other value is
/// ignored.
pub(crate) fn millis_of(entry: &LogEntry) -> Option<u64> {
    let stamps: Stamps<'_> = entry.decode().ok()?;
    [stamps.timestamp, stamps.ts].into_iter().flatten().find_map(|raw| millis(raw.get()))
}

fn millis(json: &str) -> Option<u64> {
    if let Ok(text) = serde_json::from_str::<String>(json) {
        let time: Timestamp = text.parse().ok()?;
        return u64::try_from(time.as_millisecond()).ok();
    }
    number_to_millis(json.parse().ok()?)
}

/// A number below this limit is in seconds, and any other number is in milliseconds. The limit is
/// in the year 5138 if it is read as seconds, and in 1973 if it is read as milliseconds.
const SECONDS_END: f64 = 1e11;
/// The first time that does not fit in a UUID version 7.
const MILLIS_END: f64 = (1_u64 << 48) as f64;

fn number_to_millis(number: f64) -> Option<u64> {
    let millis = if number < SECONDS_END { number * 1000.0 } else { number };
    (0.0..MILLIS_END).contains(&millis).then_some(millis as u64)
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
    #[case::too_large(r#"{"ts":1e999}"#, None)]
    #[case::no_field("{}", None)]
    fn a_time_is_text_or_a_number(#[case] entry: &str, #[case] expected: Option<u64>) {
        assert_eq!(millis_of(&LogEntry::from_json(entry).unwrap()), expected);
    }
}
