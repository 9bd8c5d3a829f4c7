//! P: pods keep their owner's fields, are replaced whole, and never pass for each other.

use session_store_core::{Pod, PodName, PodStore, SegmentId, SessionId, Store, StoreError};

use crate::failure::{Failure, Verdict, ensure, ensure_err, same};
use crate::recorded::Recorded;
use crate::run::Run;
use crate::snapshot::Snapshot;
use crate::threads::during;

fn pods(store: &Recorded) -> &dyn PodStore {
    store.pods().expect("the check needs pods")
}

fn pod(text: impl Into<String>) -> Pod {
    Pod::from_json(text).expect("a sample is a pod")
}

/// Fails unless the pod of that name is exactly `expected`, and `None` means that there is none.
fn must_be(pods: &dyn PodStore, name: &PodName, expected: Option<&Pod>, promise: &str) -> Verdict {
    let found = pods.read_pod(name)?;
    let texts = (found.as_ref().map(Pod::as_json), expected.map(Pod::as_json));
    same(&texts.0, &texts.1, &format!("{promise}: pod {name:?}"))
}

pub(crate) fn p1_put_creates_and_replaces(run: &Run<'_>) -> Verdict {
    let (store, other) = (run.open()?, run.open()?);
    let name = "reviewer".parse()?;
    let (session_id, segment_id) = (SessionId::new(), SegmentId::new());
    let versions = [
        Pod::new(session_id, Some(segment_id)),
        pod(format!(r#"{{"long":"{}"}}"#, "x".repeat(9_000))),
        Pod::new(session_id, None),
        pod("{}"),
    ];
    for version in &versions {
        pods(&store).put_pod(&name, version)?;
        must_be(pods(&store), &name, Some(version), "put replaces the pod whole")?;
        must_be(pods(&other), &name, Some(version), "another handle sees it at once")?;
    }
    same(&pods(&store).list_pods()?, &vec![name], "one name, one pod")
}

pub(crate) fn p1_unknown_fields_are_kept(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let (session_id, segment_id) = (SessionId::new(), SegmentId::new());
    let texts = [
        format!(
            r#"{{"z":1.0,"active":{{"segment_id":"{segment_id}","session_id":"{session_id}","x":[]}},"a":1e999}}"#
        ),
        format!(
            r#"{{"active":{{"session_id":"{session_id}"}},"active_note":null,"n":18446744073709551615}}"#
        ),
        String::from(r#"{"active":null,"text":"\u0000\ud800 caf\u00e9 \/","dup":1,"dup":2}"#),
        String::from("{ \"nfc\" : \"caf\u{e9}\", \"nfd\":\"cafe\u{301}\",\"ls\":\"\u{2028}\" }"),
    ];
    for (n, text) in texts.iter().enumerate() {
        let name = format!("pod {n}").parse()?;
        pods(&store).put_pod(&name, &pod(text.as_str()))?;
        must_be(pods(&store), &name, Some(&pod(text.as_str())), "byte for byte")?;
    }
    Ok(())
}

pub(crate) fn p1_the_pointer_is_read(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let (session_id, segment_id) = (SessionId::new(), SegmentId::new());
    for segment_id in [Some(segment_id), None] {
        let name = "pointing".parse()?;
        pods(&store).put_pod(&name, &Pod::new(session_id, segment_id))?;
        let active = pods(&store).read_pod(&name)?.and_then(|pod| pod.active());
        let found = active.map(|active| (active.session_id, active.segment_id));
        same(&found, &Some((session_id, segment_id)), "where the pod points")?;
    }
    Ok(())
}

pub(crate) fn p1_readers_see_the_old_or_the_new(run: &Run<'_>) -> Verdict {
    let (writer, reader) = (run.open()?, run.open()?);
    let name = "busy".parse()?;
    let old = pod(r#"{"v":"old"}"#);
    let new = pod(format!(r#"{{"v":"new","p":"{}"}}"#, "x".repeat(20_011)));
    pods(&writer).put_pod(&name, &old)?;
    let replace =
        |round| Ok(pods(&writer).put_pod(&name, if round % 2 == 0 { &new } else { &old })?);
    during(replace, || {
        let Some(found) = pods(&reader).read_pod(&name)? else {
            return Err(Failure::new("the pod vanished while it was replaced"));
        };
        ensure!(found == old || found == new, "a pod that nobody put: {found:?}");
        same(&pods(&reader).list_pods()?.len(), &1, "the pod is listed while it is replaced")
    })
}

pub(crate) fn p2_absent_is_none(run: &Run<'_>) -> Verdict {
    let (store, other) = (run.open()?, run.open()?);
    let (name, near) = ("reviewer".parse()?, "reviewer2".parse()?);
    same(&pods(&store).list_pods()?, &Vec::new(), "a fresh storage has no pod")?;
    must_be(pods(&store), &name, None, "one that is not there")?;
    same(&pods(&store).delete_pod(&name)?, &false, "deleting what is not there")?;
    pods(&store).put_pod(&near, &pod("{}"))?;
    must_be(pods(&store), &name, None, "one beside another of a like name")?;
    same(&pods(&store).delete_pod(&name)?, &false, "deleting what is not there")?;
    same(&pods(&store).delete_pod(&near)?, &true, "deleting what is there")?;
    for store in [&store, &other] {
        must_be(pods(store), &near, None, "a deleted pod")?;
        same(&pods(store).list_pods()?, &Vec::new(), "a deleted pod is not listed")?;
    }
    same(&pods(&store).delete_pod(&near)?, &false, "deleting twice")
}

/// Names that a file system, a collation or a key syntax may confuse, refuse or hide.
fn odd_names() -> Vec<String> {
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
    ]
    .map(String::from)
    .into();
    names.extend(["x".repeat(255), format!("{}y", "x".repeat(254)), "é".repeat(127)]);
    names
}

pub(crate) fn p3_names_never_alias(run: &Run<'_>) -> Verdict {
    let (store, other) = (run.open()?, run.open()?);
    let names: Result<Vec<PodName>, _> = odd_names().iter().map(|name| name.parse()).collect();
    let names = names?;
    let value = |n: usize| pod(format!(r#"{{"value":{n}}}"#));
    for (n, name) in names.iter().enumerate() {
        must_be(pods(&store), name, None, "before it was put")?;
        pods(&store).put_pod(name, &value(n))?;
    }
    for (n, name) in names.iter().enumerate() {
        must_be(pods(&other), name, Some(&value(n)), "each name is its own")?;
    }
    for (n, name) in names.iter().enumerate() {
        same(&pods(&store).delete_pod(name)?, &true, &format!("deleting {name:?}"))?;
        if let Some(next) = names.get(n + 1) {
            must_be(pods(&store), next, Some(&value(n + 1)), "deleting one leaves the next")?;
        }
    }
    same(&pods(&other).list_pods()?, &Vec::new(), "every pod was deleted")
}

pub(crate) fn p2_names_are_sorted(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    let names: Result<Vec<PodName>, _> = odd_names().iter().map(|name| name.parse()).collect();
    let mut names = names?;
    for name in &names {
        pods(&store).put_pod(name, &pod("{}"))?;
    }
    names.sort();
    same(&pods(&store).list_pods()?, &names, "every name, sorted by its bytes")
}

pub(crate) fn p3_bad_names_touch_nothing(run: &Run<'_>) -> Verdict {
    let store = run.open()?;
    pods(&store).put_pod(&"kept".parse()?, &pod("{}"))?;
    let before = Snapshot::of(&store)?;
    let (long, wide) = ("x".repeat(256), "é".repeat(128));
    let refused = [
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
    for name in refused {
        let parsed = name.parse::<PodName>();
        ensure_err!(parsed, StoreError::InvalidPodName(told) if told == name);
    }
    before.must_be_what(&store, "a refused name touches no storage")
}
