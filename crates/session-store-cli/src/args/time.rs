//! Parsers of times and of durations.

use std::time::{Duration, SystemTime};

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp, Zoned};

/// Parses a time: a text in RFC 3339 format, a local date or time, `today`, `yesterday`, or a span
/// such as `7d`, which is counted back from now. A date is the start of the day.
pub(super) fn parse_time(text: &str) -> Result<SystemTime, String> {
    parse_time_at(text, &Zoned::now()).map(Into::into).ok_or_else(|| {
        "not a time such as 2026-01-31, 2026-01-31T08:00:00Z, yesterday or 7d (seven days ago)"
            .to_owned()
    })
}

fn parse_time_at(text: &str, now: &Zoned) -> Option<Timestamp> {
    let local =
        |time: DateTime, zone: &TimeZone| Some(time.to_zoned(zone.clone()).ok()?.timestamp());
    match text {
        "today" => return local(now.date().into(), now.time_zone()),
        "yesterday" => return local(now.date().yesterday().ok()?.into(), now.time_zone()),
        _ => {}
    }
    if let Ok(timestamp) = text.parse() {
        return Some(timestamp);
    }
    if let Ok(time) = text.parse::<DateTime>() {
        return local(time, now.time_zone());
    }
    if let Ok(date) = text.parse::<Date>() {
        return local(date.into(), now.time_zone());
    }
    let span: Span = text.parse().ok()?;
    Some(now.checked_sub(span.abs()).ok()?.timestamp())
}

/// Parses the pause between two polls: a positive duration.
pub(super) fn parse_interval(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<SignedDuration>().ok().filter(SignedDuration::is_positive);
    parsed
        .and_then(|duration| Duration::try_from(duration).ok())
        .ok_or_else(|| "not a time such as 500ms or 2s".to_owned())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("2026-01-31T08:00:00Z", Some("2026-01-31T08:00:00Z"))]
    #[case("2026-01-31T08:00:00+02:00", Some("2026-01-31T06:00:00Z"))]
    #[case("2026-01-31", Some("2026-01-30T23:00:00Z"))]
    #[case("2026-01-31 08:00", Some("2026-01-31T07:00:00Z"))]
    #[case("7d", Some("2026-02-22T11:00:00Z"))]
    #[case("1 month", Some("2026-02-01T11:00:00Z"))]
    #[case("7d ago", Some("2026-02-22T11:00:00Z"))]
    #[case("today", Some("2026-02-28T23:00:00Z"))]
    #[case("yesterday", Some("2026-02-27T23:00:00Z"))]
    #[case("tomorrow", None)]
    #[case("", None)]
    fn a_time_is_a_date_a_time_or_a_span_before_now(
        #[case] text: &str,
        #[case] expected: Option<&str>,
    ) {
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        let now: Zoned = "2026-03-01T11:00:00Z".parse::<Timestamp>().unwrap().to_zoned(zone);
        let found = parse_time_at(text, &now).map(|time| time.to_string());
        assert_eq!(found.as_deref(), expected);
    }

    #[test]
    fn an_interval_is_positive() {
        assert_eq!(parse_interval("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_interval("2s"), Ok(Duration::from_secs(2)));
        for text in ["0s", "-1s", "soon", ""] {
            assert!(parse_interval(text).is_err(), "{text}");
        }
    }
}
