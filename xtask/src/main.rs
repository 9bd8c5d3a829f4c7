//! Every chore of this workspace as a command: `cargo xtask COMMAND`.

mod bench;
mod conformance;
mod lint;
mod servers;
mod test;
mod tidy;

use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use xshell::Shell;

/// What every chore ends with.
type Done = Result<(), Box<dyn std::error::Error>>;

/// The chores of this workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Chore {
    /// Run every test, documentation examples included. What is given after -- goes to the tests
    Test {
        /// Names of tests, and flags for the test programs
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Measure each backend against its medium; `cargo xtask bench --help` has the options
    #[command(disable_help_flag = true)]
    Bench {
        /// Names of benchmarks, and options of the program
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Cut the power under stores and see what is left: needs root, loop devices, mkfs.ext4 and python3
    Torture,
    /// Check format, clippy, documentation, features and conventions
    Lint,
    /// Check the conventions of this workspace that no other tool knows
    Tidy,
    /// Publish what each check of the conformance kit catches, and what it says of our backends
    Conformance {
        /// Only run the gallery of broken stores and print which checks catch each
        #[arg(long)]
        gallery: bool,
    },
    /// Everything that a change must pass: lint and test
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
    shell.change_dir(root());
    match chore {
        Chore::Test { arguments } => test::run(&shell, &arguments),
        Chore::Bench { arguments } => bench::run(&shell, &arguments),
        Chore::Torture => test::torture(&shell),
        Chore::Lint => lint::run(&shell),
        Chore::Conformance { gallery } => conformance::run(&shell, gallery),
        Chore::Tidy => tidy::run(&shell),
        Chore::Ci => {
            lint::run(&shell)?;
            test::run(&shell, &[])
        }
    }
}

/// The workspace's folder.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace's folder")
}
