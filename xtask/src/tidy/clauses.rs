//! The rule that documentation names a clause of the contract only by a link. A summary line never
//! names a clause.

use std::collections::BTreeSet;

use super::contract::{CONTRACT, anchors};
use super::lines::{Paragraph, paragraphs};
use super::{Fault, File};

/// Checks the files for which `applies` returns true.
pub(super) fn faults(files: &[File]) -> Vec<Fault> {
    let contract = files.iter().find(|file| file.path == CONTRACT);
    let anchors = contract.map(|file| anchors(&file.text)).unwrap_or_default();
    let checked = files.iter().filter(|file| file.path != CONTRACT);
    checked.flat_map(|file| file_faults(file, &anchors)).collect()
}

fn file_faults(file: &File, anchors: &BTreeSet<&str>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for paragraph in paragraphs(file) {
        for (line, fragment) in fragments(&paragraph) {
            if !anchors.contains(fragment) {
                let what = format!("the contract has no clause with the anchor {fragment}");
                faults.push(Fault::at(file, line, what));
            }
            if paragraph.is_summary && paragraph.marks == "///" {
                let what = format!("the summary names the clause {fragment}: put it below");
                faults.push(Fault::at(file, line, what));
            }
        }
        if paragraph.marks.len() == 3 {
            for (line, id) in bare_ids(&paragraph, anchors) {
                faults.push(Fault::at(file, line, format!("the clause {id} is not a link")));
            }
        }
    }
    faults
}

/// Returns the fragments of links to the contract, such as `a5`, with their lines.
fn fragments(paragraph: &Paragraph) -> Vec<(usize, &str)> {
    let lines = paragraph.text.lines().enumerate();
    lines
        .flat_map(|(index, text)| {
            text.split("contract#").skip(1).map(move |rest| {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric());
                (paragraph.line + index, &rest[..end.unwrap_or(rest.len())])
            })
        })
        .collect()
}

/// Returns the clause ids that are neither in the text of a link nor in code, with their lines.
fn bare_ids<'a>(paragraph: &'a Paragraph, anchors: &BTreeSet<&str>) -> Vec<(usize, &'a str)> {
    let mut ids = Vec::new();
    for (index, text) in paragraph.text.lines().enumerate() {
        let mut from = 0;
        for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            let start = from;
            from +=
                word.len() + text[start + word.len()..].chars().next().map_or(0, char::len_utf8);
            let (before, after) = (&text[..start], &text[start + word.len()..]);
            let is_id = word.starts_with(|c: char| c.is_ascii_uppercase())
                && anchors.contains(&*word.to_ascii_lowercase());
            let is_link = before.ends_with('[') && after.starts_with(']');
            let is_code = before.matches('`').count() % 2 == 1;
            if is_id && !is_link && !is_code {
                ids.push((paragraph.line + index, word));
            }
        }
    }
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clauses_are_links_below_the_summary() {
        let contract = "//! - <a id=\"a5\"></a>**A5** Text.\n";
        let cases = [
            ("/// Sum.\n///\n/// Text ([A5](crate::contract#a5)).\n", 0),
            ("/// Sum ([A5](crate::contract#a5)).\n", 1),
            ("/// Sum.\n///\n/// Text (A5).\n", 1),
            ("/// Sum.\n///\n/// Text ([A9](crate::contract#a9)).\n", 1),
            ("/// Sum.\n///\n/// Text `A5` and A6 and [A5].\n///\n/// [A5]: contract#a5\n", 0),
            ("// A5 is plain here.\n", 0),
        ];
        for (text, count) in cases {
            let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
            let files = [file(CONTRACT, contract), file("a.rs", text)];
            let found = faults(&files);
            assert_eq!(found.len(), count, "{text}: {found:?}");
        }
    }
}
