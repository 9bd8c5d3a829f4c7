//! The JSON value of an entry, also of an entry that `serde_json` refuses to decode.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;
use session_store_core::LogEntry;

/// The number of levels that are decoded one by one. The fields that the formats read are in these
/// levels. The number is small, because decoding a level reads all text below it again.
const LEVELS: usize = 16;

/// Decodes an entry, to describe it, as [`lenient_value`].
pub(crate) fn value_of(entry: &LogEntry) -> Value {
    lenient_value(entry.as_json())
}

/// Decodes a JSON text for a reader. Accepts JSON that `serde_json` refuses to decode, but that a
/// store accepts.
///
/// A part that `serde_json` refuses is replaced, so that the other parts can be read:
///
/// - Some programs cut a text between the two UTF-16 units of a character. The text then contains a
///   lone surrogate, such as the escape `\ud83d` without its pair. The escape is replaced by
///   U+FFFD.
/// - A number that is too large for an `f64`, such as `1e999`, becomes a string with its digits.
/// - `serde_json` decodes at most 127 levels of nesting. If there are more, the first 16 levels are
///   decoded one by one. Below these levels, a refused part becomes a string with its JSON.
///
/// A text that is not JSON becomes a string with this text.
#[must_use]
pub fn lenient_value(json: &str) -> Value {
    let refused = || match serde_json::from_str::<&RawValue>(json) {
        Ok(_) => by_parts(&without_lone_surrogates(json), LEVELS),
        Err(_) => Value::from(json),
    };
    serde_json::from_str(json).unwrap_or_else(|_| refused())
}

/// Decodes each part by itself if the whole cannot be decoded.
fn by_parts(json: &str, levels: usize) -> Value {
    let part = |raw: &RawValue| by_parts(raw.get(), levels - 1);
    if let Ok(value) = serde_json::from_str(json) {
        value
    } else if levels == 0 {
        Value::from(json)
    } else if let Ok(fields) = serde_json::from_str::<BTreeMap<String, &RawValue>>(json) {
        fields.into_iter().map(|(name, raw)| (name, part(raw))).collect()
    } else if let Ok(elements) = serde_json::from_str::<Vec<&RawValue>>(json) {
        elements.into_iter().map(part).collect()
    } else {
        Value::from(json)
    }
}

/// Replaces the escape of each surrogate that is not part of a pair, in valid JSON.
fn without_lone_surrogates(json: &str) -> String {
    let mut replaced = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(start) = rest.find('\\') {
        let (before, escape) = rest.split_at(start);
        replaced.push_str(before);
        let len = match unit(escape) {
            None => 2,
            Some(0xd800..=0xdbff) if matches!(unit(&escape[6..]), Some(0xdc00..=0xdfff)) => 12,
            Some(_) => 6,
        };
        let is_lone = len == 6 && matches!(unit(escape), Some(0xd800..=0xdfff));
        let (escape, after) = escape.split_at(len);
        replaced.push_str(if is_lone { "\\ufffd" } else { escape });
        rest = after;
    }
    replaced + rest
}

/// Returns the UTF-16 unit of the escape `\uXXXX` at the start of the text.
fn unit(text: &str) -> Option<u16> {
    u16::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::high(r#"{"a":"x\ud83d"}"#, "x\u{fffd}")]
    #[case::low(r#"{"a":"\uDE00x"}"#, "\u{fffd}x")]
    #[case::wrong_order(r#"{"a":"\ude00\ud83d"}"#, "\u{fffd}\u{fffd}")]
    #[case::before_a_pair(r#"{"a":"\ud83d\ud83d\ude00"}"#, "\u{fffd}😀")]
    #[case::before_another_escape(r#"{"a":"\ud83d\n\u0041"}"#, "\u{fffd}\nA")]
    #[case::after_a_backslash(r#"{"b":"\ud83d","a":"\\ud83d"}"#, "\\ud83d")]
    #[case::in_another_field(r#"{"\ud83d":[],"a":"ö\"\\"}"#, "ö\"\\")]
    fn a_lone_surrogate_is_replaced(#[case] entry: &str, #[case] expected: &str) {
        let value = value_of(&LogEntry::from_json(entry).unwrap());
        assert_eq!(value["a"], expected);
    }

    #[rstest]
    #[case::number(r#"{"a":"x","n":1e999}"#, "x")]
    #[case::number_and_surrogate(r#"{"a":"\ud83d","n":[{"m":-1e999}]}"#, "\u{fffd}")]
    #[case::reserved_name(r#"{"$serde_json::private::RawValue":1,"a":"x"}"#, "x")]
    fn the_other_parts_are_decoded(#[case] entry: &str, #[case] expected: &str) {
        assert_eq!(value_of(&LogEntry::from_json(entry).unwrap())["a"], expected);
    }

    #[test]
    fn a_refused_part_becomes_a_text() {
        let entry = LogEntry::from_json(r#"{"a":[1e999,{"b":1}]}"#).unwrap();
        assert_eq!(value_of(&entry), json!({ "a": ["1e999", { "b": 1 }] }));
    }

    #[rstest]
    fn a_text_that_is_not_json_is_returned(#[values("a\\", "\\é", "{\\ud83d", "")] text: &str) {
        assert_eq!(lenient_value(text), text);
    }

    #[rstest]
    fn deep_nesting_loses_no_text(#[values(126, 127, 142, 143, 100_000)] levels: usize) {
        let (open, close) = ("[".repeat(levels), "]".repeat(levels));
        let entry = format!("{{\"a\":\"x\",\"deep\":{open}\"needle\"{close}}}");
        let value = value_of(&LogEntry::from_json(entry).unwrap());
        assert_eq!(value["a"], "x");
        assert!(value["deep"].to_string().contains("needle"));
    }
}
