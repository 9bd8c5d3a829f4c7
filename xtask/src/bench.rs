//! `cargo xtask bench`: how fast each backend is, by that of its medium.

use xshell::{Shell, cmd};

use crate::{Done, servers};

/// What is given goes to the program, which knows `--help`.
pub(crate) fn run(shell: &Shell, arguments: &[String]) -> Done {
    servers::ensure(shell)?;
    cmd!(shell, "cargo run --quiet --release --package session-store-bench -- {arguments...}")
        .run()?;
    Ok(())
}
