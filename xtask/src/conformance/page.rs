//! The page `docs/conformance.md`: a table for each letter of the contract, the checks that cannot
//! run, and the broken stores.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Gallery, Row};

const HEAD: &str = "\
# Results of the conformance kit

`cargo xtask conformance` writes this page. The command runs every check over each backend and over
deliberately broken stores. With `--json FILE` it also writes the results as JSON.

- Each row of a table is a check. Its name begins with its clause of the
  [contract](../crates/session-store-core/src/contract.rs).
- The column *catches* is the number of broken stores that fail the check. The
  [last table](#the-broken-stores) names these stores. Each store fails exactly the checks in its
  row. 0 means that the types of the core already prevent the fault, so no store can have the fault.
- ✓ means that the backend passes. – means that the check cannot run over the backend. The
  [reasons](#checks-that-cannot-run) are below.

Suites of other projects also run over the backends. [Another page](judges.md) has their results.
";

pub(super) fn markdown(rows: &[Row<'_>], gallery: &Gallery, contract: &str) -> String {
    let mut page = String::from(HEAD);
    page += &totals(rows, gallery);
    for (letter, title) in letters(contract) {
        let mut own: Vec<_> = rows.iter().filter(|row| row.clause.starts_with(letter)).collect();
        own.sort_by_key(|row| row.clause);
        if !own.is_empty() {
            page += &section(title, &own);
        }
    }
    page += &not_run(rows);
    page += &stores(gallery);
    page
}

/// Returns the letter and the title of each part of the contract, from `//! # Entries (E): kit`.
fn letters(contract: &str) -> impl Iterator<Item = (char, &str)> {
    contract.lines().filter_map(|line| {
        let (title, rest) = line.strip_prefix("//! # ")?.split_once(" (")?;
        Some((rest.chars().next()?, title))
    })
}

fn totals(rows: &[Row<'_>], gallery: &Gallery) -> String {
    let broken = gallery.values().filter(|exhibit| !exhibit.caught_by.is_empty()).count();
    let mut table = format!(
        "\n{} checks, {broken} broken stores.\n\n| | passed | cannot run | failed |\n|---|---:|---:|---:|\n",
        rows.len()
    );
    for backend in backends(rows) {
        let count = |of| rows.iter().filter(|row| row.backends[backend].0 == of).count();
        let (passed, not_run, failed) = (count("passed"), count("not_run"), count("failed"));
        let _ = writeln!(table, "| {backend} | {passed} | {not_run} | {failed} |");
    }
    table
}

fn backends<'a>(rows: &[Row<'a>]) -> Vec<&'a str> {
    rows.first().map(|row| row.backends.keys().copied().collect()).unwrap_or_default()
}

fn section(title: &str, rows: &[&Row<'_>]) -> String {
    let backends: Vec<_> = rows[0].backends.keys().copied().collect();
    let mut section =
        format!("\n## {title}\n\n| check | promise | catches | {} |\n", backends.join(" | "));
    let _ = writeln!(section, "|---|---|---:|{}", ":---:|".repeat(backends.len()));
    for row in rows {
        let results: Vec<_> = row.backends.values().map(|(outcome, _)| mark(outcome)).collect();
        let _ = writeln!(
            section,
            "| `{}` | {} | {} | {} |",
            row.id,
            row.promise,
            row.catches.len(),
            results.join(" | ")
        );
    }
    section
}

fn mark(outcome: &str) -> &str {
    match outcome {
        "passed" => "✓",
        "not_run" => "–",
        _ => "**failed**",
    }
}

/// Formats the reasons why checks cannot run, and the checks.
fn not_run(rows: &[Row<'_>]) -> String {
    let mut section = String::from("\n## Checks that cannot run\n\n");
    section += "| backend | reason | checks |\n|---|---|---|\n";
    for backend in backends(rows) {
        let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for row in rows {
            if let ("not_run", Some(reason)) = row.backends[backend] {
                reasons.entry(reason).or_default().push(format!("`{}`", row.id));
            }
        }
        for (reason, checks) in reasons {
            let _ = writeln!(section, "| {backend} | {reason} | {} |", checks.join(" "));
        }
    }
    section
}

fn stores(gallery: &Gallery) -> String {
    let mut section =
        String::from("\n## The broken stores\n\n| store | fault | caught by |\n|---|---|---|\n");
    for (name, exhibit) in gallery {
        let checks: Vec<_> = exhibit.caught_by.iter().map(|id| format!("`{id}`")).collect();
        let checks = if checks.is_empty() { String::from("none") } else { checks.join(" ") };
        let _ = writeln!(section, "| {name} | {} | {checks} |", exhibit.flaw);
    }
    section
}

#[cfg(test)]
mod tests {
    use super::super::{rows, tests};
    use super::*;

    #[test]
    fn the_page_has_a_section_for_each_letter_that_has_checks() {
        let (gallery, reports) = (tests::some_gallery(), tests::some_reports());
        let rows = rows(&gallery, &reports).unwrap();
        let page = markdown(&rows, &gallery, "//! # Entries (E): kit\n//! # Append (A): kit\n");
        for part in [
            "2 checks, 1 broken stores.",
            "| memory | 1 | 1 | 0 |",
            "\n## Append\n\n| check | promise | catches | fs | memory |\n|---|---|---:|:---:|:---:|\n",
            "| `a1_order` | it holds | 1 | ✓ | – |\n",
            "| `a1_types` | it holds | 0 | ✓ | ✓ |\n",
            "| memory | the store does not declare epoch | `a1_order` |\n",
            "| loses | A full queue. | `a1_order` |\n",
            "| control | None. | none |\n",
        ] {
            assert!(page.contains(part), "{part} is not in:\n{page}");
        }
        assert!(!page.contains("Entries"), "{page}");
        assert_eq!(page.matches("loses").count(), 1, "each broken store is named once");
    }
}
