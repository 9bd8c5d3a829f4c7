//! The published page: the matrix in a section for each letter of the contract, then what could not run, and
//! the broken stores.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Gallery, Row};

const HEAD: &str = "\
# What the conformance kit checks, and what it catches

Made by `cargo xtask conformance`, which ran every check over each of our backends and over the gallery of broken
stores. [`conformance.json`](conformance.json) has the same for programs.

- A row is a check; the beginning of its name is its clause of the [contract](../crates/session-store-core/src/contract.rs).
- *catches* is how many deliberately broken stores fail it; below each table they are named, and at the end
  told. Each of them fails the checks named for it, and no other.
- A backend has passed, or the check cannot run over it (–), for a reason that is [given below](#what-cannot-run).
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

/// The letter and the title of each part of the contract, from `//! # Entries (E): kit`.
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
    section.push_str("\nBroken stores that they catch:\n\n");
    for row in rows {
        let _ = writeln!(section, "- `{}`: {}", row.id, caught(row));
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

fn caught(row: &Row<'_>) -> String {
    if row.catches.is_empty() {
        return String::from(
            "none. It is held by the types: no store makes entries or names, the core does",
        );
    }
    row.catches.join(", ")
}

/// Why checks could not run, and which.
fn not_run(rows: &[Row<'_>]) -> String {
    let mut section = String::from("\n## What cannot run\n");
    for backend in backends(rows) {
        let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for row in rows {
            if let ("not_run", Some(reason)) = row.backends[backend] {
                reasons.entry(reason).or_default().push(format!("`{}`", row.id));
            }
        }
        if !reasons.is_empty() {
            let _ = writeln!(section, "\n{backend}:\n");
        }
        for (reason, checks) in reasons {
            let _ = writeln!(section, "- {reason}: {}", checks.join(", "));
        }
    }
    section
}

fn stores(gallery: &Gallery) -> String {
    let mut section = String::from(
        "\n## The broken stores\n\n| store | what is wrong | caught by |\n|---|---|---|\n",
    );
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
        for told in [
            "2 checks, 1 broken stores.",
            "| memory | 1 | 1 | 0 |",
            "\n## Append\n\n| check | promise | catches | fs | memory |\n|---|---|---:|:---:|:---:|\n",
            "| `a1_order` | it holds | 1 | ✓ | – |\n",
            "- `a1_order`: loses\n",
            "- `a1_types`: none. It is held by the types",
            "\nmemory:\n\n- the store does not declare epoch: `a1_order`\n",
            "| loses | A full queue. | `a1_order` |\n",
            "| control | None. | none |\n",
        ] {
            assert!(page.contains(told), "{told} is not in:\n{page}");
        }
        assert!(!page.contains("Entries"), "{page}");
    }
}
