//! `cargo xtask test`: every test of the workspace, and the servers that some of them need.

use xshell::{Shell, cmd};

use crate::{Done, servers};

pub(crate) fn run(shell: &Shell, arguments: &[String]) -> Done {
    servers::ensure(shell)?;
    cmd!(shell, "cargo test --workspace --all-features --no-fail-fast {arguments...}").run()?;
    Ok(())
}
