//! Tests of `Redactor`, and of a writer that redacts its entries.
//!
//! The secrets are invented. The tests build the secrets from parts, so that no text in this
//! repository looks like a secret.

use std::sync::LazyLock;

use proptest::prelude::*;
use rstest::rstest;
use session_store_agent::{AppendOutcome, Redactor, SegmentWriter};
use session_store_core::{Head, LogEntry, SegmentId, SessionId, Store, StoreError, forward_store};

use crate::faulty_store::Fault::{LostAfter, LostBefore};
use crate::faulty_store::FaultyStore;
use crate::{bare_fork, entry};

/// Returns `count` characters that look random.
fn random(count: usize) -> String {
    "Ab3dE7gH".chars().cycle().take(count).collect()
}

fn upper(count: usize) -> String {
    "Q7ZK3MXA".chars().cycle().take(count).collect()
}

/// Redacts an entry. The patterns are compiled once for all tests.
fn redact_entry(entry: &LogEntry) -> LogEntry {
    static REDACTOR: LazyLock<Redactor> = LazyLock::new(Redactor::new);
    REDACTOR.redact(entry)
}

/// Redacts the string in a field of an entry, and returns the string.
fn redact(text: &str) -> String {
    let entry = LogEntry::encode(&serde_json::json!({"output": text})).unwrap();
    let redacted = redact_entry(&entry);
    assert_eq!(redact_entry(&redacted), redacted, "a second call changes nothing");
    let redacted: serde_json::Value = redacted.decode().unwrap();
    redacted["output"].as_str().unwrap().to_owned()
}

#[rstest]
#[case("anthropic-key", format!("sk-ant-api03-{}", random(95)))]
#[case("aws-key-id", format!("AKIA{}", upper(16)))]
#[case("github-token", format!("ghp_{}", random(36)))]
#[case("github-token", format!("github_pat_{}", random(82)))]
#[case("gitlab-token", format!("glpat-{}", random(20)))]
#[case("google-key", format!("AIza{}", random(35)))]
#[case("groq-key", format!("gsk_{}", random(52)))]
#[case("huggingface-token", format!("hf_{}", random(34)))]
#[case("npm-token", format!("npm_{}", random(36)))]
#[case("openai-key", format!("sk-proj-{}", random(156)))]
#[case("openai-key", format!("sk-{}T3BlbkFJ{}", random(20), random(20)))]
#[case("openrouter-key", format!("sk-or-v1-{}", "0a1b2c3d".repeat(8)))]
#[case("perplexity-key", format!("pplx-{}", random(48)))]
#[case("pypi-token", format!("pypi-AgEIcHlwaS5vcmc{}", random(150)))]
#[case("replicate-token", format!("r8_{}", random(37)))]
#[case("slack-token", format!("xoxb-{}", random(40)))]
#[case("slack-webhook", format!("hooks.slack.com/services/T{}/B{}/{}", upper(8), upper(8), random(24)))]
#[case("stripe-key", format!("sk_live_{}", random(24)))]
#[case("xai-key", format!("xai-{}", random(80)))]
#[case("private-key", format!("-----BEGIN RSA PRIVATE KEY-----\n{0}\n{0}==\n-----END RSA PRIVATE KEY-----", random(64)))]
#[case("private-key", format!("-----BEGIN PRIVATE KEY-----\\n{0}\\n-----END PRIVATE KEY-----", random(64)))]
#[case("private-key", format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{}", random(70)))]
fn a_secret_is_replaced_by_its_kind(#[case] kind: &str, #[case] secret: String) {
    for (before, after) in [("", ""), ("KEY=", "\nmore"), ("\"", "\""), ("\\n", "\\n"), ("é", " é")]
    {
        let redacted = redact(&format!("{before}{secret}{after}"));
        assert_eq!(redacted, format!("{before}[redacted {kind}]{after}"));
    }
    let json_in_a_string = serde_json::json!({"key": secret, "path": "a\\b"}).to_string();
    let redacted = redact(&json_in_a_string);
    assert!(redacted.contains(&format!("[redacted {kind}]")), "{redacted}");
}

#[test]
fn only_the_token_of_a_header_is_replaced() {
    let token = random(32);
    assert_eq!(
        redact(&format!("curl -H 'Authorization: Bearer {token}' https://x")),
        "curl -H 'Authorization: Bearer [redacted bearer-token]' https://x"
    );
}

#[rstest]
#[case("Authorization: Bearer $TOKEN")]
#[case("the bearer authentication-is-not-configured here")]
#[case("Bearer <your token>, sk-ant-…, ghp_xxx, AKIA")]
#[case("-----BEGIN PRIVATE KEY----- is the first line of the file")]
#[case("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----")]
#[case("a sk-learn pipeline, hf_hub_download, npm_config_registry=https://registry")]
#[case("3f6c1d52-8a40-4c1e-9b7d-2e5a90c4b811 da39a3ee5e6b4b0d3255bfef95601890afd80709")]
fn other_text_is_kept(#[case] text: &str) {
    assert_eq!(redact(text), text);
}

#[test]
fn other_bytes_of_the_entry_are_kept() {
    let secret = format!("ghp_{}", random(36));
    let text =
        |token: &str| format!(r#"{{"a":1.0,"b":"\u0041\/","a":null,"t":"{token}","z":1e999}}"#);
    let redacted = redact_entry(&entry(&text(&secret)));
    assert_eq!(redacted.as_json(), text("[redacted github-token]"));
}

proptest! {
    #[test]
    fn an_entry_without_a_secret_is_unchanged(text in ".*", number in any::<f64>()) {
        let entry = LogEntry::encode(&serde_json::json!({"text": text, "n": number})).unwrap();
        prop_assert_eq!(redact_entry(&entry), entry);
    }
}

/// An entry with a secret, and the same entry after its redaction.
fn secret_entry() -> (LogEntry, LogEntry) {
    let with = entry(&format!("{{\"output\":\"gsk_{}\"}}", random(52)));
    (with, entry("{\"output\":\"[redacted groq-key]\"}"))
}

fn redacting_writer(store: &FaultyStore) -> SegmentWriter<FaultyStore> {
    let writer = SegmentWriter::create(store.clone(), SessionId::new(), &[entry("{}")]).unwrap();
    writer.map_entries(redact_entry)
}

#[test]
fn a_writer_recognizes_its_redacted_entries_after_a_lost_reply() {
    let (with, without) = secret_entry();
    let store = FaultyStore::default();
    let mut writer = redacting_writer(&store);
    store.set_faults(&[LostAfter]);
    let outcome = writer.append_or_fork(std::slice::from_ref(&with), bare_fork).unwrap();
    assert_eq!(outcome, AppendOutcome::Stayed);

    store.set_faults(&[LostAfter, LostBefore, LostBefore, LostBefore]);
    writer.append(&with).unwrap_err();
    writer.append(&with).unwrap();
    let log = store.read_all(writer.session_id(), writer.segment_id()).unwrap();
    assert_eq!(log, [entry("{}"), without.clone(), without]);
}

#[test]
fn the_start_of_a_fork_is_redacted() {
    let (with, without) = secret_entry();
    let store = FaultyStore::default();
    let mut writer = redacting_writer(&store);
    store.append(writer.session_id(), writer.segment_id(), &entry("{}")).unwrap();
    let opening = |_| Ok(vec![with.clone()]);
    let _ = writer.append_or_fork(std::slice::from_ref(&with), opening).unwrap();
    let log = store.read_all(writer.session_id(), writer.segment_id()).unwrap();
    assert_eq!(log, [without.clone(), without]);
}

/// A store that redacts entries. The test below shows why a store must not do this.
struct RedactingStore(FaultyStore);

impl Store for RedactingStore {
    forward_store! { self => self.0;
        append read_all list_sessions list_segments lookup_session_of create_segment exists
        read_entry_count append_trace capabilities read_page head
    }

    fn append_if(
        &self,
        session: SessionId,
        segment: SegmentId,
        expected: Option<Head>,
        entries: &[LogEntry],
    ) -> Result<Head, StoreError> {
        let redacted: Vec<_> = entries.iter().map(redact_entry).collect();
        self.0.append_if(session, segment, expected, &redacted)
    }
}

#[test]
fn a_store_that_redacts_stores_a_turn_twice_after_a_lost_reply() {
    let (with, without) = secret_entry();
    let faulty = FaultyStore::default();
    let (session, store) = (SessionId::new(), RedactingStore(faulty.clone()));
    let mut writer = SegmentWriter::create(store, session, &[entry("{}")]).unwrap();
    faulty.set_faults(&[LostAfter]);
    let outcome = writer.append_or_fork(&[with], bare_fork).unwrap();
    // The stored entry differs from the entry that the writer sent. So the writer takes the stored
    // entry for an entry of another writer.
    assert!(matches!(outcome, AppendOutcome::Forked { .. }));
    let segments = faulty.list_segments(session).unwrap();
    let logs = segments.iter().flat_map(|segment| faulty.read_all(session, *segment).unwrap());
    assert_eq!(logs.filter(|entry| *entry == without).count(), 2);
}
