//! The JSON value of an entry that can contain lone UTF-16 surrogates.

use serde_json::Value;
use session_store_core::LogEntry;

/// Decodes an entry, to describe it. Returns `None` if the entry exceeds a limit of `serde_json`.
///
/// Some programs cut a text between the two UTF-16 units of a character. The text then contains a
/// lone surrogate, such as the escape `\ud83d` without its pair. `serde_json` refuses such an
/// escape, so it is replaced by U+FFFD.
pub(crate) fn value_of(entry: &LogEntry) -> Option<Value> {
    let decoded = entry.decode().ok();
    decoded.or_else(|| serde_json::from_str(&without_lone_surrogates(entry.as_json())).ok())
}

/// Replaces the escape of each surrogate that is not part of a pair.
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
        let value = value_of(&LogEntry::from_json(entry).unwrap()).unwrap();
        assert_eq!(value["a"], expected);
    }

    #[test]
    fn an_entry_over_a_limit_has_no_value() {
        assert_eq!(value_of(&LogEntry::from_json(r#"{"a":1e999}"#).unwrap()), None);
    }
}
