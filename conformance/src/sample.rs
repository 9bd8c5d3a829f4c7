//! What the checks store: numbered entries, entries of any size, and every oddity that JSON allows.

use session_store_core::{LogEntry, TraceEntry};

/// Texts that a careless store changes on the way (E1).
const ODDITIES: &[&str] = &[
    "{}",
    r#"{"b":1,"a":2,"B":3}"#,
    r#"{"n":[1.0,1e999,-1e-999,9007199254740993,18446744073709551615,-0.0,0,1E+2,1e2,100]}"#,
    r#"{"n":0.1000000000000000055511151231257827021181583404541015625}"#,
    r#"{"nul":"\u0000","lone":"\ud800","pair":"\ud83e\udd80","upper":"\u00E9","lower":"\u00e9"}"#,
    r#"{"slashes":"\/ / \\ \" \b\f\n\r\t"}"#,
    r#"{"a":1,"a":2,"a":1}"#,
    r#"{"null":null,"":""}"#,
    "{\"nfc\":\"caf\u{e9}\",\"nfd\":\"cafe\u{301}\",\"caf\u{e9}\":1,\"cafe\u{301}\":2}",
    "{\"separators\":\"\u{2028}\u{2029}\u{85}\u{7f}\u{feff}\u{a0}\u{200b}\"}",
    "{\"planes\":\"\u{1f980}\u{10ffff}\u{fffd}\u{fffe}\"}",
    "{ \"spaces\" :\t[ 1 , 2 ,\t{ } ]  }",
    r#"{"braces":"}{][","quotes":"'; DROP TABLE entry; --","format":"%s{0}$1\\x"}"#,
    r#"{"deep":[[[[[[[[[[{"a":{"b":{"c":[{}]}}}]]]]]]]]]]}"#,
];

pub(crate) fn oddities() -> Vec<LogEntry> {
    ODDITIES.iter().map(|&text| entry(text)).collect()
}

pub(crate) fn odd_traces() -> Vec<TraceEntry> {
    ODDITIES.iter().map(|&text| trace(text)).collect()
}

pub(crate) fn entry(text: impl Into<String>) -> LogEntry {
    LogEntry::from_json(text).expect("a sample is one JSON object")
}

pub(crate) fn trace(text: impl Into<String>) -> TraceEntry {
    TraceEntry::from_json(text).expect("a sample is one JSON object")
}

/// `{"n":from}` and so on.
pub(crate) fn numbered(numbers: std::ops::Range<usize>) -> Vec<LogEntry> {
    numbers.map(|n| entry(format!(r#"{{"n":{n}}}"#))).collect()
}

pub(crate) fn numbered_traces(numbers: std::ops::Range<usize>) -> Vec<TraceEntry> {
    numbers.map(|n| trace(format!(r#"{{"t":{n}}}"#))).collect()
}

/// The entry number `n` of a writer, padded by `padding` bytes.
pub(crate) fn signed(writer: usize, n: usize, padding: usize) -> LogEntry {
    entry(format!(r#"{{"w":{writer},"n":{n},"p":"{}"}}"#, "x".repeat(padding)))
}

/// Paddings up to 64 KiB, mostly small, none a multiple of a page: aligned ones hide torn entries.
pub(crate) fn odd_padding(n: usize) -> usize {
    const PADDINGS: [usize; 8] = [1, 13, 4_093, 0, 257, 16_381, 31, 65_521];
    PADDINGS[n % PADDINGS.len()]
}
