//! Where the figures go: a table on the terminal, and the files that were asked for.

mod chart;
mod page;
mod table;

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::Done;
use crate::args::Args;
use crate::finding::Finding;
use crate::machine::Machine;

pub(crate) fn write(args: &Args, machine: &Machine, findings: &[Finding]) -> Done {
    if args.json.as_deref() != Some(Path::new("-")) {
        println!("{}", table::drawn(findings));
    }
    if let Some(path) = &args.json {
        let result = json!({ "machine": machine, "quick": args.quick, "findings": findings });
        write_to(path, &format!("{result:#}\n"))?;
    }
    if let Some(path) = &args.chart {
        write_to(path, &chart::drawn(findings))?;
    }
    if let Some(path) = &args.markdown {
        let page = fs::read_to_string(path).map_err(|error| told(path, &error))?;
        let result = format!("{machine}\n\n{}", table::markdown(findings));
        write_to(path, &page::with_result(&page, &result)?)?;
    }
    Ok(())
}

fn write_to(path: &Path, text: &str) -> Done {
    if path == Path::new("-") {
        print!("{text}");
        return Ok(());
    }
    fs::write(path, text).map_err(|error| told(path, &error).into())
}

fn told(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}
