//! Tests of `search`, which finds entries by their text, author, time or kind, and reports
//! unreadable logs.

use std::fs;

use rstest::rstest;

use crate::program::{Ended, Kind, OTHER, Place, SEGMENT, SESSION, append, run, run_with};

const QUESTION: &str = r#"{"kind":"user_input","text":"Why does Leap fail?"}"#;
const ANSWER: &str = r#"{"kind":"assistant_item","text":"No leap, 1.0 and 1e999"}"#;
const FOREIGN: &str = r#"{"type":"user_input","message":{"kind":"leap"}}"#;

/// Creates two sessions that each have a segment of the same id.
fn populated(kind: Kind) -> (Place, String) {
    let place = Place::new();
    let url = place.url(kind, "a");
    append(&url, &format!("{QUESTION}\n{{}}\n{ANSWER}\n"));
    let create = ["create", &url, "-", "--session", OTHER, "--segment", SEGMENT];
    run_with(create, format!("{FOREIGN}\n")).ok();
    (place, url)
}

fn found(session: &str, number: usize, entry: &str) -> String {
    format!("{session}:{SEGMENT}:{number}:{entry}\n")
}

#[rstest]
#[case(&["leap"], &[(OTHER, 1, FOREIGN), (SESSION, 3, ANSWER)])]
#[case(&["LEAP F", "--ignore-case"], &[(SESSION, 1, QUESTION)])]
#[case(&["--kind", "user_input"], &[(OTHER, 1, FOREIGN), (SESSION, 1, QUESTION)])]
#[case(&["Leap", "--kind", "user_input"], &[(SESSION, 1, QUESTION)])]
#[case(&["leap", "--session", SESSION], &[(SESSION, 3, ANSWER)])]
#[case(&["leap", "--session", SESSION, "--session", OTHER],
       &[(OTHER, 1, FOREIGN), (SESSION, 3, ANSWER)])]
fn a_stored_entry_is_printed_with_its_session_segment_and_number(
    #[values(Kind::Fs, Kind::Sqlite)] kind: Kind,
    #[case] pattern: &[&str],
    #[case] expected: &[(&str, usize, &str)],
) {
    let (_place, url) = populated(kind);
    let expected: String =
        expected.iter().map(|(session, number, entry)| found(session, *number, entry)).collect();
    assert_eq!(run(["search", "--raw", &url].iter().chain(pattern)).ok(), expected);
}

/// A log with an escaped quote, an escaped umlaut, and arguments of a tool.
const SPOKEN: &str = r#"{"type":"user","uuid":"u1","parentUuid":null,"cwd":"/needle","timestamp":"2026-05-03T12:00:00Z","message":{"role":"user","content":"Please say \"hi\"\n\nto the S\u00e4nger."}}
{"type":"assistant","uuid":"u2","parentUuid":"u1","timestamp":"2026-05-04T12:00:00Z","message":{"role":"assistant","content":[{"type":"tool_use","name":"Bash","input":{"command":"echo \"hi\" needle"}}]}}
{"type":"summary","summary":"Say hi","leafUuid":"u2"}
"#;

fn spoken() -> (Place, String) {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    append(&url, SPOKEN);
    (place, url)
}

#[rstest]
#[case::quotes(&["say \"hi\" to"], "")]
#[case::quotes_and_lines(&["say \"hi\"\n\nto"], "1:user: Please say \"hi\" to the Sänger.")]
#[case::umlaut(&["SÄNGER", "-i"], "1:user: Please say \"hi\" to the Sänger.")]
#[case::arguments(&["o \"hi\""], "2:assistant: echo \"hi\" needle")]
#[case::only_what_is_said(&["needle"], "2:assistant: echo \"hi\" needle")]
#[case::title(&["Say hi"], "3:entry: Say hi")]
#[case::role(&["hi", "--role", "assistant"], "2:assistant: echo \"hi\" needle")]
#[case::role_alone(&["--role", "assistant"], "2:assistant: Bash")]
#[case::since(&["hi", "--since", "2026-05-04T00:00:00Z"], "2:assistant: echo \"hi\" needle")]
#[case::until(&["hi", "--until", "2026-05-04T00:00:00Z"], "1:user: Please say \"hi\" to the Sänger.")]
fn the_decoded_text_is_searched(#[case] pattern: &[&str], #[case] expected: &str) {
    let (_place, url) = spoken();
    let ended = run(["search", &url].iter().chain(pattern));
    if expected.is_empty() {
        assert_eq!(ended.refused(1), "");
    } else {
        assert_eq!(ended.ok(), format!("{SESSION}:{SEGMENT}:{expected}\n"));
    }
}

#[test]
fn the_json_of_a_hit_has_its_author_time_and_excerpt() {
    let (_place, url) = spoken();
    let json = run(["search", &url, "Bash", "--json"]).ok();
    let expected = format!(
        "{{\"session_id\":\"{SESSION}\",\"segment_id\":\"{SEGMENT}\",\"number\":2,\
         \"role\":\"assistant\",\"time\":\"2026-05-04T12:00:00Z\",\"excerpt\":\"Bash\",\"entry\":{{"
    );
    assert!(json.starts_with(&expected), "{json}");
}

#[test]
fn the_sessions_of_the_hits_can_be_listed() {
    let (_place, url) = populated(Kind::Fs);
    assert_eq!(run(["search", &url, "-l", "--raw", "eap"]).ok(), format!("{OTHER}\n{SESSION}\n"));
    assert_eq!(run(["search", &url, "-l", "eap"]).ok(), format!("{SESSION}\n"));
    let json = run(["search", &url, "-l", "eap", "--json"]).ok();
    assert_eq!(json, format!("{{\"session_id\":\"{SESSION}\"}}\n"));
}

#[test]
fn the_json_contains_the_stored_entry() {
    let (_place, url) = populated(Kind::Fs);
    let json = format!(
        "{{\"session_id\":\"{SESSION}\",\"segment_id\":\"{SEGMENT}\",\"number\":3,\"entry\":{ANSWER}}}\n"
    );
    assert_eq!(run(["search", &url, "--raw", "1e999", "--json"]).ok(), json);
}

#[test]
fn the_exit_status_is_1_without_a_match() {
    let (_place, url) = populated(Kind::Fs);
    for pattern in [["LEAP F", "--json"], ["--kind", "leap"], ["zz", "--kind=user_input"]] {
        assert_eq!(run(["search", &url].into_iter().chain(pattern)).refused(1), "");
    }
    assert_eq!(run(["search", "memory:", "leap"]).refused(1), "");
}

#[test]
fn a_pattern_and_an_existing_session_are_required() {
    let (_place, url) = populated(Kind::Fs);
    run(["search", &url]).refused(2);
    let message = run(["search", &url, "leap", "--session", SEGMENT]).refused(4);
    assert!(message.contains(SEGMENT), "{message}");
}

#[test]
fn bad_lines_are_reported_and_the_lines_after_them_are_searched() {
    let (place, url) = populated(Kind::Fs);
    let log = place.path("a").join(SESSION).join(format!("{SEGMENT}.jsonl"));
    fs::write(log, format!("\n{{}}\n{{}}{{}}\nleap\n{ANSWER}\n{{\"leap\":\"torn")).unwrap();
    let ended = run(["search", "--raw", &url, "leap"]);
    assert_eq!(ended.status, Some(3));
    let expected = [found(OTHER, 1, FOREIGN), found(SESSION, 4, ANSWER)].concat();
    assert_eq!(ended.stdout, expected, "blank lines are not counted");
    let named = |ended: &Ended| {
        let lines = ended.stderr.lines().filter(|line| line.contains("at line "));
        lines.map(|line| line.contains("at line 3:")).collect::<Vec<_>>()
    };
    assert_eq!(named(&ended), [true, false], "{ended:?}");

    let nothing = run(["search", &url, "no such text"]);
    assert_eq!((nothing.status, nothing.stdout.as_str()), (Some(3), ""), "{nothing:?}");
    assert_eq!(named(&nothing), [true, false], "a bad line without the text is reported too");
}

#[cfg(target_os = "linux")]
#[test]
fn an_unreadable_log_does_not_stop_the_search() {
    let (place, url) = populated(Kind::Fs);
    place.add_unreadable_log("a", OTHER, OTHER);
    let ended = run(["search", "--raw", &url, "leap"]);
    assert_eq!((ended.status, ended.stdout.lines().count()), (Some(3), 2), "{ended:?}");
    assert!(ended.stderr.contains(OTHER), "{ended:?}");
}

/// `serde_json` refuses to decode these numbers and this nesting.
#[rstest]
#[case::number(r#"{"role":"user","content":"a needle","n":1e999}"#)]
#[case::deep(r#"{"role":"user","content":"a needle","n":DEEP}"#)]
#[case::program(r#"{"parentUuid":"","message":{"role":"user","content":"a needle"},"n":1e999}"#)]
fn an_entry_over_a_limit_of_the_decoder_is_found_and_shown(#[case] entry: &str) {
    let entry = entry.replace("DEEP", &format!("{}{}", "[".repeat(200), "]".repeat(200)));
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    append(&url, &format!("{entry}\n"));
    let found = run(["search", &url, "needle"]).ok();
    assert!(found.ends_with(":1:user: a needle\n"), "{found}");
    assert!(run(["show", &url, SEGMENT, "--text"]).ok().contains("a needle"));
    assert!(run(["show", &url, SEGMENT, "--html", "-"]).ok().contains("a needle</div>"));
}

#[test]
fn an_entry_with_a_lone_surrogate_is_found_and_shown() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    append(&url, "{\"role\":\"user\",\"content\":\"a needle \\ud83d\"}\n");
    let found = run(["search", &url, "needle"]).ok();
    assert!(found.ends_with(":1:user: a needle \u{fffd}\n"), "{found}");
    assert!(run(["show", &url, SEGMENT, "--text"]).ok().contains("a needle \u{fffd}"));
}
