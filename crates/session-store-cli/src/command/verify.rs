//! `verify`: compares two stores entry by entry.

use std::time::SystemTime;

use session_store::StoreUrl;
use session_store_migrate::{Migration, Selection, VerifyReport};

use crate::args::VerifyArgs;
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::migration::json::{RunJson, Stores};
use crate::migration::report_file::ReportFile;
use crate::migration::text;
use crate::output::Output;
use crate::progress::Bar;
use crate::signal::explain_end;
use crate::store::open;

pub(crate) fn run(args: &VerifyArgs, out: &mut Output) -> Result<Exit, Failure> {
    let [a, b] = [&args.a, &args.b].map(StoreUrl::to_string);
    let (stores, began) = (Stores::Compared { a: &a, b: &b }, SystemTime::now());
    let file = ReportFile::create(args.report.file.as_deref())?;
    file.remove_on_signal();
    explain_end("nothing was changed; run the same command again");
    let report = compare(args)?;
    let json = RunJson::new(stores, began, &report);
    file.finish(&json)?;
    let notes = report.notes().map(|note| format!("note: {note}"));
    let lines = notes.chain(report.differences()).chain([text::comparison_summary(&report)]);
    out.report(&json, lines)?;
    Ok(Exit::done_if(report.is_equal()))
}

fn compare(args: &VerifyArgs) -> Result<VerifyReport, Failure> {
    let (a, b) = (open(&args.a)?, open(&args.b)?);
    let mut bar = Bar::new();
    let mut selection = Selection::default();
    selection.traces = !args.no_traces;
    let report = Migration::new(a, b)
        .select(selection)
        .jobs(args.jobs.at_once.get())
        .progress(|event| bar.show_event(&event))
        .verify();
    let mut report = report.context(|| format!("compare {} with {}", args.a, args.b))?;
    report.names = [args.a.to_string(), args.b.to_string()];
    Ok(report)
}
