//! Two rules for links. A link to a file of the repository names an existing file. A link with the
//! name of a test leads to a file that contains the test.

use super::{Fault, File};

pub(super) fn faults(files: &[File]) -> Vec<Fault> {
    let pages = files.iter().filter(|file| file.path.ends_with(".md"));
    pages.flat_map(|page| broken_links(page, files)).collect()
}

fn broken_links(page: &File, files: &[File]) -> Vec<Fault> {
    let folder = page.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut faults = Vec::new();
    for (index, line) in page.text.lines().enumerate() {
        for (name, target) in links(line) {
            if target.is_empty() || target.contains(':') {
                continue;
            }
            let path = resolved(folder, target);
            if let (Some(name), Some(file)) = (name, files.iter().find(|file| file.path == path))
                && path.ends_with(".rs")
                && name.contains('_')
                && !file.text.contains(name)
                && !path.contains(name)
            {
                faults.push(Fault::at(page, index + 1, format!("{target} does not have {name}")));
            }
            if !files.iter().any(|file| is_at_or_below(&file.path, &path)) {
                faults.push(Fault::at(
                    page,
                    index + 1,
                    format!("the link to {target} leads nowhere"),
                ));
            }
        }
    }
    faults
}

/// Returns the links in a line of Markdown. Each item is the text of the link, if the text is code,
/// and the target of the link without its fragment.
fn links(line: &str) -> impl Iterator<Item = (Option<&str>, &str)> {
    let parts: Vec<&str> = line.split("](").collect();
    let links: Vec<_> = parts
        .windows(2)
        .filter_map(|pair| {
            let text = pair[0].rsplit_once('[').map(|(_, text)| text);
            let code = text.and_then(|text| text.strip_prefix('`')?.strip_suffix('`'));
            let (target, _) = pair[1].split_once(')')?;
            Some((code, target.split('#').next()?))
        })
        .collect();
    links.into_iter()
}

/// Returns the path from the root of the repository.
fn resolved(folder: &str, target: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.trim_end_matches('/').split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn is_at_or_below(file: &str, path: &str) -> bool {
    file.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_links_are_found() {
        let cases = [
            ("[x](c.md)", 0),
            ("[x](c.md#part) and [y](../d/e.rs)", 0),
            ("[x](../d) and [y](#part) and [z](https://example.org/c)", 0),
            ("[x](d/e.rs)", 1),
            ("[x](../e) [y](c)", 2),
            ("[`a_test`](../d/e.rs) and [`d_e`](../d/e.rs)", 1),
        ];
        for (text, count) in cases {
            let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
            let files =
                [file("a/b.md", text), file("a/c.md", ""), file("d/e.rs", "fn a_test() {}")];
            let found = faults(&files);
            assert_eq!(found.len(), count, "{text}: {found:?}");
        }
    }
}
