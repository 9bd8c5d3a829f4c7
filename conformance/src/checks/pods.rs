//! Checks of section P of the contract: pods (named agents with a pointer to their session) keep
//! all their fields, are replaced as a whole, and have distinct names.

use std::slice;

use session_store_core::{Pod, PodName, SegmentId, SessionId, StoreError};

use super::head::race_of_two;
use super::listing::many;
use crate::check_result::{CheckError, CheckResult, ensure, ensure_eq, ensure_err};
use crate::recording::RecordingStore;
use crate::run::Run;
use crate::snapshot::Snapshot;
use crate::threads::{race, write_while_reading};

pub(super) fn pod(text: impl Into<String>) -> Pod {
    Pod::from_json(text).expect("a sample is a pod")
}

/// Fails unless the stored pod equals `expected`. `None` means that there is no pod of this name.
pub(super) fn must_be(
    store: &RecordingStore,
    name: &PodName,
    expected: Option<&Pod>,
    context: &str,
) -> CheckResult {
    let found = store.required_pods().read_pod(name)?;
    let texts = (found.as_ref().map(Pod::as_json), expected.map(Pod::as_json));
    ensure_eq(&texts.0, &texts.1, &format!("{context}: pod {name:?}"))
}

/// Fails unless the names of the pods are exactly `expected`.
pub(super) fn must_list(
    store: &RecordingStore,
    expected: &[PodName],
    context: &str,
) -> CheckResult {
    ensure_eq(&&*store.required_pods().list_pods()?, &expected, context)
}

pub(crate) fn p1_put_creates_and_replaces(run: &Run<'_>) -> CheckResult {
    let (store, other) = (run.open()?, run.open()?);
    let name = "reviewer".parse()?;
    let (session_id, segment_id) = (SessionId::new(), SegmentId::new());
    let versions = [
        Pod::new(session_id, Some(segment_id)),
        pod(format!(r#"{{"long":"{}"}}"#, "x".repeat(9_000))),
        Pod::new(session_id, None),
        pod(format!(r#"{{"longer":"{}"}}"#, "x".repeat(200_000))),
        pod("{}"),
    ];
    for store in [&store, &other] {
        must_be(store, &name, None, "before the pod is put")?;
    }
    for version in &versions {
        store.required_pods().put_pod(&name, version)?;
        must_be(&store, &name, Some(version), "the pod after put_pod")?;
        must_be(&other, &name, Some(version), "the pod through another handle")?;
    }
    must_list(&store, slice::from_ref(&name), "the pods after one name was put several times")?;
    ensure_eq(&other.required_pods().delete_pod(&name)?, &true, "deleting the pod")?;
    must_be(&store, &name, None, "a pod that was put several times and deleted")?;
    must_list(&store, &[], "the pods after the delete")
}

pub(crate) fn p1_unknown_fields_are_kept(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let (session_id, segment_id) = (SessionId::new(), SegmentId::new());
    let active = format!(r#"{{"segment_id":"{segment_id}","session_id":"{session_id}","x":[]}}"#);
    let session = format!(r#"{{"session_id":"{session_id}"}}"#);
    let texts = [
        format!(r#"{{"z":1.0,"active":{active},"a":1e999}}"#),
        format!(r#"{{"active":{session},"active_note":null,"n":18446744073709551615}}"#),
        String::from(r#"{"active":null,"text":"\u0000\ud800 caf\u00e9 \/","dup":1,"dup":2}"#),
        String::from("{ \"nfc\" : \"caf\u{e9}\", \"nfd\":\"cafe\u{301}\",\"ls\":\"\u{2028}\" }"),
    ];
    for (n, text) in texts.iter().enumerate() {
        let name = format!("pod {n}").parse()?;
        store.required_pods().put_pod(&name, &pod(text.as_str()))?;
        must_be(&store, &name, Some(&pod(text.as_str())), "the stored text")?;
    }
    Ok(())
}

pub(crate) fn p1_the_pointer_is_read(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let (session_id, segment_id) = (SessionId::new(), SegmentId::new());
    for segment_id in [Some(segment_id), None] {
        let name = "pointing".parse()?;
        store.required_pods().put_pod(&name, &Pod::new(session_id, segment_id))?;
        let active = store.required_pods().read_pod(&name)?.and_then(|pod| pod.active());
        let found = active.map(|active| (active.session_id, active.segment_id));
        ensure_eq(&found, &Some((session_id, segment_id)), "the pointer of the pod")?;
    }
    Ok(())
}

pub(crate) fn p1_readers_see_the_old_or_the_new(run: &Run<'_>) -> CheckResult {
    let (writer, reader) = (run.open()?, run.open()?);
    let name = "busy".parse()?;
    let old = pod(r#"{"v":"old"}"#);
    let new = pod(format!(r#"{{"v":"new","p":"{}"}}"#, "x".repeat(20_011)));
    writer.required_pods().put_pod(&name, &old)?;
    let replace = |round| {
        Ok(writer.required_pods().put_pod(&name, if round % 2 == 0 { &new } else { &old })?)
    };
    write_while_reading(replace, || {
        let Some(found) = reader.required_pods().read_pod(&name)? else {
            return Err(CheckError::new("the pod does not exist while it is replaced"));
        };
        ensure!(found == old || found == new, "a pod that was never put: {found:?}");
        must_list(&reader, slice::from_ref(&name), "the pods while one is replaced")
    })
}

pub(crate) fn p2_absent_is_none(run: &Run<'_>) -> CheckResult {
    let (store, other) = (run.open()?, run.open()?);
    let (name, near) = ("reviewer".parse()?, "reviewer2".parse()?);
    must_list(&store, &[], "the pods of a fresh storage")?;
    must_be(&store, &name, None, "an absent pod")?;
    ensure_eq(&store.required_pods().delete_pod(&name)?, &false, "deleting an absent pod")?;
    store.required_pods().put_pod(&near, &pod("{}"))?;
    must_be(&store, &name, None, "an absent pod with the prefix of another's name")?;
    ensure_eq(&store.required_pods().delete_pod(&name)?, &false, "deleting an absent pod")?;
    ensure_eq(&store.required_pods().delete_pod(&near)?, &true, "deleting a pod")?;
    for store in [&store, &other] {
        must_be(store, &near, None, "a deleted pod")?;
        must_list(store, &[], "the pods after the delete")?;
    }
    ensure_eq(&store.required_pods().delete_pod(&near)?, &false, "deleting the pod again")
}

/// Returns names that a file system, a collation or a key syntax may confuse, refuse or hide.
fn odd_names() -> Vec<PodName> {
    let mut names: Vec<String> = [
        "reviewer",
        "Reviewer",
        "REVIEWER",
        "caf\u{e9}",
        "cafe\u{301}",
        "CAF\u{c9}",
        "straße",
        "STRASSE",
        "ı",
        "i",
        "I",
        "İ",
        " ",
        "  ",
        "a ",
        " a",
        "a",
        "a.",
        "a..",
        "...",
        ".a",
        "CON",
        "nul",
        "a:b",
        "a*b",
        "a?b",
        "a%b",
        "a%2Fb",
        "a{b}",
        "$HOME",
        "~",
        "-rf",
        "#1",
        "metadata.json",
        ".session-store",
        "pods",
        "日本語 🦀",
        "\u{200b}",
        "\u{feff}a",
        "\"",
        "'",
        "a\u{2028}b",
        "018f0000-0000-7000-8000-000000000000",
        "%",
        "_",
        "NULL",
        "ab",
        "a%62",
        "%61b",
        "a+b",
        "a b",
        "a_b",
        "a-b",
        "a.json",
        "a.tmp",
        "a.lock",
        "a~",
        ".a.swp",
        "1",
        "01",
        "1.0",
        "0x1",
        "true",
        "null",
        "pod:a",
        "{a}",
        "a,b",
        "a;b",
        "a=b",
        "<a>",
        "aux",
        "com1",
        "metadata",
        "e\u{301}\u{323}",
        "e\u{323}\u{301}",
        "\u{ff21}",
        "\u{212b}",
        "\u{e5}",
        "ﬁ",
        "fi",
    ]
    .map(String::from)
    .into();
    names.extend(["x".repeat(255), format!("{}y", "x".repeat(254)), "é".repeat(127)]);
    names.iter().map(|name| name.parse().expect("a sample is a valid name")).collect()
}

pub(crate) fn p3_names_never_alias(run: &Run<'_>) -> CheckResult {
    let (store, other) = (run.open()?, run.open()?);
    let names = odd_names();
    let value = |n: usize| pod(format!(r#"{{"value":{n}}}"#));
    for (n, name) in names.iter().enumerate() {
        must_be(&store, name, None, "a name before put_pod")?;
        store.required_pods().put_pod(name, &value(n))?;
    }
    for (n, name) in names.iter().enumerate() {
        must_be(&other, name, Some(&value(n)), "each name after all were put")?;
    }
    for (n, name) in names.iter().enumerate() {
        ensure_eq(&store.required_pods().delete_pod(name)?, &true, &format!("deleting {name:?}"))?;
        if let Some(next) = names.get(n + 1) {
            must_be(&store, next, Some(&value(n + 1)), "the next name after a delete")?;
        }
    }
    must_list(&other, &[], "the pods after all were deleted")
}

pub(crate) fn p2_names_are_sorted(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let mut names = odd_names();
    for name in &names {
        store.required_pods().put_pod(name, &pod("{}"))?;
    }
    names.sort();
    must_list(&store, &names, "every name, in byte order")
}

pub(crate) fn l6_many_pods(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let names: Vec<PodName> =
        (0..many()).map(|n| format!("pod {n:06}").parse()).collect::<Result<_, _>>()?;
    names.iter().try_for_each(|name| store.required_pods().put_pod(name, &pod("{}")))?;
    must_list(&store, &names, "many pods")
}

pub(crate) fn p3_bad_names_touch_nothing(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    store.required_pods().put_pod(&"kept".parse()?, &pod("{}"))?;
    let before = Snapshot::of(&store)?;
    let (long, wide) = ("x".repeat(256), "é".repeat(128));
    let forbidden = [
        "",
        ".",
        "..",
        "/",
        "a/b",
        "../../etc",
        "a\\b",
        "a\0b",
        "a\nb",
        "\u{7f}",
        "\u{85}",
        &long,
        &wide,
    ];
    for name in forbidden {
        let parsed = name.parse::<PodName>();
        ensure_err!(parsed, StoreError::InvalidPodName(refused) if refused == name);
    }
    before.must_be_unchanged_in(&store, "the storage after names were refused")
}

/// Fails unless the result is a conflict about the pod with that name.
fn must_conflict(result: &Result<(), StoreError>, name: &PodName) -> CheckResult {
    ensure_err!(*result, StoreError::PodConflict { name: reported } if reported == name.as_str());
    Ok(())
}

pub(crate) fn p4_it_puts_the_pod(run: &Run<'_>) -> CheckResult {
    let (store, other) = (run.open()?, run.open()?);
    let name = "reviewer".parse()?;
    let versions = [r#"{"v":1}"#, r#"{ "v" : 2 }"#, "{}", r#"{"v":1}"#].map(pod);
    let mut expected = None;
    for version in &versions {
        store.required_pods().put_pod_if(&name, expected, version)?;
        must_be(&store, &name, Some(version), "the pod after put_pod_if")?;
        must_be(&other, &name, Some(version), "the pod through another handle")?;
        expected = Some(version);
    }
    other.required_pods().put_pod_if(&name, expected, &versions[1])?;
    must_be(&store, &name, Some(&versions[1]), "the pod after put_pod_if of another handle")?;
    must_list(&store, &[name], "the pods after one name was put five times")
}

pub(crate) fn p4_a_conflict_changes_nothing(run: &Run<'_>) -> CheckResult {
    let (store, other) = (run.open()?, run.open()?);
    let (name, absent) = ("reviewer".parse()?, "writer".parse()?);
    let (old, new) = (pod(r#"{"v":"old"}"#), pod(r#"{"v":"new"}"#));
    let pods = store.required_pods();
    pods.put_pod(&name, &old)?;
    other.required_pods().put_pod(&name, &new)?;
    let before = Snapshot::of(&store)?;
    must_conflict(&pods.put_pod_if(&name, Some(&old), &pod("{}")), &name)?;
    must_conflict(&pods.put_pod_if(&name, None, &pod("{}")), &name)?;
    must_conflict(&pods.put_pod_if(&absent, Some(&new), &pod("{}")), &absent)?;
    before.must_be_unchanged_in(&store, "the storage after conflicts")?;
    other.required_pods().delete_pod(&name)?;
    must_conflict(&pods.put_pod_if(&name, Some(&new), &pod("{}")), &name)?;
    must_list(&store, &[], "the pods after a conflict about a deleted pod")
}

pub(crate) fn p4_bytes_are_compared(run: &Run<'_>) -> CheckResult {
    let store = run.open()?;
    let name = "reviewer".parse()?;
    let stored = pod(r#"{"a":1.0,"b":"\u00e9"}"#);
    store.required_pods().put_pod(&name, &stored)?;
    // These texts have the same JSON values as the stored pod, but other bytes.
    let equal_values = [
        r#"{"b":"\u00e9","a":1.0}"#,
        r#"{"a": 1.0,"b":"\u00e9"}"#,
        r#"{"a":1.00,"b":"\u00e9"}"#,
        r#"{"a":1.0,"b":"é"}"#,
    ];
    for expected in equal_values.map(pod) {
        let result = store.required_pods().put_pod_if(&name, Some(&expected), &pod("{}"));
        must_conflict(&result, &name)?;
    }
    must_be(&store, &name, Some(&stored), "the pod after conflicts")
}

/// Lets several writers put a pod with the same expected pod. Fails unless exactly one succeeds.
fn must_have_one_winner(run: &Run<'_>, expected: Option<&Pod>) -> CheckResult {
    const WRITERS: usize = 4;
    let handles = run.open_many(WRITERS)?;
    let versions: Vec<_> = (0..WRITERS).map(|n| pod(format!(r#"{{"w":{n}}}"#))).collect();
    for round in 0..40 {
        let name = format!("pod {round}").parse()?;
        if let Some(expected) = expected {
            handles[0].required_pods().put_pod(&name, expected)?;
        }
        let results = race(WRITERS, |writer| {
            let pods = handles[writer].required_pods();
            Ok(pods.put_pod_if(&name, expected, &versions[writer]))
        })?;
        let winners: Vec<_> = (0..WRITERS).filter(|&writer| results[writer].is_ok()).collect();
        ensure!(winners.len() == 1, "of {WRITERS} writers {winners:?} put the pod: {results:?}");
        must_be(&handles[0], &name, Some(&versions[winners[0]]), "the pod after a race")?;
        for result in results.iter().filter(|result| result.is_err()) {
            must_conflict(result, &name)?;
        }
    }
    Ok(())
}

pub(crate) fn p4_one_writer_wins(run: &Run<'_>) -> CheckResult {
    must_have_one_winner(run, Some(&pod(r#"{"v":"old"}"#)))
}

pub(crate) fn p4_one_creator_wins(run: &Run<'_>) -> CheckResult {
    must_have_one_winner(run, None)
}

pub(crate) fn p4_plain_puts_are_seen(run: &Run<'_>) -> CheckResult {
    let handles = run.open_many(2)?;
    let [old, plain, conditional] =
        ["old", "plain", "conditional"].map(|v| pod(format!(r#"{{"v":"{v}"}}"#)));
    for round in 0..40 {
        let name = format!("pod {round}").parse()?;
        handles[0].required_pods().put_pod(&name, &old)?;
        let [plain_result, _] = race_of_two(round, |writer| {
            let pods = handles[writer].required_pods();
            match writer {
                0 => pods.put_pod(&name, &plain),
                _ => pods.put_pod_if(&name, Some(&old), &conditional),
            }
        })?;
        plain_result?;
        // Either the plain put came last, or put_pod_if was a conflict.
        must_be(&handles[1], &name, Some(&plain), "the pod after a plain put beside put_pod_if")?;
    }
    Ok(())
}
