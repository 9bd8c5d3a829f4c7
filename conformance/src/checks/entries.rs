//! Checks of section E of the contract (entries): a store returns each entry byte for byte,
//! whichever method stored it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::value::RawValue;
use session_store_core::{Capability, LogEntry, Store, StoreError, StoreExt};

use crate::check_result::{CheckResult, ensure, ensure_entries, ensure_eq, ensure_err};
use crate::run::Run;
use crate::sample::{entry, numbered, odd_traces, trace, unusual_entries};
use crate::test_log::TestLog;

pub(crate) fn e1_kept_by_append(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::new(&store);
    log.append_each(&unusual_entries())?;
    log.must_read(&unusual_entries(), "the entries after append")
}

pub(crate) fn e1_kept_by_append_all(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::with(&store, &unusual_entries())?;
    log.must_read(&unusual_entries(), "the entries after append_all")
}

pub(crate) fn e1_kept_by_create(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::new(&store);
    log.create(&unusual_entries())?;
    log.must_read(&unusual_entries(), "the entries after create_segment")?;
    log.create(&unusual_entries()[1..])?;
    log.must_read(&unusual_entries()[1..], "the entries of a replaced log")
}

pub(crate) fn e1_kept_by_append_if(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::new(&store);
    let mut head = None;
    for odd in unusual_entries() {
        head = Some(log.append_if(head, &[odd])?);
    }
    log.append_if(head, &unusual_entries())?;
    let twice = [unusual_entries(), unusual_entries()].concat();
    log.must_read(&twice, "the entries after append_if")
}

pub(crate) fn e1_kept_by_truncate(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::with(&store, &[unusual_entries(), numbered(0..3)].concat())?;
    log.truncate(unusual_entries().len())?;
    log.must_read(&unusual_entries(), "the entries that truncate kept")
}

pub(crate) fn e1_kept_by_pages(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::with(&store, &unusual_entries())?;
    let paged: Result<Vec<_>, _> = store.entries(log.session_id(), log.segment_id(), 0).collect();
    ensure_entries(&paged?, &unusual_entries(), "the entries of all pages")?;
    for (start, odd) in unusual_entries().into_iter().enumerate() {
        log.must_read_page(start, 0, &[odd], "a page of one entry")?;
    }
    Ok(())
}

pub(crate) fn e1_kept_by_traces(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::new(&store);
    log.append_traces(&odd_traces())?;
    log.must_have_trace(&odd_traces(), "the trace entries")
}

pub(crate) fn e1_kept_by_reopening(run: &Run<'_>) -> CheckResult {
    let key = TestLog::with(&run.open()?, &unusual_entries())?.key();
    let reopened = run.open()?;
    let log = TestLog::at(&reopened, key);
    log.must_read(&unusual_entries(), "the entries after reopening")
}

pub(crate) fn e2_values_become_one_line(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::new(&store);
    let raw = RawValue::from_string(String::from("{\n \"x\" :\r\n[1,\n2]\n}"))
        .expect("a sample is valid JSON");
    store.append_value(log.session_id(), log.segment_id(), &BTreeMap::from([("raw", raw)]))?;
    store.append_value(log.session_id(), log.segment_id(), &BTreeMap::from([("n", 1)]))?;
    let expected = [entry(r#"{"raw":{"x" :[1,2]}}"#), entry(r#"{"n":1}"#)];
    log.must_hold(&expected, "values with line breaks")
}

pub(crate) fn e2_only_objects_are_stored(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::new(&store);
    let tuples_as_keys = BTreeMap::from([((1, 2), 3)]);
    let append =
        |value: &serde_json::Value| store.append_value(log.session_id(), log.segment_id(), value);
    for value in ["[1]", "\"text\"", "1", "true", "null", "[{}]"] {
        let value = value.parse().expect("a sample is valid JSON");
        ensure_err!(append(&value), StoreError::Serde(_));
    }
    let result = store.append_value(log.session_id(), log.segment_id(), &tuples_as_keys);
    ensure_err!(result, StoreError::Serde(_));
    log.must_be_absent("after values were refused")
}

pub(crate) fn e3_line_breaks_are_dropped(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::new(&store);
    let texts = [
        (" \t\r\n{\"a\":1}\r\n", r#"{"a":1}"#),
        ("{\n  \"a\": [\n    1,\r\n    2\n  ]\n}\n", r#"{"a": [1,2]}"#),
        ("{ \"a\" : 1 \n , \"b\" : 2 }", r#"{ "a" : 1, "b" : 2 }"#),
        ("{\"a\":\r1}", r#"{"a":1}"#),
    ];
    for (text, _) in texts {
        log.append(&LogEntry::from_json(text)?)?;
    }
    for (stored, (_, line)) in log.read_all()?.iter().zip(texts) {
        ensure_eq(&stored.as_json(), &line, "a text without its line breaks")?;
    }
    log.must_count(texts.len(), "the count of the texts")
}

pub(crate) fn e3_anything_else_is_refused(_run: &Run<'_>) -> CheckResult {
    let refused: [&[u8]; 14] = [
        b"",
        b" \n",
        b"[1]",
        b"\"{}\"",
        b"1",
        b"null",
        b"{}{}",
        b"{}\n{}",
        b"{} x",
        b"{\"a\":",
        b"{}\0",
        b"{\"a\":\"\xff\"}",
        "\u{feff}{}".as_bytes(),
        "\u{a0}{}".as_bytes(),
    ];
    for bytes in refused {
        let result = LogEntry::from_utf8(bytes.to_vec());
        ensure_err!(result, StoreError::Serde(_));
        let message = result.map_or_else(|error| error.to_string(), |_| String::new());
        let has_position = message.contains("line") || message.contains("byte");
        ensure!(has_position, "the error for {bytes:?} has no position: {message}");
    }
    Ok(())
}

pub(crate) fn e4_the_empty_object(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::with(&store, &[entry("{}")])?;
    log.append(&entry("{}"))?;
    log.must_hold(&[entry("{}"), entry("{}")], "two empty objects")
}

pub(crate) fn e4_two_hundred_levels(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let deep = entry(format!("{}1{}", r#"{"a":"#.repeat(200), "}".repeat(200)));
    let wide = entry(format!("{{\"a\":{}{}}}", "[".repeat(199), "]".repeat(199)));
    let log = TestLog::with(&store, &[deep.clone(), wide.clone()])?;
    log.must_hold(&[deep, wide], "entries with 200 levels of nesting")
}

/// An entry of 64 MiB. The entry is built once, because building it takes seconds in a debug build.
pub(super) static LARGE: LazyLock<LogEntry> =
    LazyLock::new(|| entry(format!(r#"{{"large":"{}"}}"#, "0123456789abcdef".repeat(4 << 20))));

pub(crate) fn e4_sixty_four_mebibytes(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let log = TestLog::new(&store);
    match log.append(&LARGE) {
        Ok(()) => {
            let stored = std::slice::from_ref(&*LARGE);
            log.must_read(stored, "a large entry")?;
            log.append(&entry("{}"))?;
            log.must_count(2, "the count after a large entry")
        }
        Err(StoreError::TooLarge { .. }) => log.must_be_absent("after an entry was too large"),
        Err(error) => Err(error.into()),
    }
}

pub(crate) fn e5_unknown_kinds_are_data(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let strange: Vec<_> = [
        r#"{"kind":"from_the_future","v":{"x":[{}]}}"#,
        r#"{"kind":null}"#,
        r#"{"kind":7,"kind":"segment_start"}"#,
        r#"{"ts":-1}"#,
        r#"{"session_id":"x","segment_id":null,"entries":0,"deleted":true,"epoch":""}"#,
        r#"{"kind":"segment_start","forked_from":"nowhere"}"#,
    ]
    .map(entry)
    .into();
    let log = TestLog::with(&store, &strange)?;
    log.sibling().create(&strange)?;
    log.truncate(strange.len())?;
    log.must_hold(&strange, "entries of unknown kinds")
}

pub(crate) fn e5_every_method_keeps_unknown_fields(run: &Run<'_>) -> CheckResult {
    const TEXTS: [&str; 3] = [
        r#"{"kind":"user_input","text":"hello","from_the_future":{"v":[null]},"schema":99}"#,
        r#"{"kind":"segment_start","head":0,"expected":null,"from_the_future":""}"#,
        r#"{"from_the_future":1}"#,
    ];
    let store = run.open()?;
    let strange = TEXTS.map(entry);
    let log = TestLog::new(&store);
    log.create(&strange)?;
    log.append_each(&strange)?;
    log.append_all(&strange)?;
    let mut expected = [&strange[..]; 3].concat();
    if store.capabilities().has(Capability::ConditionalAppend) {
        log.append_if(log.head()?, &strange)?;
        expected.extend(strange);
    }
    log.must_hold(&expected, "entries with unknown fields")?;
    let traces = TEXTS.map(trace);
    log.append_traces(&traces)?;
    if store.capabilities().has(Capability::ReadTraces) {
        log.must_have_trace(&traces, "trace entries with unknown fields")?;
    }
    Ok(())
}
