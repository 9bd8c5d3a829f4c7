//! `Excerpt`: the words around a hit, on one line.

use std::ops::Range;

use anstyle::{AnsiColor, Style};
use serde::{Serialize, Serializer};

use crate::terminal::visible;
use crate::text::squeezed;

/// The number of characters that are shown before a hit, and after it.
const SHOWN_CHARACTERS: usize = 40;

/// The color of a hit, which is the color that `grep` uses.
const MARKED: Style = Style::new().bold().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Red)));

/// A part of a text: a hit, and the text before and after the hit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Excerpt {
    before: String,
    hit: String,
    after: String,
}

impl Excerpt {
    /// Takes the words around the hit, which is a range of the text.
    pub(super) fn new(text: &str, hit: Range<usize>) -> Self {
        let (before, after) = (&text[..hit.start], &text[hit.end..]);
        let first = before.char_indices().rev().nth(SHOWN_CHARACTERS - 1).map_or(0, |(at, _)| at);
        let last = after.char_indices().nth(SHOWN_CHARACTERS).map_or(after.len(), |(at, _)| at);
        let ellipsis = |is_cut| if is_cut { "…" } else { "" };
        let [head, hit, tail] = [&before[first..], &text[hit], &after[..last]].map(squeezed);
        Self {
            before: format!("{}{}", ellipsis(first > 0), head.trim_start()),
            hit,
            after: format!("{}{}", tail.trim_end(), ellipsis(last < after.len())),
        }
    }

    /// Returns the excerpt with the hit in color. Hidden characters are escaped.
    pub(super) fn styled(&self) -> String {
        let [before, hit, after] = [&self.before, &self.hit, &self.after].map(|part| visible(part));
        format!("{before}{MARKED}{hit}{MARKED:#}{after}")
    }

    /// Returns the excerpt without color.
    pub(super) fn plain(&self) -> String {
        [&*self.before, &self.hit, &self.after].concat()
    }
}

impl Serialize for Excerpt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.plain())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::whole("a hit b", "a hit b")]
    #[case::lines(" a\n\tb hit\r\n\nc ", "a b hit c")]
    #[case::start("hit", "hit")]
    fn an_excerpt_is_one_line(#[case] text: &str, #[case] expected: &str) {
        let start = text.find("hit").unwrap();
        assert_eq!(Excerpt::new(text, start..start + 3).plain(), expected);
    }

    #[test]
    fn a_long_text_is_cut_at_characters() {
        let text = format!("{}hit{}", "é".repeat(50), "ü".repeat(50));
        let excerpt = Excerpt::new(&text, 100..103);
        assert_eq!(excerpt.plain(), format!("…{}hit{}…", "é".repeat(40), "ü".repeat(40)));
    }

    #[test]
    fn the_hit_is_marked_and_hidden_characters_are_escaped() {
        let excerpt = Excerpt::new("a\u{1b}[2J hit\u{202e}", 5..9);
        assert_eq!(excerpt.styled(), "a\\u001b[2J\u{1b}[1m\u{1b}[31m hit\u{1b}[0m\\u202e");
    }
}
