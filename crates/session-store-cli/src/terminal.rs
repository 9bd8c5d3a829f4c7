//! Makes text safe for a terminal. Stored text and file names can contain characters that change
//! the display of other text. These characters are printed as escape sequences of JSON.

use std::borrow::Cow;
use std::fmt::Write;

/// Replaces characters that a terminal does not show, and characters that change the display of
/// other text.
///
/// Line breaks and tabs are not replaced.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_hidden(c) {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| {
                write!(shown, "\\u{unit:04x}").expect("writing to a string never fails");
            });
        } else {
            shown.push(c);
        }
    }
    shown.into()
}

/// Returns whether `c` is a control character, has no width, or changes the direction of text.
fn is_hidden(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{61c}'
        | '\u{feff}'
        | '\u{e0000}'..='\u{e007f}' => true,
        c => c.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::plain("a\tb\nü€😀", "a\tb\nü€😀")]
    #[case::escape("\u{1b}[31mred", "\\u001b[31mred")]
    #[case::carriage_return("a\rb", "a\\u000db")]
    #[case::delete_and_c1("\u{7f}\u{9b}2J", "\\u007f\\u009b2J")]
    #[case::direction("a\u{202e}b\u{2066}c", "a\\u202eb\\u2066c")]
    #[case::no_width("a\u{200b}b\u{feff}", "a\\u200bb\\ufeff")]
    #[case::tags("\u{e0041}", "\\udb40\\udc41")]
    fn hidden_characters_are_escaped(#[case] text: &str, #[case] shown: &str) {
        assert_eq!(visible(text), shown);
    }
}
