//! `cargo xtask conformance`: which broken stores each check of the kit catches, and what each check says of
//! our backends, published as `docs/conformance.md` and `docs/conformance.json`.

mod page;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use xshell::{Shell, cmd};

use crate::{Done, servers};

type Answer<T> = Result<T, Box<dyn std::error::Error>>;

/// Each broken store: what is wrong with it, and the checks that catch it.
type Gallery = BTreeMap<String, Exhibit>;

struct Exhibit {
    flaw: String,
    caught_by: Vec<String>,
}

/// Each backend's report, as the kit writes it.
type Reports = BTreeMap<String, Value>;

/// A check, what it catches and what it says of each backend.
struct Row<'a> {
    id: &'a str,
    clause: &'a str,
    promise: &'a str,
    catches: Vec<&'a str>,
    /// `passed`, `failed` or `not_run`, and the reason where it is not the first.
    backends: BTreeMap<&'a str, (&'a str, Option<&'a str>)>,
}

pub(crate) fn run(shell: &Shell, gallery_only: bool) -> Done {
    let gallery = gallery(shell)?;
    if gallery_only {
        print!("{}", kill_table(&gallery));
        return Ok(());
    }
    let reports = reports(shell)?;
    let rows = rows(&gallery, &reports)?;
    let contract =
        fs::read_to_string(shell.current_dir().join("crates/session-store-core/src/contract.rs"))?;
    let docs = shell.current_dir().join("docs");
    fs::create_dir_all(&docs)?;
    fs::write(docs.join("conformance.md"), page::markdown(&rows, &gallery, &contract))?;
    fs::write(docs.join("conformance.json"), format!("{:#}\n", published(&rows, &gallery)))?;
    Ok(())
}

/// Runs the gallery, whose tests fail unless the sets are exact, and reads what it found.
fn gallery(shell: &Shell) -> Answer<Gallery> {
    let folder = emptied(shell, "gallery")?;
    let _folder = shell.push_env("SESSION_STORE_KILL_TABLE", &folder);
    cmd!(shell, "cargo test --package session-store-conformance --test it -- gallery::").run()?;
    let read = |(store, told): (String, Value)| {
        let ids = told["caught_by"].as_array().ok_or("an exhibit without its catchers")?;
        let caught_by = ids.iter().filter_map(Value::as_str).map(String::from).collect();
        Ok((store, Exhibit { flaw: text(&told, "flaw").to_owned(), caught_by }))
    };
    files(&folder)?.into_iter().map(read).collect()
}

/// Has the matrix of backends write its reports, and reads them.
fn reports(shell: &Shell) -> Answer<Reports> {
    servers::ensure(shell)?;
    let folder = emptied(shell, "reports")?;
    let _folder = shell.push_env("SESSION_STORE_CONFORMANCE_REPORTS", &folder);
    for package in ["session-store", "session-store-redis"] {
        cmd!(
            shell,
            "cargo test --package {package} --all-features --test it -- --ignored ::report"
        )
        .run()?;
    }
    let reports = files(&folder)?.into_iter();
    Ok(reports.map(|(module, report)| (backend(&module).to_owned(), report)).collect())
}

/// The backend that a test module is about.
fn backend(module: &str) -> &str {
    match module.trim_start_matches("it-") {
        "conformance-server" => "redis",
        "conformance-cluster" => "redis cluster",
        name => name,
    }
}

fn emptied(shell: &Shell, name: &str) -> Answer<PathBuf> {
    let folder = shell.current_dir().join("target").join("conformance").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// The name, without `.json`, and what is in each file.
fn files(folder: &Path) -> Answer<Vec<(String, Value)>> {
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

fn rows<'a>(gallery: &'a Gallery, reports: &'a Reports) -> Answer<Vec<Row<'a>>> {
    let (_, first) = reports.first_key_value().ok_or("no backend has written a report")?;
    let checks = first["checks"].as_array().ok_or("a report lists no checks")?;
    let row = |(at, check): (usize, &'a Value)| {
        let id = text(check, "id");
        let told = |report: &'a Value| {
            let told = &report["checks"][at];
            (text(told, "outcome"), told["message"].as_str())
        };
        let caught =
            gallery.iter().filter(|(_, exhibit)| exhibit.caught_by.iter().any(|by| by == id));
        Row {
            id,
            clause: text(check, "clause"),
            promise: text(check, "promise"),
            catches: caught.map(|(store, _)| store.as_str()).collect(),
            backends: reports.iter().map(|(name, report)| (name.as_str(), told(report))).collect(),
        }
    };
    Ok(checks.iter().enumerate().map(row).collect())
}

/// Every broken store with the checks that catch it, as the gallery demands.
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

fn published(rows: &[Row<'_>], gallery: &Gallery) -> Value {
    let told = |(outcome, message): &(&str, Option<&str>)| match message {
        Some(message) => json!({ "outcome": outcome, "message": message }),
        None => json!({ "outcome": outcome }),
    };
    let check = |row: &Row<'_>| {
        let backends: BTreeMap<_, _> =
            row.backends.iter().map(|(name, of)| (name, told(of))).collect();
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
    fn a_row_has_who_is_caught_and_every_backend() {
        let (gallery, reports) = (some_gallery(), some_reports());
        let rows = rows(&gallery, &reports).unwrap();
        assert_eq!(rows[0].catches, ["loses"]);
        assert_eq!(rows[0].backends["fs"], ("passed", None));
        assert_eq!(rows[0].backends["memory"].0, "not_run");
        let published = published(&rows, &gallery);
        assert_eq!(published["checks"][0]["backends"]["fs"], json!({ "outcome": "passed" }));
        assert_eq!(published["broken_stores"]["loses"]["caught_by"], json!(["a1_order"]));
    }

    #[test]
    fn modules_are_named_after_backends() {
        let names = ["it-fs", "it-conformance-server", "it-conformance-cluster"].map(backend);
        assert_eq!(names, ["fs", "redis", "redis cluster"]);
    }

    #[test]
    fn the_kill_table_tells_controls_apart() {
        let table = kill_table(&some_gallery());
        assert!(table.contains("loses: A full queue.\n    a1_order\n"), "{table}");
        assert!(table.ends_with(
            "1 broken stores, each caught by its checks; 1 without a flaw, caught by none\n"
        ));
    }
}
