//! Compares the clauses of the contract with the checks of the kit. Each clause for the kit needs a
//! check, and each check needs a clause.

use std::collections::BTreeSet;

use super::{Fault, File};

/// The file of the contract.
pub(super) const CONTRACT: &str = "crates/session-store-core/src/contract.rs";
const LIST: &str = "conformance/src/list.rs";

pub(super) fn faults(files: &[File]) -> Vec<Fault> {
    let find = |path: &str| files.iter().find(|file| file.path == path);
    let (Some(contract), Some(list)) = (find(CONTRACT), find(LIST)) else {
        let path = format!("{CONTRACT} or {LIST}");
        return vec![Fault { path, what: "is missing".into() }];
    };
    let (clauses, checked) = (clauses(&contract.text), checked(&list.text));
    let unchecked = clauses.iter().filter(|clause| clause.by_kit && !checked.contains(clause.id));
    let mut faults: Vec<_> = unchecked
        .map(|clause| Fault::new(list, format!("no check for clause {}", clause.id)))
        .collect();
    let known: BTreeSet<_> = clauses.iter().map(|clause| clause.id).collect();
    faults.extend(
        checked
            .difference(&known)
            .map(|id| Fault::new(list, format!("a check for {id}, which is not a clause"))),
    );
    if known.len() < clauses.len() {
        faults.push(Fault::new(contract, "a clause id is used twice"));
    }
    faults
}

/// Returns the anchors of all clauses, such as `a5`.
pub(super) fn anchors(contract: &str) -> BTreeSet<&str> {
    contract.split("<a id=\"").skip(1).filter_map(|rest| Some(rest.split_once('"')?.0)).collect()
}

/// A numbered clause, and whether the kit verifies it.
struct Clause<'a> {
    id: &'a str,
    by_kit: bool,
}

/// Returns the clauses. A clause is a list item `- <a id="a1"></a>**A1** text`. Under a heading
/// that ends with `: kit`, the kit verifies every clause. Under any other heading, the kit verifies
/// a clause if its text contains `kit`. In both cases, a clause is left out if its text contains
/// `(bench` or starts with `(torture)`. Only the first line of the text counts.
fn clauses(contract: &str) -> Vec<Clause<'_>> {
    let mut heading = "";
    let mut clauses = Vec::new();
    for line in contract.lines().filter_map(|line| line.strip_prefix("//! ")) {
        if line.starts_with("# ") {
            heading = line;
        } else if let Some((_, item)) = line.split_once("\"></a>**")
            && let Some((id, text)) = item.split_once("** ")
        {
            let verifier = if heading.ends_with(": kit") { heading } else { text };
            let names_other_tests = text.contains("(bench") || text.starts_with("(torture)");
            let by_kit = verifier.contains("kit") && !names_other_tests;
            clauses.push(Clause { id, by_kit });
        }
    }
    clauses
}

/// Returns the clauses in the list of checks. A check is a line
/// `identifier CLAUSE [requirements];`.
fn checked(list: &str) -> BTreeSet<&str> {
    let checks = list.lines().filter_map(|line| line.split_once(" ["));
    let clauses = checks.filter_map(|(check, _)| check.split_whitespace().nth(1));
    clauses.filter(|clause| clause.len() == 2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults_of(contract: &str, list: &str) -> Vec<String> {
        let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
        let found = faults(&[file(CONTRACT, contract), file(LIST, list)]);
        found.into_iter().map(|fault| fault.what).collect()
    }

    #[test]
    fn every_clause_of_the_kit_has_a_check() {
        let contract = [
            "//! # Append (A): kit",
            "//! - <a id=\"a1\"></a>**A1** Order.",
            "//! - <a id=\"a2\"></a>**A2** (torture) Killed.",
            "//! # Durability (S)",
            "//! - <a id=\"s1\"></a>**S1** (kit) Two.",
            "//! - <a id=\"s4\"></a>**S4** (torture) Power.",
        ]
        .join("\n");
        let list = "  a1_order A1 [] \"keeps order\";\n  s1_two S1 [] \"two\";\n";
        assert!(faults_of(&contract, list).is_empty());
        assert_eq!(faults_of(&contract, "  a1_order A1 [] \"x\";\n"), ["no check for clause S1"]);
        assert_eq!(
            faults_of("//! # A (A): kit\n//! - <a id=\"a1\"></a>**A1** x\n", list),
            ["a check for S1, which is not a clause"]
        );
    }
}
