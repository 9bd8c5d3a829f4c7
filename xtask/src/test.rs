//! `cargo xtask test`: every test of the workspace, and the servers that some of them need.

use xshell::{Shell, cmd};

use crate::{Done, servers};

pub(crate) fn run(shell: &Shell, arguments: &[String]) -> Done {
    servers::ensure(shell)?;
    cmd!(shell, "cargo test --workspace --all-features --no-fail-fast {arguments...}").run()?;
    Ok(())
}

/// The tests that need more than a fresh machine has. They are named `torture_…` and ignored otherwise.
pub(crate) fn torture(shell: &Shell) -> Done {
    cmd!(shell, "cargo test --workspace --all-features --test it -- --ignored torture").run()?;
    Ok(())
}
