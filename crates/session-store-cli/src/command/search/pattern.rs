//! `Pattern`: the conditions that an entry must meet.

use std::time::SystemTime;

use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use serde_json::value::RawValue;
use session_store::LogEntry;
use session_store_import::{Description, Role};

use super::excerpt::Excerpt;
use super::spelling::Spelling;
use super::texts::texts;
use crate::args::PatternArgs;
use crate::failure::Failure;
use crate::message::Kind;

/// The conditions of a search.
pub(super) struct Pattern<'a> {
    /// The text. An empty text is found everywhere.
    text: Regex,
    spelling: Spelling,
    /// Whether the stored JSON is searched.
    raw: bool,
    args: &'a PatternArgs,
}

/// An entry that meets the conditions. The fields are empty if the entry was not decoded.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) role: Option<Role>,
    pub(super) time: Option<SystemTime>,
    pub(super) excerpt: Option<Excerpt>,
}

impl<'a> Pattern<'a> {
    /// Creates the conditions. With `raw`, the stored JSON is searched, as by `--raw`.
    pub(super) fn new(args: &'a PatternArgs, raw: bool) -> Result<Self, Failure> {
        let raw = raw || args.raw;
        let text = args.text.as_deref().unwrap_or_default();
        let build = |pattern: &str| {
            let regex = RegexBuilder::new(pattern).case_insensitive(args.ignore_case).build();
            let operation = || format!("search for {pattern}");
            regex.map_err(|error| Failure::cannot(operation(), error).with_kind(Kind::Usage))
        };
        let literal = |text: &str| build(&regex::escape(text));
        if args.regex {
            // The stored text of a match is unknown, so every entry is decoded.
            let spelling = Spelling::new("", args.ignore_case, literal)?;
            return Ok(Self { text: build(text)?, spelling, raw, args });
        }
        let spelling = Spelling::new(text, args.ignore_case, literal)?;
        Ok(Self { text: literal(text)?, spelling, raw, args })
    }

    /// Returns whether the entry with this stored text may contain the text. Most entries are
    /// excluded in this way before their text is checked and decoded.
    pub(super) fn may_be_in(&self, json: &str) -> bool {
        if self.raw { self.text.is_match(json) } else { self.spelling.can_be_in(json) }
    }

    /// Returns the hit in an entry that may contain the text, or `None` if the entry does not meet
    /// the conditions.
    ///
    /// `describe` decodes the entry. It is called only for an entry that the other conditions do
    /// not exclude, because decoding takes much longer than reading.
    pub(super) fn find(
        &self,
        entry: &LogEntry,
        describe: impl FnOnce(&LogEntry) -> Description,
    ) -> Option<Found> {
        let PatternArgs { role, since, until, .. } = *self.args;
        let raw = self.raw;
        let json = entry.as_json();
        if !self.has_kind(json) {
            return None;
        }
        if raw && role.is_none() && since.is_none() && until.is_none() {
            return Some(Found::default());
        }
        let description = describe(entry);
        let (found_role, time) = (description.role, description.time);
        let is_wanted = role.is_none_or(|role| found_role == Some(role.into()))
            && since.is_none_or(|since| time.is_some_and(|time| time >= since))
            && until.is_none_or(|until| time.is_some_and(|time| time < until));
        if !is_wanted {
            return None;
        }
        let excerpt = if raw { None } else { Some(self.excerpt(&description, json)?) };
        Some(Found { role: found_role, time, excerpt })
    }

    fn has_kind(&self, json: &str) -> bool {
        let kind = self.args.kind.as_deref();
        kind.is_none_or(|kind| kind_of(json).as_deref() == Some(kind))
    }

    /// Returns the first hit in the texts of an entry. Without a text to search for, this is the
    /// beginning of the entry.
    fn excerpt(&self, description: &Description, json: &str) -> Option<Excerpt> {
        let texts = texts(description);
        let mut hits = texts.iter().filter_map(|text| Some((text, self.text.find(text)?.range())));
        match hits.next() {
            Some((text, hit)) => Some(Excerpt::new(text, hit)),
            None => self.args.text.is_none().then(|| Excerpt::new(json, 0..0)),
        }
    }
}

/// Returns the kind of an entry. Some programs name this field `type`.
fn kind_of(json: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Fields<'a> {
        #[serde(borrow)]
        kind: Option<&'a RawValue>,
        #[serde(borrow)]
        r#type: Option<&'a RawValue>,
    }
    let Fields { kind, r#type } = serde_json::from_str(json).ok()?;
    serde_json::from_str(kind.or(r#type)?.get()).ok()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use rstest::rstest;
    use session_store_import::{AnyJsonl, Format};

    use super::*;
    use crate::args::RoleArg;

    #[rstest]
    #[case(r#"{"kind":"user_input","type":"x"}"#, Some("user_input"))]
    #[case(r#"{"type":"assistant","kind":null}"#, Some("assistant"))]
    #[case(r#"{"n":1e999,"deep":[{"kind":"no"}],"kind":"tu\u0072n_end"}"#, Some("turn_end"))]
    #[case(r#"{"kind":"a","kind":"b"}"#, None)]
    #[case(r#"{"kind":1,"type":"a"}"#, None)]
    #[case("{}", None)]
    fn a_kind_is_a_field_of_the_entry(#[case] json: &str, #[case] kind: Option<&str>) {
        assert_eq!(kind_of(json).as_deref(), kind);
    }

    const NOTE: &str = r#"{"kind":"note","role":"user","ts":100,"text":"Leap \"\u00c9TÉ\""}"#;

    fn find(args: &PatternArgs) -> Option<Found> {
        let entry = LogEntry::from_json(NOTE).unwrap();
        let pattern = Pattern::new(args, false).unwrap();
        pattern.may_be_in(NOTE).then(|| pattern.find(&entry, |entry| AnyJsonl.describe(entry)))?
    }

    fn text(text: Option<&str>) -> PatternArgs {
        PatternArgs { text: text.map(str::to_owned), ..PatternArgs::default() }
    }

    #[rstest]
    #[case(Some("Leap"), false, None, true)]
    #[case(Some("leap"), false, None, false)]
    #[case(Some("LEAP \"éTé"), true, None, true)]
    #[case(Some("\"ÉTÉ\""), false, None, true)]
    #[case(Some("\\\"\\u00c9"), false, None, false)]
    #[case(None, false, Some("note"), true)]
    #[case(Some("Leap"), false, Some("note"), true)]
    #[case(Some("Leap"), false, Some("not"), false)]
    #[case(Some("note"), false, Some("note"), false)]
    #[case(Some("winter"), true, Some("note"), false)]
    fn text_and_kind_must_both_match(
        #[case] pattern: Option<&str>,
        #[case] ignore_case: bool,
        #[case] kind: Option<&str>,
        #[case] expected: bool,
    ) {
        let kind = kind.map(str::to_owned);
        let args = PatternArgs { ignore_case, kind, ..text(pattern) };
        assert_eq!(find(&args).is_some(), expected);
    }

    #[test]
    fn the_stored_text_can_be_searched() {
        let raw = |pattern| find(&PatternArgs { raw: true, ..text(Some(pattern)) });
        assert_eq!(raw(r#"\"\u00c9"#), Some(Found::default()));
        assert_eq!(raw("\"É"), None);
    }

    #[rstest]
    #[case(Some(RoleArg::User), None, None, true)]
    #[case(Some(RoleArg::Tool), None, None, false)]
    #[case(None, Some(100), Some(101), true)]
    #[case(None, Some(101), None, false)]
    #[case(None, None, Some(100), false)]
    fn role_and_time_must_match(
        #[case] role: Option<RoleArg>,
        #[case] since: Option<u64>,
        #[case] until: Option<u64>,
        #[case] expected: bool,
        #[values(false, true)] raw: bool,
    ) {
        let [since, until] =
            [since, until].map(|time| Some(UNIX_EPOCH + Duration::from_secs(time?)));
        let args = PatternArgs { role, since, until, raw, ..text(Some("Leap")) };
        assert_eq!(find(&args).is_some(), expected);
    }
}
