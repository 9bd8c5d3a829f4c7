//! The chores of this workspace as commands: `cargo xtask COMMAND`.

mod bench;
mod conformance;
mod features;
mod judges;
mod lint;
mod minimal_versions;
mod pictures;
mod release;
mod requirements;
mod servers;
mod test;
mod tidy;
mod tools;

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
    /// The README lists the programs that the tests need. Missing ones are installed with apt-get,
    /// if the user is root or sudo needs no password.
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
    /// Inject faults into stores while several processes write, and check the stores afterwards
    ///
    /// `cargo xtask torture --help` lists the options. Power cuts need root, loop devices,
    /// mkfs.ext4, mkfs.xfs and python3.
    #[command(disable_help_flag = true)]
    Torture {
        /// A backend, and options of the program
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Run the fuzz targets in the folder `fuzz` (needs the nightly compiler and cargo-fuzz)
    Fuzz {
        /// Only this target
        target: Option<String>,
        /// The time for each target, in seconds
        #[arg(long = "for", value_name = "SECONDS", default_value_t = 300)]
        seconds: u64,
    },
    /// Check format, clippy, documentation, features and conventions
    Lint,
    /// Build the documentation; a warning is an error
    Doc,
    /// Compile pairs of features
    Features,
    /// Run the examples outside of this workspace, and the examples of the agent layer
    Examples,
    /// Run the tests of the Redis backend with the server of a container image; needs docker
    Redis {
        /// An image such as redis:7.0 or valkey/valkey:9
        image: String,
    },
    /// Check licenses, advisories and sources of all dependencies with cargo-deny
    Deny,
    /// Compile with the oldest versions that the manifests allow; needs a nightly toolchain
    MinimalVersions,
    /// Check that a release is possible, or build the binary of the command
    Release {
        /// Pack all crates, compare the interface with the last release, and run deny and
        /// minimal-versions; publishes nothing
        #[arg(long, required_unless_present = "binary")]
        dry_run: bool,
        /// Build the command without debug information
        #[arg(long, conflicts_with = "dry_run")]
        binary: bool,
    },
    /// Make the pictures of docs/pictures; needs `script` and chromium
    Pictures,
    /// Check the conventions of this workspace
    Tidy,
    /// Run the conformance kit over all backends and broken stores, and write docs/conformance.md
    Conformance {
        /// Only run the broken stores, and print the checks that catch each one
        #[arg(long, conflicts_with = "json")]
        gallery: bool,
        /// Only measure the costs that must not grow with a log, over each backend
        #[arg(long, conflicts_with_all = ["json", "gallery"])]
        growth: bool,
        /// Also write the results to this file, as JSON
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
    },
    /// Run test suites of other projects over each backend, and write docs/judges.md
    Judges,
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
        Chore::Fuzz { target, seconds } => test::fuzz(&shell, target.as_deref(), seconds),
        Chore::Lint => lint::run(&shell),
        Chore::Conformance { gallery: true, .. } => conformance::print_gallery(&shell),
        Chore::Conformance { growth: true, .. } => conformance::measure_growth(&shell),
        Chore::Conformance { json, .. } => {
            conformance::publish(&shell, json.map(|file| current.join(file)).as_deref())
        }
        Chore::Judges => judges::run(&shell),
        Chore::Doc => lint::doc(&shell),
        Chore::Features => features::run(&shell),
        Chore::Examples => test::examples(&shell),
        Chore::Redis { image } => servers::run(&shell, &image),
        Chore::Deny => tools::deny(&shell),
        Chore::MinimalVersions => minimal_versions::run(&shell),
        Chore::Release { binary: true, .. } => release::binary(&shell),
        Chore::Release { .. } => release::dry_run(&shell),
        Chore::Pictures => pictures::run(&shell),
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
