//! The rule that lines are at most 100 characters wide.

use super::lines::comment;
use super::{Fault, File};

const WIDEST: usize = 100;

pub(super) fn faults(file: &File) -> Vec<Fault> {
    let is_markdown = file.path.ends_with(".md");
    if !is_markdown && !file.path.ends_with(".rs") {
        return Vec::new();
    }
    let mut faults = Vec::new();
    let mut in_code = false;
    for (index, line) in file.text.lines().enumerate() {
        let prose = if is_markdown { Some(line) } else { comment(line) };
        if prose.is_some_and(|prose| prose.trim_start().starts_with("```")) {
            in_code = !in_code;
        }
        // rustfmt cannot wrap strings and some attributes.
        let is_free = match prose {
            Some(prose) => in_code || prose.trim_start().starts_with('|') || has_link(prose),
            None => line.contains('"') || line.trim_start().starts_with('#'),
        };
        let width = line.chars().count();
        if width > WIDEST && !is_free {
            let what = format!("the line has {width} characters, more than {WIDEST}");
            faults.push(Fault::at(file, index + 1, what));
        }
    }
    faults
}

fn has_link(prose: &str) -> bool {
    prose.contains("](") || prose.contains("]: ") || prose.contains("://")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_found_unless_they_cannot_be_wrapped() {
        let long = "x ".repeat(60);
        let cases = [
            ("a.rs", format!("// {long}"), 1),
            ("a.rs", format!("fn {long}"), 1),
            ("a.rs", format!("f(\"{long}\")"), 0),
            ("a.rs", format!("#[case({long})]"), 0),
            ("a.md", long.clone(), 1),
            ("a.md", format!("| {long}"), 0),
            ("a.md", format!("[x]({long})"), 0),
            ("a.md", format!("```\n{long}\n```\n{long}"), 1),
            ("a.toml", long.clone(), 0),
            ("a.md", "é".repeat(100), 0),
        ];
        for (path, text, count) in cases {
            let file = File { path: path.into(), text: text.clone() };
            assert_eq!(faults(&file).len(), count, "{path}: {text}");
        }
    }
}
