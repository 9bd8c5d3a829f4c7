//! `cargo xtask conformance`: the broken stores that each check of the kit catches, and the results
//! of all checks over our backends.

mod page;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use xshell::{Shell, cmd};

use crate::{Done, requirements};

/// The backends. Each name is the last part of the name of a crate.
const BACKENDS: [&str; 5] = ["fs", "memory", "postgres", "redis", "sqlite"];

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

/// The broken stores by name.
type Gallery = BTreeMap<String, Exhibit>;

/// A broken store, or a sound store as a control.
struct Exhibit {
    flaw: String,
    /// The ids of the checks that fail if they run with this store.
    caught_by: Vec<String>,
}

/// The report of the kit about each backend.
type Reports = BTreeMap<String, Value>;

/// A check and all its results.
struct Row<'a> {
    id: &'a str,
    clause: &'a str,
    promise: &'a str,
    /// The broken stores that fail the check.
    catches: Vec<&'a str>,
    /// The outcome for each backend: `passed`, `failed` or `not_run`, with a reason unless the
    /// check passed.
    backends: BTreeMap<&'a str, (&'a str, Option<&'a str>)>,
}

/// Runs the broken stores, and prints the checks that catch each one.
pub(crate) fn print_gallery(shell: &Shell) -> Done {
    print!("{}", kill_table(&gallery(shell)?));
    Ok(())
}

/// Runs the tests of `conformance_growth!` over each backend, and over stores whose costs grow.
pub(crate) fn measure_growth(shell: &Shell) -> Done {
    requirements::ensure(shell)?;
    let workspace = ["--release", "--workspace", "--all-features", "--test", "it"];
    let tests = ["--ignored", "growth_", "--nocapture", "--test-threads", "1"];
    cmd!(shell, "cargo test {workspace...} -- {tests...}").run()?;
    Ok(())
}

/// Runs all checks and broken stores. Writes the results to `docs/conformance.md`, and as JSON to
/// `json_file`.
pub(crate) fn publish(shell: &Shell, json_file: Option<&Path>) -> Done {
    let gallery = gallery(shell)?;
    let reports = reports(shell)?;
    let rows = rows(&gallery, &reports)?;
    let root = shell.current_dir();
    let contract = fs::read_to_string(root.join("crates/session-store-core/src/contract.rs"))?;
    fs::write(root.join("docs/conformance.md"), page::markdown(&rows, &gallery, &contract))?;
    if let Some(file) = json_file {
        fs::write(file, format!("{:#}\n", to_json(&rows, &gallery)))?;
    }
    Ok(())
}

/// Runs the broken stores of the gallery and reads the results. The gallery names the checks that
/// must catch each store. Its tests fail if other checks catch the store, or if one of the named
/// checks does not catch it in every run.
fn gallery(shell: &Shell) -> Fallible<Gallery> {
    let run = || {
        cmd!(shell, "cargo test --package session-store-conformance --test it -- gallery::").run()
    };
    {
        let _repeat = shell.push_env("SESSION_STORE_CONFORMANCE_REPEAT", "20");
        run()?;
    }
    let folder = empty_folder(shell, "gallery")?;
    let _folder = shell.push_env("SESSION_STORE_KILL_TABLE", &folder);
    run()?;
    let read = |(store, exhibit): (String, Value)| {
        let ids = exhibit["caught_by"].as_array().ok_or("an exhibit without caught_by")?;
        let caught_by = ids.iter().filter_map(Value::as_str).map(String::from).collect();
        Ok((store, Exhibit { flaw: text(&exhibit, "flaw").to_owned(), caught_by }))
    };
    json_files(&folder)?.into_iter().map(read).collect()
}

/// Runs the tests that write the reports of all backends, and reads the reports.
fn reports(shell: &Shell) -> Fallible<Reports> {
    requirements::ensure(shell)?;
    let folder = empty_folder(shell, "reports")?;
    let _folder = shell.push_env("SESSION_STORE_CONFORMANCE_REPORTS", &folder);
    let packages = BACKENDS.map(|backend| format!("--package=session-store-{backend}"));
    cmd!(shell, "cargo test {packages...} --all-features --test it -- --ignored ::report::")
        .run()?;
    let reports = json_files(&folder)?.into_iter();
    Ok(reports.map(|(name, report)| (configuration(&name), report)).collect())
}

/// Returns the name of the configuration whose report has the file name `name`: the backend and its
/// case in the matrix, or only the backend if the case has the same name.
fn configuration(name: &str) -> String {
    let name = name.trim_start_matches("session-store-");
    match name.split_once('-') {
        Some((backend, case)) if backend == case => backend.to_owned(),
        _ => name.replace('-', " "),
    }
}

fn empty_folder(shell: &Shell, name: &str) -> Fallible<PathBuf> {
    let folder = shell.current_dir().join("target").join("conformance").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Returns the name without `.json` and the content of each file.
fn json_files(folder: &Path) -> Fallible<Vec<(String, Value)>> {
    let read = |item: std::io::Result<fs::DirEntry>| {
        let path = item?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok((name, serde_json::from_slice(&fs::read(path)?)?))
    };
    fs::read_dir(folder)?.map(read).collect()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

fn rows<'a>(gallery: &'a Gallery, reports: &'a Reports) -> Fallible<Vec<Row<'a>>> {
    let (_, first) = reports.first_key_value().ok_or("no backend has written a report")?;
    let checks = first["checks"].as_array().ok_or("a report without checks")?;
    let row = |(index, check): (usize, &'a Value)| {
        let id = text(check, "id");
        let result = |report: &'a Value| {
            let result = &report["checks"][index];
            (text(result, "outcome"), result["message"].as_str())
        };
        let caught =
            gallery.iter().filter(|(_, exhibit)| exhibit.caught_by.iter().any(|by| by == id));
        Row {
            id,
            clause: text(check, "clause"),
            promise: text(check, "promise"),
            catches: caught.map(|(store, _)| store.as_str()).collect(),
            backends: reports
                .iter()
                .map(|(name, report)| (name.as_str(), result(report)))
                .collect(),
        }
    };
    // Leave out the comparison with the model, because it does not belong to a single clause.
    let of_a_clause = checks.iter().enumerate().filter(|(_, check)| text(check, "clause") != "all");
    Ok(of_a_clause.map(row).collect())
}

/// Formats every broken store with the checks that catch it.
fn kill_table(gallery: &Gallery) -> String {
    let mut table = String::new();
    for (store, Exhibit { flaw, caught_by }) in gallery {
        let _ = writeln!(table, "{store}: {flaw}\n    {}", caught_by.join("\n    "));
    }
    let caught = gallery.values().filter(|exhibit| !exhibit.caught_by.is_empty()).count();
    let controls = gallery.len() - caught;
    let _ = writeln!(
        table,
        "{caught} broken stores, each caught by its checks; {controls} without a flaw, caught by none"
    );
    table
}

fn to_json(rows: &[Row<'_>], gallery: &Gallery) -> Value {
    let result = |(outcome, message): &(&str, Option<&str>)| match message {
        Some(message) => json!({ "outcome": outcome, "message": message }),
        None => json!({ "outcome": outcome }),
    };
    let check = |row: &Row<'_>| {
        let backends: BTreeMap<_, _> =
            row.backends.iter().map(|(name, of)| (name, result(of))).collect();
        json!({
            "id": row.id, "clause": row.clause, "promise": row.promise,
            "catches": row.catches, "backends": backends,
        })
    };
    let stores = gallery.iter().map(|(name, Exhibit { flaw, caught_by })| {
        (name, json!({ "flaw": flaw, "caught_by": caught_by }))
    });
    json!({
        "checks": rows.iter().map(check).collect::<Vec<_>>(),
        "broken_stores": stores.collect::<BTreeMap<_, _>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exhibit(flaw: &str, caught_by: &[&str]) -> Exhibit {
        let caught_by = caught_by.iter().map(ToString::to_string).collect();
        Exhibit { flaw: flaw.to_owned(), caught_by }
    }

    pub(super) fn some_gallery() -> Gallery {
        let loses = exhibit("A full queue.", &["a1_order"]);
        [("loses".to_owned(), loses), ("control".to_owned(), exhibit("None.", &[]))].into()
    }

    pub(super) fn some_reports() -> Reports {
        let check = |id, outcome, message: Option<&str>| {
            json!({
                "id": id, "clause": "A1", "promise": "it holds", "outcome": outcome, "message": message,
            })
        };
        let report = |checks: &[Value]| json!({ "checks": checks });
        let lacks = Some("the store does not declare epoch");
        Reports::from([
            (
                "fs".to_owned(),
                report(&[check("a1_order", "passed", None), check("a1_types", "passed", None)]),
            ),
            (
                "memory".to_owned(),
                report(&[check("a1_order", "not_run", lacks), check("a1_types", "passed", None)]),
            ),
        ])
    }

    #[test]
    fn a_row_has_the_broken_stores_and_every_backend() {
        let (gallery, reports) = (some_gallery(), some_reports());
        let rows = rows(&gallery, &reports).unwrap();
        assert_eq!(rows[0].catches, ["loses"]);
        assert_eq!(rows[0].backends["fs"], ("passed", None));
        assert_eq!(rows[0].backends["memory"].0, "not_run");
        let json = to_json(&rows, &gallery);
        assert_eq!(json["checks"][0]["backends"]["fs"], json!({ "outcome": "passed" }));
        assert_eq!(json["broken_stores"]["loses"]["caught_by"], json!(["a1_order"]));
    }

    #[test]
    fn a_report_is_named_after_its_backend_and_its_case() {
        let names = ["fs-power", "memory-memory", "redis-cluster"];
        let names = names.map(|name| configuration(&format!("session-store-{name}")));
        assert_eq!(names, ["fs power", "memory", "redis cluster"]);
    }

    #[test]
    fn the_kill_table_counts_controls_apart() {
        let table = kill_table(&some_gallery());
        assert!(table.contains("loses: A full queue.\n    a1_order\n"), "{table}");
        assert!(table.ends_with(
            "1 broken stores, each caught by its checks; 1 without a flaw, caught by none\n"
        ));
    }
}
