//! `Spelling`: decides from the stored JSON of an entry whether its decoded text can contain the
//! searched text. Most entries are excluded in this way without being decoded.

use memchr::memmem;
use regex::Regex;

use crate::failure::Failure;

/// A search for the longest part of the text that needs no escape sequence. [`Spelling`] explains
/// it.
enum Part {
    /// A text in exactly this case. It is not a [`Regex`], because threads that search with the
    /// same `Regex` wait for each other.
    Exact(Box<memmem::Finder<'static>>),
    AnyCase(Regex),
}

impl Part {
    fn is_in(&self, json: &str) -> bool {
        match self {
            Self::Exact(part) => part.find(json.as_bytes()).is_some(),
            Self::AnyCase(part) => part.is_match(json),
        }
    }
}

/// The ways in which JSON can spell the searched text.
///
/// A string of JSON contains a character as itself or as an escape sequence. So an entry that can
/// contain the text has one of these two:
/// - the longest part of the text in which a writer need not escape a character,
/// - an escape sequence `\uXXXX` for a character of that part.
///
/// The arguments of tools are often JSON inside a string. Their escape sequences have more
/// backslashes, but also end in `\uXXXX`.
pub(super) struct Spelling {
    /// The longest part. If the part is empty, every entry can contain the text.
    characters: String,
    part: Part,
    ignore_case: bool,
    escape: memmem::Finder<'static>,
}

impl Spelling {
    /// Creates the spellings of a text. `literal` makes the regular expression of a part.
    pub(super) fn new(
        text: &str,
        ignore_case: bool,
        literal: impl FnOnce(&str) -> Result<Regex, Failure>,
    ) -> Result<Self, Failure> {
        // Some writers escape a slash.
        let is_escaped = |c: char| matches!(c, '"' | '\\' | '/') || c.is_control();
        let longest = text.split(is_escaped).max_by_key(|part| part.len()).unwrap_or_default();
        let part = match ignore_case {
            true => Part::AnyCase(literal(longest)?),
            false => Part::Exact(memmem::Finder::new(longest).into_owned().into()),
        };
        let escape = memmem::Finder::new("\\u");
        Ok(Self { characters: longest.to_owned(), part, ignore_case, escape })
    }

    /// Returns whether an entry can contain the text.
    pub(super) fn can_be_in(&self, json: &str) -> bool {
        self.part.is_in(json) || self.is_escaped_in(json)
    }

    /// Returns whether the JSON has an escape sequence for a character of the part.
    fn is_escaped_in(&self, json: &str) -> bool {
        self.escape.find_iter(json.as_bytes()).any(|at| {
            let digits = json.get(at + 2..at + 6);
            match digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) {
                // This is not an escape sequence, but a backslash that is itself escaped.
                None => false,
                Some(code) => char::from_u32(code).is_none_or(|c| self.concerns(c)),
            }
        })
    }

    /// Returns whether an escape sequence for `c` can be a part of the text. A backslash can be the
    /// beginning of another escape sequence, in JSON inside a string.
    fn concerns(&self, c: char) -> bool {
        c == '\\' || (self.ignore_case && !c.is_control()) || self.characters.contains(c)
    }
}

#[cfg(test)]
mod tests {
    use regex::RegexBuilder;
    use rstest::rstest;

    use super::*;

    fn can_be_in(text: &str, ignore_case: bool, json: &str) -> bool {
        let literal = |part: &str| {
            let mut regex = RegexBuilder::new(&regex::escape(part));
            Ok(regex.case_insensitive(ignore_case).build().unwrap())
        };
        Spelling::new(text, ignore_case, literal).unwrap().can_be_in(json)
    }

    #[rstest]
    #[case::plain("für", r#"{"a":"für"}"#, true)]
    #[case::absent("für", r#"{"a":"fur"}"#, false)]
    #[case::escaped("für", r#"{"a":"f\u00fcr"}"#, true)]
    #[case::upper_case_digits("für", r#"{"a":"f\u00FCr"}"#, true)]
    #[case::other_escape("für", r#"{"a":"f\u001br"}"#, false)]
    #[case::letter("für", r#"{"a":"\u0066\u00fc\u0072"}"#, true)]
    #[case::inside_a_string("für", r#"{"a":"{\"b\":\"f\\u00fcr\"}"}"#, true)]
    #[case::escaped_backslash("für", r#"{"a":"{\"b\":\"f\u005cu00fcr\"}"}"#, true)]
    #[case::surrogates("😀", r#"{"a":"\ud83d\ude00"}"#, true)]
    #[case::not_an_escape("für", r#"{"a":"C:\\users"}"#, false)]
    #[case::quotes(r#"say "hi" now"#, r#"{"a":"say \"hi\" now"}"#, true)]
    #[case::quotes_in_a_string(r#"say "hello""#, r#"{"a":"{\"b\":\"say \\\"hello\\\"\"}"}"#, true)]
    #[case::slash("a/bc", r#"{"a":"a\/bc"}"#, true)]
    #[case::only_escaped(r#""""#, r#"{"a":"x"}"#, true)]
    #[case::empty("", "{}", true)]
    fn an_entry_is_excluded_only_if_it_cannot_contain_the_text(
        #[case] text: &str,
        #[case] json: &str,
        #[case] expected: bool,
    ) {
        assert_eq!(can_be_in(text, false, json), expected);
    }

    #[rstest]
    #[case("FÜR", r#"{"a":"für"}"#, true)]
    #[case("FÜR", r#"{"a":"f\u00fcr"}"#, true)]
    #[case("FÜR", r#"{"a":"fur\u001b"}"#, false)]
    fn the_case_can_be_ignored(#[case] text: &str, #[case] json: &str, #[case] expected: bool) {
        assert_eq!(can_be_in(text, true, json), expected);
    }
}
