//! Tests of entries: which texts are accepted as an entry, and that the text of an entry is not
//! changed.

use std::sync::Arc;

use rstest::rstest;
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::value::RawValue;
use session_store_core::{LogEntry, StoreError, TraceEntry};

#[rstest]
#[case::empty("{}")]
#[case::key_order(r#"{"b":1,"a":2}"#)]
#[case::duplicate_keys(r#"{"a":1,"a":2}"#)]
#[case::null_is_not_missing(r#"{"a":null}"#)]
#[case::numbers(
    r#"{"a":1.0,"b":1e999,"c":9007199254740993,"d":18446744073709551615,"e":-0.0,"f":1E+2}"#
)]
#[case::long_number(r#"{"a":0.1000000000000000055511151231257827021181583404541015625}"#)]
#[case::escapes(r#"{"a":"\u0000\ud800\/\u00e9\n"}"#)]
#[case::nfc_and_nfd("{\"caf\u{e9}\":\"cafe\u{301}\"}")]
#[case::line_separators("{\"a\":\"\u{2028}\u{2029}\u{85}\"}")]
#[case::white_space_between_tokens("{ \"a\" :\t[ 1 , 2 ] }")]
#[case::unknown_kind(r#"{"kind":"from_the_future","x":{"y":[{}]}}"#)]
fn text_is_kept_byte_for_byte(#[case] text: &str) {
    assert_eq!(LogEntry::from_json(text).unwrap().as_json(), text);
    assert_eq!(LogEntry::from_utf8(text.into()).unwrap().as_json(), text);
    assert_eq!(TraceEntry::from_json(text).unwrap().as_json(), text);
    assert!(LogEntry::is_valid(text));
}

#[rstest]
#[case::around(" \t\r\n{\"a\":1}\r\n", r#"{"a":1}"#)]
#[case::pretty("{\n  \"a\": [\n    1,\n    2\n  ]\n}\n", r#"{"a": [1,2]}"#)]
#[case::carriage_return("{\"a\":\r1}", r#"{"a":1}"#)]
#[case::only_runs_with_a_break("{ \"a\" : 1 \n , \"b\" : 2 }", r#"{ "a" : 1, "b" : 2 }"#)]
fn line_breaks_between_tokens_are_dropped(#[case] text: &str, #[case] line: &str) {
    assert_eq!(LogEntry::from_json(text).unwrap().as_json(), line);
}

#[rstest]
#[case::nothing("", "line 1 column 0")]
#[case::white_space(" \n", "line 2 column 0")]
#[case::array("[1]", "line 1 column")]
#[case::string("\"{}\"", "line 1 column")]
#[case::number("1", "line 1 column")]
#[case::null("null", "line 1 column")]
#[case::two_objects("{}{}", "line 1 column 3")]
#[case::two_lines("{}\n{}", "line 2 column 1")]
#[case::trailing_bytes("{} x", "line 1 column 4")]
#[case::cut_short(r#"{"a":"#, "line 1 column 5")]
#[case::byte_order_mark("\u{feff}{}", "line 1 column 1")]
#[case::no_break_space("\u{a0}{}", "line 1 column 1")]
#[case::raw_line_break_in_a_string("{\"a\":\"\n\"}", "line 1 column 6")]
#[case::nul("{\"a\":1}\0", "line 1 column 8")]
fn any_other_text_is_an_error_that_names_the_place(#[case] text: &str, #[case] place: &str) {
    let error = LogEntry::from_json(text).unwrap_err();
    assert!(matches!(error, StoreError::Serde(_)), "{error:?}");
    assert!(error.to_string().contains(place), "{error}");
    assert!(!LogEntry::is_valid(text));
}

#[test]
fn invalid_utf8_is_an_error_that_names_the_place() {
    let error = LogEntry::from_utf8(b"{\"a\":\"\xff\"}".into()).unwrap_err();
    assert_eq!(error.to_string(), "serialization error: invalid UTF-8 at byte 6");
}

#[test]
fn values_must_serialize_to_an_object() {
    assert_eq!(LogEntry::encode(&serde_json::json!({"a": 1})).unwrap().as_json(), r#"{"a":1}"#);
    assert!(matches!(LogEntry::encode(&[1, 2]), Err(StoreError::Serde(_))));
    assert!(matches!(LogEntry::encode("text"), Err(StoreError::Serde(_))));
    let keys_other_than_strings = std::collections::BTreeMap::from([((1, 2), 3)]);
    assert!(matches!(LogEntry::encode(&keys_other_than_strings), Err(StoreError::Serde(_))));
}

/// A value whose implementation of `Serialize` writes a key without a value.
struct KeyWithoutValue;

impl Serialize for KeyWithoutValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_key("key")?;
        map.end()
    }
}

#[test]
#[cfg_attr(debug_assertions, should_panic(expected = "KeyWithoutValue writes invalid JSON"))]
fn an_implementation_of_serialize_that_writes_invalid_json_panics_in_debug_builds() {
    drop(LogEntry::encode(&KeyWithoutValue));
}

#[test]
fn raw_json_with_line_breaks_is_put_on_one_line() {
    let raw = RawValue::from_string("{\n \"x\":\r\n1\n}".into()).unwrap();
    let value = std::collections::BTreeMap::from([("raw", raw)]);
    assert_eq!(LogEntry::encode(&value).unwrap().as_json(), r#"{"raw":{"x":1}}"#);
}

#[test]
fn deep_nesting_can_be_stored_but_not_decoded() {
    let deep = format!("{}1{}", r#"{"a":"#.repeat(200), "}".repeat(200));
    let entry = LogEntry::from_json(deep.clone()).unwrap();
    assert_eq!(entry.as_json(), deep);
    assert!(matches!(entry.decode::<serde_json::Value>(), Err(StoreError::Serde(_))));
}

#[test]
fn entries_of_a_block_share_its_memory() {
    let block = Arc::new(String::from(" {\"a\":1}\r\n{\"b\":\n2}"));
    let shared = LogEntry::from_block(&block, 0..9).unwrap();
    assert_eq!(shared.as_json(), r#"{"a":1}"#);
    assert!(std::ptr::eq(shared.as_json(), &block[1..8]));
    assert_eq!(LogEntry::from_block(&block, 10..18).unwrap().as_json(), r#"{"b":2}"#);
}

#[test]
fn an_entry_is_sixteen_bytes() {
    assert_eq!(size_of::<LogEntry>(), 16);
}

#[test]
fn debug_shows_only_the_beginning() {
    let entry = LogEntry::encode(&serde_json::json!({"key": "0123456789".repeat(10)})).unwrap();
    let shown = format!("{entry:?}");
    assert_eq!(shown, r#"LogEntry(110 bytes: {"key":"012345678901234567890123…)"#);
}
