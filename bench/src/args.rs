//! What can be asked for on the command line.

use std::path::PathBuf;

use clap::Parser;

/// Measures each backend against its medium
#[derive(Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
pub(crate) struct Args {
    /// Run only what has one of these in its name, such as fs/append
    #[arg(value_name = "FILTER")]
    pub(crate) filters: Vec<String>,
    /// Name the benchmarks and run none
    #[arg(long)]
    pub(crate) list: bool,
    /// Run everything small and twice, to see that it runs: the figures mean nothing
    #[arg(long)]
    pub(crate) quick: bool,
    /// Take the distribution of sizes from the lines of the JSONL files in this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) corpus: Option<PathBuf>,
    /// Keep the files in this folder, which should be on a disk; else where temporary files are
    #[arg(long, value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
    /// Write the figures as JSON; - is standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Draw the figures that are ratios
    #[arg(long, value_name = "FILE")]
    pub(crate) chart: Option<PathBuf>,
    /// Write the table into this page, between its two marks
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
}
