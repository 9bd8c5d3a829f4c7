//! `cargo xtask bench`: the speed of each backend compared with the speed of its medium.

use xshell::{Shell, cmd};

use crate::{Done, requirements};

/// Runs the benchmarks. Passes all arguments to the benchmark program, also `--help`.
pub(crate) fn run(shell: &Shell, arguments: &[String]) -> Done {
    requirements::ensure(shell)?;
    // Some benchmarks run the program `session-store`, so build it first.
    cmd!(shell, "cargo build --quiet --release --package session-store-cli").run()?;
    cmd!(shell, "cargo run --quiet --release --package session-store-bench -- {arguments...}")
        .run()?;
    Ok(())
}
