//! `demo`: a small session tree, moved from files to SQLite and back, compared, and left to play with.

use std::env;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use session_store::StoreUrl;
use session_store_migrate::{MigrateOptions, VerifyOptions, migrate, verify};

use crate::args::DemoArgs;
use crate::demo::{Size, hints, plant};
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::output::Output;
use crate::store::{open, open_or_create};

/// One thing that the demo did.
#[derive(Serialize)]
struct Step {
    did: String,
    url: String,
    size: Size,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n    {}  ({})", self.did, self.url, self.size)
    }
}

/// What the comparison of the first store and the last one came to.
#[derive(Serialize)]
struct Same {
    equal_entries: usize,
    equal_trace_entries: usize,
}

impl fmt::Display for Same {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { equal_entries: entries, equal_trace_entries: traced } = self;
        write!(
            f,
            "The first store and the last hold the same, byte for byte: {entries} entries, "
        )?;
        write!(f, "{traced} trace entries, the pod")
    }
}

pub(crate) fn run(args: &DemoArgs, out: &mut Output) -> Result<Exit, Failure> {
    let dir = prepare(args.dir.as_deref())?;
    let [files, database, files_again] =
        ["files", "sessions.db", "files-again"].map(|name| dir.join(name));
    let (from, via) = (StoreUrl::fs(&files), StoreUrl::sqlite(&database));
    let to = StoreUrl::fs(&files_again);

    let tree = plant(&open_or_create(&from)?).context(|| format!("write to {from}"))?;
    report(out, tree.to_string(), &from, &files)?;
    copy(&from, &via)?;
    report(out, "Copied them into SQLite, and read both back to compare".into(), &via, &database)?;
    copy(&via, &to)?;
    report(out, "Copied those back into files, and compared".into(), &to, &files_again)?;
    out.answer(&compare(&from, &to)?)?;
    if !out.is_json() {
        suggest(out, &hints(&program(), &tree, [&from, &via, &to]))?;
    }
    Ok(Exit::Done)
}

/// A directory with nothing in it: the one asked for, or a fresh one that stays.
fn prepare(dir: Option<&Path>) -> Result<PathBuf, Failure> {
    let Some(dir) = dir else {
        let made = tempfile::Builder::new().prefix("session-store-demo-").tempdir();
        return Ok(made.context(|| "make a temporary directory".to_owned())?.keep());
    };
    let operation = || format!("make the demo in {}", dir.display());
    fs::create_dir_all(dir).context(operation)?;
    if fs::read_dir(dir).context(operation)?.next().is_some() {
        return Err(Failure::cannot(operation(), "it is not empty"));
    }
    Ok(dir.to_owned())
}

fn copy(from: &StoreUrl, to: &StoreUrl) -> Result<(), Failure> {
    let operation = || format!("copy {from} to {to}");
    let report = migrate(
        || Ok(open(from)?),
        || Ok(open_or_create(to)?),
        &MigrateOptions::default(),
        &mut |_| {},
    );
    if report.context(operation)?.is_complete() {
        Ok(())
    } else {
        Err(Failure::cannot(operation(), "the copy differs from its source"))
    }
}

fn compare(a: &StoreUrl, b: &StoreUrl) -> Result<Same, Failure> {
    let operation = || format!("verify {a} against {b}");
    let report = verify(&open(a)?, &open(b)?, &VerifyOptions::default(), &mut |_| {});
    let report = report.context(operation)?;
    if !report.is_equal() {
        return Err(Failure::cannot(operation(), "they differ"));
    }
    Ok(Same {
        equal_entries: report.equal_entries(),
        equal_trace_entries: report.equal_trace_entries(),
    })
}

fn report(out: &mut Output, did: String, url: &StoreUrl, path: &Path) -> Result<(), Failure> {
    let size = Size::of(path).context(|| format!("look at {}", path.display()))?;
    out.answer(&Step { did, url: url.to_string(), size })
}

fn suggest(out: &mut Output, hints: &[String]) -> Result<(), Failure> {
    out.line("\nTry next")?;
    for hint in hints {
        out.line(format_args!("    {hint}"))?;
    }
    Ok(())
}

/// This program as the user called it, so that a hint works where it is pasted.
fn program() -> String {
    let called = env::args_os().next();
    called.map_or_else(|| "session-store".to_owned(), |name| name.to_string_lossy().into_owned())
}
