//! Cargo subcommands that are not part of Rust. A missing subcommand is installed, or is an error.

use xshell::{Shell, cmd};

use crate::Done;

/// Makes sure that `cargo NAME` exists. Installs the subcommand from source if it is missing.
pub(crate) fn ensure(shell: &Shell, name: &str) -> Done {
    if cmd!(shell, "cargo {name} --version").quiet().ignore_stdout().ignore_stderr().run().is_ok() {
        return Ok(());
    }
    eprintln!("installing cargo-{name} with cargo install, which takes minutes");
    let result = cmd!(shell, "cargo install --locked cargo-{name}").run();
    result.map_err(|error| {
        format!(
            "cargo {name} is missing and cannot be installed, so its checks did not run: {error}"
        )
    })?;
    Ok(())
}

/// Checks licenses, advisories and sources of all dependencies, by the rules in `deny.toml`.
pub(crate) fn deny(shell: &Shell) -> Done {
    ensure(shell, "deny")?;
    cmd!(shell, "cargo deny --all-features check").run()?;
    Ok(())
}
