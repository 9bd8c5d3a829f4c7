//! `cargo xtask lint`: the checks that do not run the code: conventions, format, clippy, features
//! and documentation.

use xshell::{Shell, cmd};

use crate::{Done, features, tidy};

pub(crate) fn run(shell: &Shell) -> Done {
    tidy::run(shell)?;
    cmd!(shell, "cargo fmt --all --check").run()?;
    cmd!(shell, "cargo clippy --workspace --all-targets --all-features -- --deny warnings")
        .run()?;
    for feature in features::FACADE {
        cmd!(
            shell,
            "cargo clippy --package session-store --no-default-features --features={feature} -- --deny warnings"
        )
        .run()?;
    }
    for example in ["beside-sqlx", "fjall-store", "third-party-store"] {
        cmd!(
            shell,
            "cargo clippy --manifest-path examples/{example}/Cargo.toml --all-targets -- --deny warnings"
        )
        .run()?;
    }
    doc(shell)
}

/// Builds the documentation. A warning, such as a broken link, is an error.
pub(crate) fn doc(shell: &Shell) -> Done {
    let _warnings_are_errors = shell.push_env("RUSTDOCFLAGS", "--deny warnings");
    cmd!(shell, "cargo doc --workspace --all-features --no-deps").run()?;
    Ok(())
}
