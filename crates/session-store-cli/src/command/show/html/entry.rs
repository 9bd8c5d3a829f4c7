//! The HTML of one entry. Every text of a log is escaped, and none becomes a link or an attribute.

use maud::{Markup, html};
use serde_json::Value;
use session_store_import::{Description, Role, ToolCall};

use crate::log_format::{has_words, is_folded, role_name, words_of};
use crate::table::in_seconds;
use crate::terminal::visible;
use crate::text::{on_one_line, plural, shortened};

/// The number of characters of a folded text that are shown.
const SHOWN_CHARACTERS: usize = 100;

/// The number of characters of a message of the program or a result that is not folded.
const UNFOLDED_CHARACTERS: usize = 200;

/// Returns the title, the text and the calls of tools of an entry. For an entry without any of
/// these, the markup is empty.
pub(super) fn entry(description: &Description) -> Markup {
    let Description { title, tool_calls, role, time, .. } = description;
    let name = role_name(*role);
    html! {
        @if let Some(title) = title { h3 { (shown(title)) } }
        @if has_words(description) {
            article class=(name) {
                header {
                    b.role { (name) }
                    @if let Some(time) = time.and_then(in_seconds) {
                        time datetime=(time) { (time) }
                    }
                }
                @if let Some(text) = words_of(description) { (said(text, *role)) }
                @for call in tool_calls { (tool_call(call)) }
            }
        }
    }
}

/// Returns the stored text of an entry, folded.
pub(super) fn stored(json: &str) -> Markup {
    let text = shown(json);
    html! {
        article.entry {
            details.folded {
                summary { code { (shortened(&text, SHOWN_CHARACTERS)) } }
                pre { (text) }
            }
        }
    }
}

fn said(text: &str, role: Option<Role>) -> Markup {
    let text = shown(text);
    let is_long = text.chars().nth(UNFOLDED_CHARACTERS).is_some();
    html! {
        @if is_folded(role) && is_long {
            details.folded {
                summary {
                    (shortened(&on_one_line(&text), SHOWN_CHARACTERS)) " "
                    small { (plural(text.lines().count(), "line", "lines")) }
                }
                pre { (text) }
            }
        } @else if role == Some(Role::Tool) {
            pre { (text) }
        } @else {
            div.said { (text) }
        }
    }
}

fn tool_call(call: &ToolCall) -> Markup {
    let start = shortened(&on_one_line(&shown(&call.input)), SHOWN_CHARACTERS);
    html! {
        details.call {
            summary { b { (shown(&call.name)) } " " code { (start) } }
            (arguments(&call.input))
        }
    }
}

/// Returns the arguments of a tool by name, with their line breaks.
fn arguments(input: &str) -> Markup {
    let Ok(Value::Object(fields)) = serde_json::from_str(input) else {
        return html! { pre { (shown(input)) } };
    };
    let text = |value: &Value| match value {
        Value::String(text) => shown(text),
        value => shown(&value.to_string()),
    };
    html! {
        dl {
            @for (name, value) in &fields {
                dt { (shown(name)) }
                dd { pre { (text(value)) } }
            }
        }
    }
}

/// Returns a text whose hidden characters are escaped, so that they cannot change how a browser
/// shows the rest, for example from right to left.
pub(super) fn shown(text: &str) -> String {
    visible(&text.replace("\r\n", "\n")).into_owned()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    const HOSTILE: &str = "</details></pre><script>alert(1)</script>\" onclick='x' \
                           <a href=javascript:alert(1)>\u{202e}\u{1b}[2J\0 &amp;";

    /// The only markup is ours: each `<` begins one of these tags.
    fn assert_escaped(html: &str) {
        const TAGS: [&str; 14] = [
            "h3>",
            "article class=",
            "header>",
            "b class=\"role\">",
            "b>",
            "time datetime=",
            "time>",
            "details class=",
            "summary>",
            "small>",
            "pre>",
            "dl>",
            "dt>",
            "dd>",
        ];
        for tag in html.split('<').skip(1) {
            let tag = tag.strip_prefix('/').unwrap_or(tag);
            let is_ours = TAGS.iter().any(|ours| tag.starts_with(ours))
                || ["article>", "b>", "code>", "details>", "div class=\"said\">", "div>"]
                    .iter()
                    .any(|ours| tag.starts_with(ours));
            assert!(is_ours, "<{tag}");
        }
        assert!(!html.contains(['\u{202e}', '\u{1b}', '\0']), "{html}");
        assert!(html.contains("&lt;script&gt;"), "{html}");
    }

    #[test]
    fn hostile_texts_are_escaped() {
        for role in [None, Some(Role::User), Some(Role::Tool)] {
            for times in [1, 9] {
                let text = Some(HOSTILE.repeat(times));
                assert_escaped(&entry(&Description { role, text, ..Description::default() }).0);
            }
        }
        assert_escaped(&stored(HOSTILE).0);
        let title = Some(HOSTILE.to_owned());
        assert_escaped(&entry(&Description { title, ..Description::default() }).0);
        let object = serde_json::json!({ HOSTILE: HOSTILE, "n": [HOSTILE] }).to_string();
        for input in [HOSTILE.to_owned(), object] {
            let call = ToolCall { name: HOSTILE.to_owned(), input };
            let tool_calls = vec![call];
            assert_escaped(&entry(&Description { tool_calls, ..Description::default() }).0);
        }
    }

    #[test]
    fn a_call_of_a_tool_is_folded_and_has_its_arguments() {
        let input = r#"{"command":"echo \"hi\"\nls"}"#.to_owned();
        let call = ToolCall { name: "Bash".to_owned(), input };
        assert_eq!(
            tool_call(&call).0,
            "<details class=\"call\"><summary><b>Bash</b> \
             <code>{&quot;command&quot;:&quot;echo \\&quot;hi\\&quot;\\nls&quot;}</code></summary>\
             <dl><dt>command</dt><dd><pre>echo &quot;hi&quot;\nls</pre></dd></dl></details>"
        );
    }

    #[test]
    fn a_long_result_of_a_tool_is_folded() {
        let result = |text: &str| {
            let (role, text) = (Some(Role::Tool), Some(text.to_owned()));
            entry(&Description { role, text, ..Description::default() }).0
        };
        assert!(!result("short").contains("<details"));
        assert!(result(&"line\n".repeat(60)).contains("<small>60 lines</small></summary><pre>"));
    }

    #[test]
    fn an_entry_without_words_is_empty() {
        assert_eq!(entry(&Description::default()).0, "");
        let time = Some(UNIX_EPOCH + Duration::from_secs(1));
        let text = Some("hi".to_owned());
        let html = entry(&Description { time, text, ..Description::default() }).0;
        assert!(html.contains("<time datetime=\"1970-01-01T00:00:01Z\">"), "{html}");
    }
}
