//! Phrases that several commands print, and texts that are shortened for one line.

pub(crate) use session_store_import::plural;

/// Returns the number of entries with its noun.
pub(crate) fn entries(count: usize) -> String {
    plural(count, "entry", "entries")
}

/// Returns the first characters of a text, with an ellipsis if the text is longer.
pub(crate) fn shortened(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Returns the words of a text on one line, with one space between them.
pub(crate) fn on_one_line(text: &str) -> String {
    squeezed(text.trim())
}

/// Returns a text with one space in the place of each run of white space.
pub(crate) fn squeezed(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_whitespace() {
            false => line.push(c),
            true if line.ends_with(' ') => {}
            true => line.push(' '),
        }
    }
    line
}

/// Splits a text at its spaces into lines of at most `width` characters. A longer word is a line of
/// its own.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Returns a path or a URL as one word of a shell.
pub(crate) fn quoted(path: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/:._-+@%".contains(c);
    if path.chars().all(is_plain) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_shortened_at_a_character() {
        assert_eq!(shortened(&"é".repeat(70), 60), format!("{}…", "é".repeat(60)));
        assert_eq!(shortened("éé", 2), "éé");
    }

    #[test]
    fn a_text_is_split_at_spaces() {
        assert_eq!(wrapped("ä bc def 12345678 gh", 6), ["ä bc", "def", "12345678", "gh"]);
    }

    #[test]
    fn a_text_is_put_on_one_line() {
        assert_eq!(on_one_line(" Why\n\tdoes  it\r\nfail? "), "Why does it fail?");
    }
}
