//! `cargo xtask conformance`: which broken stores each check of the kit catches, and what each check says of
//! our backends, published as `docs/conformance.md` and `docs/conformance.json`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use xshell::{Shell, cmd};

use crate::Done;

type Answer<T> = Result<T, Box<dyn std::error::Error>>;

/// The checks that catch each broken store.
type Kills = BTreeMap<String, Vec<String>>;

/// Each backend's report, as the kit writes it.
type Reports = BTreeMap<String, Value>;

pub(crate) fn run(shell: &Shell, gallery_only: bool) -> Done {
    let kills = kills(shell)?;
    if gallery_only {
        print!("{}", kill_table(&kills));
        return Ok(());
    }
    let reports = reports(shell)?;
    let rows = rows(&kills, &reports)?;
    let docs = shell.current_dir().join("docs");
    fs::create_dir_all(&docs)?;
    fs::write(docs.join("conformance.md"), markdown(&rows, &reports))?;
    let published = json!({ "checks": rows, "broken_stores": kills });
    fs::write(docs.join("conformance.json"), format!("{published:#}\n"))?;
    Ok(())
}

/// Runs the gallery, whose tests fail unless the sets are exact, and reads what it found.
fn kills(shell: &Shell) -> Answer<Kills> {
    let folder = emptied(shell, "kills")?;
    let _folder = shell.push_env("SESSION_STORE_KILL_TABLE", &folder);
    // The child of the file stores' tests is no test of its own.
    cmd!(
        shell,
        "cargo test --package session-store-conformance --test it -- --ignored gallery:: --skip in_another_process"
    )
    .run()?;
    let read = |(store, text): (String, String)| (store, text.lines().map(String::from).collect());
    Ok(texts(&folder)?.into_iter().map(read).collect())
}

/// Has the matrix of backends write its reports, and reads them.
fn reports(shell: &Shell) -> Answer<Reports> {
    let folder = emptied(shell, "reports")?;
    let _folder = shell.push_env("SESSION_STORE_CONFORMANCE_REPORTS", &folder);
    cmd!(
        shell,
        "cargo test --package session-store --all-features --test it -- --ignored ::report"
    )
    .run()?;
    let read = |(module, text): (String, String)| {
        let backend = module.trim_start_matches("it-").trim_end_matches(".json").to_owned();
        Ok((backend, serde_json::from_str(&text)?))
    };
    texts(&folder)?.into_iter().map(read).collect()
}

fn emptied(shell: &Shell, name: &str) -> Answer<PathBuf> {
    let folder = shell.current_dir().join("target").join("conformance").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Name and text of each file.
fn texts(folder: &Path) -> Answer<Vec<(String, String)>> {
    let read = |item: std::io::Result<fs::DirEntry>| {
        let path = item?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok((name, fs::read_to_string(path)?))
    };
    fs::read_dir(folder)?.map(read).collect()
}

/// A line for each check: clause, promise, the broken stores that it catches, and each backend's outcome.
fn rows(kills: &Kills, reports: &Reports) -> Answer<Vec<Value>> {
    let (_, first) = reports.first_key_value().ok_or("no backend has written a report")?;
    let checks = first["checks"].as_array().ok_or("a report lists no checks")?;
    let row = |(at, check): (usize, &Value)| {
        let outcome = |report: &Value| report["checks"][at]["outcome"].clone();
        let backends: BTreeMap<_, _> =
            reports.iter().map(|(backend, report)| (backend, outcome(report))).collect();
        let id = check["id"].as_str().unwrap_or_default();
        let catches: Vec<_> = catchers(kills, id).collect();
        json!({
            "clause": check["clause"], "id": id, "promise": check["promise"],
            "catches": catches, "backends": backends,
        })
    };
    Ok(checks.iter().enumerate().map(row).collect())
}

fn catchers<'a>(kills: &'a Kills, id: &'a str) -> impl Iterator<Item = &'a str> {
    let catching = kills.iter().filter(move |(_, checks)| checks.iter().any(|check| check == id));
    catching.map(|(store, _)| store.as_str())
}

/// Every broken store with the checks that catch it, as the gallery demands.
fn kill_table(kills: &Kills) -> String {
    let mut table = String::new();
    for (store, checks) in kills {
        let _ = writeln!(table, "{store}\n    {}", checks.join("\n    "));
    }
    let caught = kills.values().filter(|checks| !checks.is_empty()).count();
    let controls = kills.len() - caught;
    let _ = writeln!(
        table,
        "{caught} broken stores, each caught by exactly its checks; {controls} without a flaw, caught by none"
    );
    table
}

fn markdown(rows: &[Value], reports: &Reports) -> String {
    let mut page = String::from(
        "# What the conformance kit checks, and what it catches\n\n\
         Made by `cargo xtask conformance`. A line is a check: its clause of the [contract](../conformance/CONTRACT.md), \
         how many deliberately broken stores it catches (conformance.json names them), and what it says of our \
         backends: passed, or – where it cannot run there, for the reason given in the tests.\n\n",
    );
    let backends: Vec<_> = reports.keys().map(String::as_str).collect();
    let _ = writeln!(page, "| clause | check | promise | catches | {} |", backends.join(" | "));
    let _ = writeln!(page, "|---|---|---|---|{}", "---|".repeat(backends.len()));
    for row in rows {
        let text = |name: &str| row[name].as_str().unwrap_or_default();
        let catches = row["catches"].as_array().map_or(0, Vec::len);
        let results = backends.iter().map(|backend| match row["backends"][backend].as_str() {
            Some("passed") => "passed",
            Some("not_run") => "–",
            _ => "**failed**",
        });
        let _ = writeln!(
            page,
            "| {} | `{}` | {} | {catches} | {} |",
            text("clause"),
            text("id"),
            text("promise"),
            results.collect::<Vec<_>>().join(" | ")
        );
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kills() -> Kills {
        let caught = |ids: &[&str]| ids.iter().map(ToString::to_string).collect();
        [("loses".to_owned(), caught(&["a1_order"])), ("control".to_owned(), caught(&[]))].into()
    }

    #[test]
    fn a_row_has_who_is_caught_and_every_backend() {
        let check =
            json!({"id": "a1_order", "clause": "A1", "promise": "order", "outcome": "passed"});
        let skipped =
            json!({"id": "a1_order", "clause": "A1", "promise": "order", "outcome": "not_run"});
        let reports = Reports::from([
            ("fs".to_owned(), json!({"checks": [check]})),
            ("memory".to_owned(), json!({"checks": [skipped]})),
        ]);
        let rows = rows(&kills(), &reports).unwrap();
        assert_eq!(rows[0]["catches"], json!(["loses"]));
        let page = markdown(&rows, &reports);
        assert!(page.ends_with("| A1 | `a1_order` | order | 1 | passed | – |\n"), "{page}");
    }

    #[test]
    fn the_kill_table_tells_controls_apart() {
        let table = kill_table(&kills());
        assert!(table.contains("loses\n    a1_order\n"), "{table}");
        assert!(table.ends_with(
            "1 broken stores, each caught by exactly its checks; 1 without a flaw, caught by none\n"
        ));
    }
}
