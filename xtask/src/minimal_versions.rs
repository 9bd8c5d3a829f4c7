//! `cargo xtask minimal-versions`: builds with the oldest versions that the manifests allow.

use xshell::{Shell, cmd};

use crate::Done;

/// Selects the oldest version of each direct dependency, and compiles everything with these
/// versions.
///
/// The lock file is restored afterwards. If the command is killed, restore the file with
/// `git checkout Cargo.lock`.
pub(crate) fn run(shell: &Shell) -> Done {
    let nightly = cmd!(shell, "cargo +nightly --version").quiet().ignore_stdout().ignore_stderr();
    if nightly.run().is_err() {
        let install = "rustup toolchain install nightly --profile minimal";
        return Err(format!("the oldest versions are selected by nightly cargo: {install}").into());
    }
    let lock = shell.read_binary_file("Cargo.lock")?;
    let result = check(shell);
    shell.write_file("Cargo.lock", lock)?;
    result
}

fn check(shell: &Shell) -> Done {
    cmd!(shell, "cargo +nightly update -Z direct-minimal-versions").run()?;
    // Use a separate folder, because these builds would otherwise replace the builds with the usual
    // versions.
    let _folder = shell.push_env("CARGO_TARGET_DIR", "target/minimal-versions");
    cmd!(shell, "cargo check --workspace --all-features --locked").run()?;
    Ok(())
}
