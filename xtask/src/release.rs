//! `cargo xtask release`: the checks before a release, and the binary of the command.

use std::env::consts::EXE_SUFFIX;

use xshell::{Shell, cmd};

use crate::{Done, minimal_versions, tools};

/// Runs every check that a release must pass, and publishes nothing.
pub(crate) fn dry_run(shell: &Shell) -> Done {
    package(shell)?;
    semver(shell)?;
    tools::deny(shell)?;
    minimal_versions::run(shell)
}

/// Packs all published crates in the order of their dependencies, and compiles each package
/// against the other packages.
pub(crate) fn package(shell: &Shell) -> Done {
    cmd!(shell, "cargo publish --workspace --dry-run --allow-dirty --locked").run()?;
    Ok(())
}

/// Compares the public interface with the public interface of the last release.
fn semver(shell: &Shell) -> Done {
    let tags = cmd!(shell, "git tag --list v* --sort=-version:refname").read()?;
    let Some(baseline) = tags.lines().next() else {
        eprintln!("there is no release yet (no tag v…), so semver checks have nothing to compare");
        return Ok(());
    };
    tools::ensure(shell, "semver-checks")?;
    cmd!(shell, "cargo semver-checks --workspace --baseline-rev {baseline}").run()?;
    Ok(())
}

/// Builds the command without debug information, and prints the path of the binary.
pub(crate) fn binary(shell: &Shell) -> Done {
    cmd!(shell, "cargo build --profile dist --locked --package session-store-cli").run()?;
    println!("target/dist/session-store{EXE_SUFFIX}");
    Ok(())
}
