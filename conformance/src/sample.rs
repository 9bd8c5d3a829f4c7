//! Entries that the checks store: numbered entries, entries of any size, and unusual JSON texts.

use session_store_core::{LogEntry, PageBudget, TraceEntry};

/// Texts that would change if a store parsed, normalized or quoted them.
///
/// A store must keep them byte for byte ([E1](session_store_core::contract#e1)).
const ODD_TEXTS: &[&str] = &[
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
    r#"{"a":{"b":1,"b":2,"c":{"d":1,"d":1}},"l":[{"x":1,"x":2}]}"#,
    r#"{"__proto__":{"a":1},"constructor":1,"toString":null,"$oid":"x","$ref":"/a","_id":7}"#,
    r#"{"@type":"x","text#":" ","ref!":[],"&":1,"*":2,"<<":{},"=":"=1+1","-":"-"}"#,
    r#"{" a b ":"  two  inner   spaces  ","\ttab":"a\tb","":"   "}"#,
    r#"{"big":123456789012345678901234567890,"tiny":1e-400,"exact":0.30000000000000004,"e":1E0}"#,
    r#"{"true":true,"True":"True","yes":"yes","nan":"NaN","inf":"Infinity","date":"2024-01-01"}"#,
    r#"{"_deleted":true,"deleted":1,"tombstone":true,"_rev":"1-a","a.b":1,"a":{"b":2},"a[0]":3}"#,
    r#"{"deep":[[[[[[[[[[{"a":{"b":{"c":[{}]}}}]]]]]]]]]]}"#,
];

/// Returns one log entry for each odd text.
pub(crate) fn unusual_entries() -> Vec<LogEntry> {
    ODD_TEXTS.iter().map(|&text| entry(text)).collect()
}

/// Returns one trace entry for each odd text.
pub(crate) fn odd_traces() -> Vec<TraceEntry> {
    ODD_TEXTS.iter().map(|&text| trace(text)).collect()
}

pub(crate) fn entry(text: impl Into<String>) -> LogEntry {
    LogEntry::from_json(text).expect("a sample is one JSON object")
}

pub(crate) fn trace(text: impl Into<String>) -> TraceEntry {
    TraceEntry::from_json(text).expect("a sample is one JSON object")
}

/// Returns the entry `{"n":0}` for 0, and so on.
pub(crate) fn nth(n: usize) -> LogEntry {
    entry(format!(r#"{{"n":{n}}}"#))
}

/// Returns the trace entry `{"t":0}` for 0, and so on.
pub(crate) fn nth_trace(n: usize) -> TraceEntry {
    trace(format!(r#"{{"t":{n}}}"#))
}

/// Returns the entries `{"n":0}`, `{"n":1}` and so on for the given numbers.
pub(crate) fn numbered(numbers: std::ops::Range<usize>) -> Vec<LogEntry> {
    numbers.map(nth).collect()
}

/// Returns the trace entries `{"t":0}`, `{"t":1}` and so on for the given numbers.
pub(crate) fn numbered_traces(numbers: std::ops::Range<usize>) -> Vec<TraceEntry> {
    numbers.map(nth_trace).collect()
}

/// Returns entry number `n` of a writer, with `padding` bytes of text.
pub(crate) fn signed(writer: usize, n: usize, padding: usize) -> LogEntry {
    entry(format!(r#"{{"w":{writer},"n":{n},"p":"{}"}}"#, "x".repeat(padding)))
}

/// Returns trace entry number `n` of a writer, with a padding of up to 20 KB.
pub(crate) fn signed_trace(writer: usize, n: usize) -> TraceEntry {
    trace(signed(writer, n, odd_padding(n) % 20_011).as_json())
}

/// Returns the number of bytes of a padding, up to 64 KiB.
///
/// Entries of these sizes do not end at the boundary of a page. A write that ends at such a
/// boundary can hide a torn entry.
pub(crate) fn odd_padding(n: usize) -> usize {
    const PADDINGS: [usize; 8] = [1, 13, 4_093, 0, 257, 16_381, 31, 65_521];
    PADDINGS[n % PADDINGS.len()]
}

/// Returns the entries that a page of `max_bytes` from entry `start` on must contain.
pub(crate) fn page_of(entries: &[LogEntry], start: usize, max_bytes: usize) -> Vec<LogEntry> {
    let mut budget = PageBudget::new(max_bytes);
    let fits = |entry: &&LogEntry| budget.admits(entry.as_json().len());
    entries.iter().skip(start).take_while(fits).cloned().collect()
}

/// Returns the size that `segment_info` must have for the entries: the bytes of each text and one
/// newline.
pub(crate) fn size_of(entries: &[LogEntry]) -> u64 {
    entries.iter().map(|entry| entry.as_json().len() as u64 + 1).sum()
}
