//! The chores of this workspace as commands: `cargo xtask COMMAND`.

mod bench;
mod conformance;
mod lint;
mod requirements;
mod test;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use xshell::Shell;

/// The result of a chore.
type Done = Result<(), Box<dyn std::error::Error>>;

/// The chores of this workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Chore {
    /// Run every test, including the examples in the documentation
    ///
    /// The tests need redis-server 7 or newer, openssl and zstd. Missing ones are installed with
    /// apt-get, if the user is root or sudo needs no password.
    Test {
        /// Only run the tests of real logs, over the JSONL files in this folder
        #[arg(long, value_name = "DIR", conflicts_with = "arguments")]
        corpus: Option<PathBuf>,
        /// Names of tests, and after -- flags of the test programs
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Measure each backend against its medium
    ///
    /// `cargo xtask bench --help` lists the options.
    #[command(disable_help_flag = true)]
    Bench {
        /// Names of benchmarks, and options of the program
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Inject faults into stores while several processes write, and check them afterwards
    ///
    /// `cargo xtask torture --help` lists the options. Power cuts need root, loop devices,
    /// mkfs.ext4, mkfs.xfs and python3.
    #[command(disable_help_flag = true)]
    Torture {
        /// A backend, and options of the program
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Check format, clippy, documentation, features and conventions
    Lint,
    /// Check the conventions of this workspace
    Tidy,
    /// Run the conformance kit over all backends and broken stores, and write docs/conformance.md
    Conformance {
        /// Only run the broken stores, and print the checks that catch each one
        #[arg(long, conflicts_with = "json")]
        gallery: bool,
        /// Also write the results to this file, as JSON
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
    },
    /// Run everything that a change must pass: lint and test
    Ci,
}

fn main() -> ExitCode {
    match run(Chore::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(chore: Chore) -> Done {
    let shell = Shell::new()?;
    let current = shell.current_dir();
    shell.change_dir(root());
    match chore {
        Chore::Test { corpus: Some(folder), .. } => test::corpus(&shell, &current.join(folder)),
        Chore::Test { arguments, .. } => test::run(&shell, &arguments),
        Chore::Bench { arguments } => bench::run(&shell, &arguments),
        Chore::Torture { arguments } => test::torture(&shell, &arguments),
        Chore::Lint => lint::run(&shell),
        Chore::Conformance { gallery: true, .. } => conformance::print_gallery(&shell),
        Chore::Conformance { json, .. } => {
            conformance::publish(&shell, json.map(|file| current.join(file)).as_deref())
        }
        Chore::Tidy => tidy::run(&shell),
        Chore::Ci => {
            lint::run(&shell)?;
            test::run(&shell, &[])
        }
    }
}

/// Returns the folder of the workspace.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is in a folder of the workspace")
}
