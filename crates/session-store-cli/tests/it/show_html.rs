//! Tests of `show --html`, which writes a session as one page.

use std::fs;

use crate::program::{Kind, OTHER, Place, SEGMENT, SESSION, append, run, run_with};

/// The content of a JSON string.
const HOSTILE: &str = r#"</title></style><script>alert(1)</script>\" onload=\"x\" </details> [a](javascript:alert(1)) https://example.com \u202e \u0007"#;

/// Creates a session of two segments with hostile texts. The second segment is forked.
fn hostile() -> (Place, String) {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    append(
        &url,
        &format!(
            "{{\"role\":\"user\",\"content\":\"{HOSTILE}\"}}\n\
             {{\"role\":\"assistant\",\"content\":[{{\"type\":\"tool_use\",\"name\":\"{HOSTILE}\",\
             \"input\":{{\"{HOSTILE}\":\"{HOSTILE}\"}}}}]}}\n\
             {{\"role\":\"tool\",\"content\":\"{}\"}}\n",
            HOSTILE.repeat(9)
        ),
    );
    let fork =
        format!("{{\"forked_from\":{{\"segment_id\":\"{SEGMENT}\",\"at_turn_index\":1}}}}\n");
    let create = ["create", &url, "-", "--session", SESSION, "--segment", OTHER];
    run_with(create, fork).ok();
    (place, url)
}

/// Returns the page of a session, as it is written to standard output.
fn page(url: &str) -> String {
    run(["show", url, SEGMENT, "--html", "-"]).ok()
}

#[test]
fn a_hostile_log_adds_no_markup_to_the_page() {
    let (_place, url) = hostile();
    let page = page(&url);
    assert!(page.starts_with("<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">"));
    assert!(page.ends_with("</main></body></html>\n"));
    for tag in ["<script", "<a href=\"javascript", "onload=\"", "<img", "<link", "<iframe"] {
        assert!(!page.contains(tag), "{tag}");
    }
    for tag in ["title", "style", "main", "body"] {
        assert_eq!(page.matches(&format!("</{tag}>")).count(), 1, "{tag}");
    }
    for tag in ["details", "summary", "article", "pre", "div"] {
        let opened =
            page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
        assert_eq!(page.matches(&format!("</{tag}>")).count(), opened, "{tag}");
    }
    assert!(!page.contains(['\u{202e}', '\u{7}']) && page.contains("\\u202e \\u0007"));
    let mut links = page.split("href=\"").skip(1);
    assert!(links.all(|link| link.starts_with("#segment-")), "links lead to the page only");
}

#[test]
fn the_page_has_a_policy_before_its_style_and_a_tree() {
    let (_place, url) = hostile();
    let page = page(&url);
    let policy = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; ";
    assert!(page.find(policy).unwrap() < page.find("<style>").unwrap());
    assert!(page.contains(&format!(
        "└── <a href=\"#segment-{OTHER}\">{OTHER}</a>  1 entry, forked at turn 1"
    )));
    for segment in [SEGMENT, OTHER] {
        assert!(page.contains(&format!("<div id=\"segment-{segment}\">")));
    }
    assert_eq!(page.matches("<details class=\"segment\" open>").count(), 1, "the named segment");
}

#[test]
fn an_existing_file_is_kept_without_force() {
    let (place, url) = hostile();
    let file = place.path("page.html");
    let show = ["show", &url, SEGMENT, "--html", file.to_str().unwrap()];
    let summary = format!("{}: 2 segments, 4 entries\n", file.display());
    assert_eq!(run(show).ok(), summary);
    assert_eq!(fs::read_to_string(&file).unwrap(), page(&url));

    fs::write(&file, "mine").unwrap();
    let message = run(show).refused(3);
    assert!(message.contains("--force"), "{message}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    assert_eq!(run(show.into_iter().chain(["--force"])).ok(), summary);
    for more in ["--text", "--trace", "--json"] {
        run(show.into_iter().chain([more])).refused(2);
    }
    let entry = format!("{SESSION}:{SEGMENT}:1");
    let message = run(["show", &url, &entry, "--html", "-"]).refused(3);
    assert!(message.contains("leave out its number"), "{message}");
}

#[test]
fn a_bad_line_is_reported_and_named_in_the_page() {
    let (place, url) = hostile();
    fs::write(place.path(&format!("a/{SESSION}/{SEGMENT}.jsonl")), "{}\nno <b> entry\n").unwrap();
    let ended = run(["show", &url, SEGMENT, "--html", "-"]);
    assert_eq!(ended.status, Some(3));
    assert!(ended.stderr.contains("at line 2"), "{ended:?}");
    let damage = ended.stdout.split("<article class=\"damage\">").nth(1).unwrap();
    assert!(damage.contains("at line 2") && damage.ends_with("</html>\n"), "{damage}");
}

#[test]
fn a_log_without_texts_is_shown_as_stored() {
    let place = Place::new();
    let url = place.url(Kind::Fs, "a");
    append(&url, "{\"n\":\"<b>\"}\n");
    let page = page(&url);
    let folded = "<details class=\"folded\"><summary><code>{&quot;n&quot;:&quot;&lt;b&gt;&quot;}";
    assert!(page.contains(folded), "{page}");
}
