//! `cargo xtask test`: every test of the workspace.

use xshell::{Shell, cmd};

use crate::Done;

pub(crate) fn run(shell: &Shell, arguments: &[String]) -> Done {
    cmd!(shell, "cargo test --workspace --all-features --no-fail-fast {arguments...}").run()?;
    Ok(())
}
