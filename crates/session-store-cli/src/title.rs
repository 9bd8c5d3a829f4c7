//! The title of a session: the title that its program has given, or else the user's first words.

use session_store::{LogEntry, OpenStore, PageRequest, SegmentKey, Store};
use session_store_import::{Role, format_of};

use crate::failure::{Context, Failure, ok_or_report};
use crate::listing::ListedSegment;
use crate::text::{on_one_line, shortened};

/// The number of bytes at the start of a log in which a title is looked for.
const READ_BYTES: usize = 64 * 1024;

/// The number of characters of a title that are shown.
const SHOWN_CHARACTERS: usize = 60;

/// The program that wrote a session, and the title of the session.
pub(crate) struct Headline {
    pub(crate) agent: &'static str,
    pub(crate) title: Option<String>,
}

/// Returns the segment that begins the conversation: the segment with the id of the session, or
/// else the oldest segment. Newer segments are listed first.
pub(crate) fn main_segment(segments: &[ListedSegment]) -> Option<SegmentKey> {
    let mut keys = segments.iter().map(|segment| segment.key);
    let is_main = |key: &SegmentKey| key.session_id.to_string() == key.segment_id.to_string();
    keys.find(is_main).or_else(|| segments.last().map(|segment| segment.key))
}

/// Reads the beginning of a log. Returns `None` for a log without entries.
pub(crate) fn read_headline(
    store: &OpenStore,
    key: SegmentKey,
) -> Result<Option<Headline>, Failure> {
    let request = PageRequest::new(0, READ_BYTES).with_head(false);
    let page = store.read_page_with(key.session_id, key.segment_id, request);
    let (entries, _) =
        page.context(|| format!("read the beginning of {key} from {}", store.url()))?;
    Ok((!entries.is_empty()).then(|| headline(&entries)))
}

/// Reads the title of a log. If that fails, the error is reported and the title is unknown.
pub(crate) fn read_title(store: &OpenStore, key: SegmentKey) -> Option<String> {
    ok_or_report(read_headline(store, key))??.title
}

fn headline(entries: &[LogEntry]) -> Headline {
    let format = format_of(entries);
    let described = || entries.iter().map(|entry| format.describe(entry));
    let given = described().find_map(|entry| entry.title);
    let by_user = |entry: &session_store_import::Description| entry.role == Some(Role::User);
    let said = || described().filter(by_user).filter_map(|entry| entry.text);
    // Skip texts in markup, because some programs begin with instructions in markup that have the
    // role of the user.
    let spoken = || said().find(|text| !text.trim_start().starts_with('<'));
    let title = given.or_else(spoken).or_else(|| said().next());
    Headline {
        agent: format.name(),
        title: title.map(|text| shortened(&on_one_line(&text), SHOWN_CHARACTERS)),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::given(r#"{"type":"summary","summary":"Fix it","leafUuid":"u"} {"parentUuid":null,"type":"user","message":{"role":"user","content":"hi"}}"#, "claude-code", Some("Fix it"))]
    #[case::words(
        r#"{"role":"user","content":"Why does\n it fail?"}"#,
        "jsonl",
        Some("Why does it fail?")
    )]
    #[case::markup(
        r#"{"role":"user","content":"<env>x</env>"} {"role":"user","content":"hi"}"#,
        "jsonl",
        Some("hi")
    )]
    #[case::only_markup(
        r#"{"role":"user","content":"<env>x</env>"}"#,
        "jsonl",
        Some("<env>x</env>")
    )]
    #[case::no_words(r#"{"n":1}"#, "jsonl", None)]
    fn a_title_is_given_or_made_of_the_first_words(
        #[case] log: &str,
        #[case] agent: &str,
        #[case] title: Option<&str>,
    ) {
        let entries: Vec<_> =
            log.split_inclusive("} ").map(|text| LogEntry::from_json(text).unwrap()).collect();
        let found = headline(&entries);
        assert_eq!((found.agent, found.title.as_deref()), (agent, title));
    }
}
