//! E: entries come back byte for byte, whichever way they went in.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::value::RawValue;
use session_store_core::{LogEntry, StoreError, StoreExt};

use crate::failure::{Verdict, ensure, ensure_err, same, same_entries};
use crate::log::Log;
use crate::run::Run;
use crate::sample::{entry, numbered, odd_traces, oddities};

pub(crate) fn e1_kept_by_append(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::new(&store);
    log.append_each(&oddities())?;
    same_entries(&log.entries()?, &oddities(), "append changed an entry")
}

pub(crate) fn e1_kept_by_append_all(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::with(&store, &oddities())?;
    same_entries(&log.entries()?, &oddities(), "append_all changed an entry")
}

pub(crate) fn e1_kept_by_create(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::new(&store);
    log.create(&oddities())?;
    same_entries(&log.entries()?, &oddities(), "create_segment changed an entry")?;
    log.create(&oddities()[1..])?;
    same_entries(&log.entries()?, &oddities()[1..], "replacing changed an entry")
}

pub(crate) fn e1_kept_by_append_if(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::new(&store);
    let mut head = None;
    for odd in oddities() {
        head = Some(log.append_if(head, &[odd])?);
    }
    log.append_if(head, &oddities())?;
    let twice = [oddities(), oddities()].concat();
    same_entries(&log.entries()?, &twice, "append_if changed an entry")
}

pub(crate) fn e1_kept_by_truncate(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::with(&store, &[oddities(), numbered(0..3)].concat())?;
    log.truncate(oddities().len())?;
    same_entries(&log.entries()?, &oddities(), "truncate changed an entry that it kept")
}

pub(crate) fn e1_kept_by_pages(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::with(&store, &oddities())?;
    let paged: Result<Vec<_>, _> = store.entries(log.session_id, log.segment_id, 0).collect();
    same_entries(&paged?, &oddities(), "read_page changed an entry")?;
    for (start, odd) in oddities().into_iter().enumerate() {
        same_entries(&log.page(start, 0)?.entries, &[odd], "a page of one changed the entry")?;
    }
    Ok(())
}

pub(crate) fn e1_kept_by_traces(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::new(&store);
    log.trace_each(&odd_traces())?;
    same_entries(&log.traces()?, &odd_traces(), "a trace entry was changed")
}

pub(crate) fn e1_kept_by_reopening(run: &Run<'_>) -> Verdict {
    let ids = Log::with(&run.open()?, &oddities())?.ids();
    let reopened = run.open()?;
    let log = Log::known(&reopened, ids);
    same_entries(&log.entries()?, &oddities(), "an entry changed while no handle was open")
}

pub(crate) fn e2_values_become_one_line(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::new(&store);
    let raw = RawValue::from_string(String::from("{\n \"x\" :\r\n[1,\n2]\n}"))
        .expect("a sample is valid JSON");
    store.append_value(log.session_id, log.segment_id, &BTreeMap::from([("raw", raw)]))?;
    store.append_value(log.session_id, log.segment_id, &BTreeMap::from([("n", 1)]))?;
    let expected = [entry(r#"{"raw":{"x" :[1,2]}}"#), entry(r#"{"n":1}"#)];
    log.must_hold(&expected, "a value with line breaks in it is one entry on one line")
}

pub(crate) fn e2_only_objects_are_stored(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::new(&store);
    let keys_that_are_no_strings = BTreeMap::from([((1, 2), 3)]);
    let append =
        |value: &serde_json::Value| store.append_value(log.session_id, log.segment_id, value);
    for value in ["[1]", "\"text\"", "1", "true", "null", "[{}]"] {
        let value = value.parse().expect("a sample is valid JSON");
        ensure_err!(append(&value), StoreError::Serde(_));
    }
    let result = store.append_value(log.session_id, log.segment_id, &keys_that_are_no_strings);
    ensure_err!(result, StoreError::Serde(_));
    log.must_be_absent("a value that is refused stores nothing")
}

pub(crate) fn e3_line_breaks_are_dropped(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::new(&store);
    let texts = [
        (" \t\r\n{\"a\":1}\r\n", r#"{"a":1}"#),
        ("{\n  \"a\": [\n    1,\r\n    2\n  ]\n}\n", r#"{"a": [1,2]}"#),
        ("{ \"a\" : 1 \n , \"b\" : 2 }", r#"{ "a" : 1, "b" : 2 }"#),
        ("{\"a\":\r1}", r#"{"a":1}"#),
    ];
    for (text, _) in texts {
        log.append(&LogEntry::from_json(text)?)?;
    }
    for (stored, (_, line)) in log.entries()?.iter().zip(texts) {
        same(&stored.as_json(), &line, "a text over several lines is one line, else unchanged")?;
    }
    same(&log.count()?, &texts.len(), "each text is one entry")
}

pub(crate) fn e3_anything_else_is_refused(_run: &Run<'_>) -> Verdict {
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
        let says_where = message.contains("line") || message.contains("byte");
        ensure!(says_where, "the refusal of {bytes:?} does not say where: {message}");
    }
    Ok(())
}

pub(crate) fn e4_the_empty_object(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::with(&store, &[entry("{}")])?;
    log.append(&entry("{}"))?;
    log.must_hold(&[entry("{}"), entry("{}")], "{} is an entry")
}

pub(crate) fn e4_two_hundred_levels(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let deep = entry(format!("{}1{}", r#"{"a":"#.repeat(200), "}".repeat(200)));
    let wide = entry(format!("{{\"a\":{}{}}}", "[".repeat(199), "]".repeat(199)));
    let log = Log::with(&store, &[deep.clone(), wide.clone()])?;
    log.must_hold(&[deep, wide], "200 levels of nesting are stored")
}

/// An entry of 64 MiB, made once: in a debug build it takes a while.
static LARGE: LazyLock<LogEntry> =
    LazyLock::new(|| entry(format!(r#"{{"large":"{}"}}"#, "0123456789abcdef".repeat(4 << 20))));

pub(crate) fn e4_sixty_four_mebibytes(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let log = Log::new(&store);
    match log.append(&LARGE) {
        Ok(()) => {
            let stored = std::slice::from_ref(&*LARGE);
            same_entries(&log.entries()?, stored, "a large entry is stored whole")?;
            log.append(&entry("{}"))?;
            same(&log.count()?, &2, "a large entry is one entry")
        }
        Err(StoreError::TooLarge { .. }) => {
            log.must_be_absent("an entry that is too large stores nothing")
        }
        Err(error) => Err(error.into()),
    }
}

pub(crate) fn e5_unknown_kinds_are_data(run: &Run<'_>) -> Verdict {
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
    let log = Log::with(&store, &strange)?;
    log.sibling().create(&strange)?;
    log.truncate(strange.len())?;
    log.must_hold(&strange, "unknown kinds and fields are data like any other")
}
