//! The lines of a file by kind: comments, documentation, Markdown, tables and code.

use super::File;

/// A paragraph of prose.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Paragraph {
    /// The number of the first line, from 1.
    pub(super) line: usize,
    /// The lines of the paragraph, without the marks of a comment.
    pub(super) text: String,
    pub(super) is_heading: bool,
    /// The marks of the comment, such as `///`. Empty in Markdown.
    pub(super) marks: &'static str,
    /// Whether the paragraph is the first paragraph of its comment.
    pub(super) is_summary: bool,
}

/// A line of prose.
struct Line<'a> {
    number: usize,
    text: &'a str,
    marks: &'static str,
}

/// Returns the prose of a file: the comments of code, or the text of Markdown, without code blocks.
pub(super) fn paragraphs(file: &File) -> Vec<Paragraph> {
    let mut paragraphs: Vec<Paragraph> = Vec::new();
    let mut last: Option<Line<'_>> = None;
    // Whether the next line of prose belongs to the last paragraph.
    let mut is_open = false;
    let mut in_code = false;
    for line in prose_lines(file) {
        let is_adjacent = last
            .as_ref()
            .is_some_and(|last| last.marks == line.marks && last.number + 1 == line.number);
        let text = line.text.trim();
        in_code &= is_adjacent;
        let is_fence = text.starts_with("```");
        in_code ^= is_fence;
        let is_heading = text.starts_with('#');
        if in_code || is_fence || text.is_empty() {
            is_open = false;
        } else if is_adjacent && is_open && !begins_paragraph(text) {
            let paragraph = paragraphs.last_mut().expect("there is a paragraph to continue");
            paragraph.text.push('\n');
            paragraph.text.push_str(text);
        } else {
            paragraphs.push(Paragraph {
                line: line.number,
                text: text.to_owned(),
                is_heading,
                marks: line.marks,
                is_summary: !is_adjacent,
            });
            is_open = !is_heading && !text.starts_with('|');
        }
        last = Some(line);
    }
    paragraphs
}

/// Whether a line begins a paragraph of its own: a list item, a heading or a row of a table.
fn begins_paragraph(text: &str) -> bool {
    let number = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_numbered = number.len() < text.len() && number.starts_with(". ");
    is_numbered || ["- ", "* ", "#", "|", "> "].iter().any(|start| text.starts_with(start))
}

fn prose_lines(file: &File) -> impl Iterator<Item = Line<'_>> {
    let (_, extension) = file.name().rsplit_once('.').unwrap_or_default();
    let marks: &[&'static str] = match extension {
        "md" => &[""],
        "rs" => &["///", "//!", "//"],
        "lua" => &["--"],
        "toml" | "yml" => &["#"],
        _ => &[],
    };
    file.text.lines().enumerate().filter_map(move |(index, line)| {
        let (marks, text) = after_marks(line, marks)?;
        Some(Line { number: index + 1, text, marks })
    })
}

/// Returns the text of a line of Rust that is a comment.
pub(super) fn comment(line: &str) -> Option<&str> {
    after_marks(line, &["///", "//!", "//"]).map(|(_, text)| text)
}

fn after_marks<'a>(line: &'a str, marks: &[&'static str]) -> Option<(&'static str, &'a str)> {
    let line = line.trim_start();
    marks.iter().find_map(|marks| Some((*marks, line.strip_prefix(marks)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(path: &str, text: &str) -> Vec<(usize, String, bool)> {
        let file = File { path: path.into(), text: text.into() };
        let paragraphs = paragraphs(&file).into_iter();
        paragraphs.map(|found| (found.line, found.text, found.is_summary)).collect()
    }

    #[test]
    fn comments_are_joined_and_code_is_left_out() {
        let text = "//! One\n//! two.\n\nuse a; // not this\n/// Three.\n///\n/// ```\n/// code\n/// ```\n/// Four.\nfn f() {\n    // Five.\n}\n";
        let expected = [
            (1, "One\ntwo.", true),
            (5, "Three.", true),
            (10, "Four.", false),
            (12, "Five.", true),
        ];
        let expected = expected.map(|(line, text, summary)| (line, text.to_owned(), summary));
        assert_eq!(texts("a.rs", text), expected);
    }

    #[test]
    fn comments_of_other_languages_are_read() {
        for (path, text) in [("a.lua", "-- One.\nx = 1"), ("Cargo.toml", "# One.\nx = 1")] {
            assert_eq!(texts(path, text), [(1, "One.".to_owned(), true)]);
        }
        assert_eq!(texts("a.svg", "# One."), []);
    }

    #[test]
    fn markdown_is_split_at_items_rows_and_headings() {
        let text = "# Title\nOne\n- two\n  three\n| a | b |\n| c | d |\n";
        let lines: Vec<_> = texts("a.md", text).into_iter().map(|(line, ..)| line).collect();
        assert_eq!(lines, [1, 2, 3, 5, 6]);
    }
}
