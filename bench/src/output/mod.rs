//! The output: a table on the terminal, and the files that the arguments name.

mod chart;
mod page;
mod table;

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::Done;
use crate::args::Args;
use crate::machine::Machine;
use crate::measurement::Line;

pub(crate) fn write(args: &Args, machine: &Machine, lines: &[Line]) -> Done {
    if args.json.as_deref() != Some(Path::new("-")) {
        println!("{}", table::drawn(lines));
    }
    if let Some(path) = &args.json {
        let result = json!({ "machine": machine, "quick": args.quick, "findings": lines });
        write_to(path, &format!("{result:#}\n"))?;
    }
    if let Some(path) = &args.chart {
        write_to(path, &chart::drawn(lines))?;
    }
    if let Some(path) = &args.markdown {
        let page = fs::read_to_string(path).map_err(|error| file_error(path, &error))?;
        let result = format!("{machine}\n\n{}", table::markdown(lines));
        write_to(path, &page::with_result(&page, &result)?)?;
    }
    Ok(())
}

fn write_to(path: &Path, text: &str) -> Done {
    if path == Path::new("-") {
        print!("{text}");
        return Ok(());
    }
    fs::write(path, text).map_err(|error| file_error(path, &error).into())
}

fn file_error(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}
