//! The arguments of the command line.

use std::path::PathBuf;

use clap::Parser;

/// Compares the speed of each backend with its medium
#[derive(Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
pub(crate) struct Args {
    /// Only run benchmarks with one of these texts in their name, such as fs/append
    #[arg(value_name = "FILTER")]
    pub(crate) filters: Vec<String>,
    /// Only print the names of the benchmarks
    #[arg(long)]
    pub(crate) list: bool,
    /// Run small versions, to test the program: the results have no meaning
    #[arg(long)]
    pub(crate) quick: bool,
    /// Use the distribution of line sizes in the JSONL files of this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) corpus: Option<PathBuf>,
    /// Create files in this folder, which should be on a disk [default: the folder for temporary
    /// files]
    #[arg(long, value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
    /// Write the results to this file as JSON; - is standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Draw a chart of the ratios to this SVG file
    #[arg(long, value_name = "FILE")]
    pub(crate) chart: Option<PathBuf>,
    /// Write the table into this Markdown file, between its two marks
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
}
