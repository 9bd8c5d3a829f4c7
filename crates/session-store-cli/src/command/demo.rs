//! `demo`: creates sample sessions, copies them from files to SQLite and back, and verifies the
//! copies.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use session_store::StoreUrl;
use session_store_migrate::Migration;

use crate::args::DemoArgs;
use crate::demo::{Size, create_sessions, hints};
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::output::Output;
use crate::store::{change, open, open_or_create};

/// The JSON of a completed step of the demo.
#[derive(Serialize)]
struct Step {
    did: String,
    url: String,
    size: Size,
}

/// The JSON of the comparison of the first store with the last store.
#[derive(Serialize)]
struct Equal {
    equal_entries: usize,
    equal_trace_entries: usize,
}

pub(crate) fn run(args: &DemoArgs, out: &mut Output) -> Result<Exit, Failure> {
    let dir = prepare(args.dir.as_deref())?;
    let [files, database, files_again] =
        ["files", "sessions.db", "files-again"].map(|name| dir.join(name));
    let (from, via) = (StoreUrl::fs(&files), StoreUrl::sqlite(&database));
    let to = StoreUrl::fs(&files_again);

    let store = open_or_create(&from)?;
    let sessions =
        change(&store, || create_sessions(&store).context(|| format!("write to {from}")))?;
    drop(store);
    report(out, sessions.to_string(), &from, &files)?;
    copy(&from, &via)?;
    report(out, "Copied the sessions to SQLite and verified the copy".into(), &via, &database)?;
    copy(&via, &to)?;
    report(
        out,
        "Copied the sessions back to files and verified the copy".into(),
        &to,
        &files_again,
    )?;
    compare(&from, &to, out)?;
    if !out.is_json() {
        suggest(out, &hints(&program(), &sessions, [&from, &via, &to]))?;
    }
    Ok(Exit::Done)
}

/// Returns an empty directory: the given directory, or a new temporary directory that is not
/// deleted.
fn prepare(dir: Option<&Path>) -> Result<PathBuf, Failure> {
    let Some(dir) = dir else {
        let made = tempfile::Builder::new().prefix("session-store-demo-").tempdir();
        return Ok(made.context(|| "create a temporary directory".to_owned())?.keep());
    };
    let operation = || format!("create the sample stores in {}", dir.display());
    fs::create_dir_all(dir).context(operation)?;
    if fs::read_dir(dir).context(operation)?.next().is_some() {
        return Err(Failure::cannot(operation(), "the directory is not empty"));
    }
    Ok(dir.to_owned())
}

fn copy(from: &StoreUrl, to: &StoreUrl) -> Result<(), Failure> {
    let operation = || format!("copy {from} to {to}");
    let migration = Migration::new(open(from)?, open_or_create(to)?);
    let report = migration.reopen(|| Ok(open(from)?), || Ok(open(to)?)).run();
    if report.context(operation)?.is_complete() {
        Ok(())
    } else {
        Err(Failure::cannot(operation(), "the copy differs from its source"))
    }
}

/// Compares two stores and prints the number of equal entries.
fn compare(a: &StoreUrl, b: &StoreUrl, out: &mut Output) -> Result<(), Failure> {
    let operation = || format!("verify {a} against {b}");
    let report = Migration::new(open(a)?, open(b)?).verify();
    let report = report.context(operation)?;
    if !report.is_equal() {
        return Err(Failure::cannot(operation(), "they differ"));
    }
    let (entries, traced) = (report.equal_entries(), report.equal_trace_entries());
    let text = format!(
        "The first and the last store are equal byte for byte: {entries} entries, {traced} trace \
         entries and the pod"
    );
    out.report(&Equal { equal_entries: entries, equal_trace_entries: traced }, [text])
}

fn report(out: &mut Output, did: String, url: &StoreUrl, path: &Path) -> Result<(), Failure> {
    let size = Size::of(path).context(|| format!("read the size of {}", path.display()))?;
    let text = format!("{did}\n    {url}  ({size})");
    out.report(&Step { did, url: url.to_string(), size }, [text])
}

fn suggest(out: &mut Output, hints: &[String]) -> Result<(), Failure> {
    out.line("\nTry next")?;
    for hint in hints {
        out.line(format_args!("    {hint}"))?;
    }
    Ok(())
}

/// Returns the name of this program as the user typed it, so that the hints can be pasted into a
/// shell.
fn program() -> String {
    let called = env::args_os().next();
    called.map_or_else(|| "session-store".to_owned(), |name| name.to_string_lossy().into_owned())
}
