//! `cargo xtask test`: installs the programs that some tests need, and runs every test of the
//! workspace.

use std::path::Path;

use xshell::{Shell, cmd};

use crate::{Done, requirements};

/// Runs the tests. If the arguments select no tests, also runs an example and, if file systems can
/// be mounted, the ignored tests named `mount_…`.
pub(crate) fn run(shell: &Shell, arguments: &[String]) -> Done {
    requirements::ensure(shell)?;
    cmd!(shell, "cargo test --workspace --all-features --no-fail-fast {arguments...}").run()?;
    if !arguments.is_empty() {
        return Ok(());
    }
    // Also builds the SQLite backend with the oldest version of rusqlite that it supports.
    cmd!(shell, "cargo run --manifest-path examples/beside-sqlx/Cargo.toml").run()?;
    if requirements::can_mount(shell) {
        ignored(shell, "mount_")?;
    } else {
        eprintln!(
            "the tests named mount_… did not run: they need root and the right to mount file systems"
        );
    }
    if requirements::can_cut_power(shell) {
        return ignored(shell, "cut_power_");
    }
    eprintln!(
        "the tests named cut_power_… did not run: they need root, loop devices, mkfs.ext4, \
         mkfs.xfs and python3"
    );
    Ok(())
}

/// Runs the examples outside of this workspace, and the examples of the agent layer.
pub(crate) fn examples(shell: &Shell) -> Done {
    requirements::ensure(shell)?;
    cmd!(shell, "cargo run --manifest-path examples/beside-sqlx/Cargo.toml").run()?;
    for store in ["third-party-store", "fjall-store"] {
        cmd!(shell, "cargo test --manifest-path examples/{store}/Cargo.toml").run()?;
    }
    cmd!(shell, "cargo test --package session-store-agent --all-features --examples").run()?;
    Ok(())
}

/// Runs the tests named `corpus_…` over real logs, the files `*.jsonl` of a folder. Without such a
/// folder these tests are ignored.
pub(crate) fn corpus(shell: &Shell, folder: &Path) -> Done {
    requirements::ensure(shell)?;
    let absolute = folder.canonicalize();
    let absolute =
        absolute.map_err(|error| format!("cannot open {}: {error}", folder.display()))?;
    let _folder = shell.push_env("SESSION_STORE_CORPUS", absolute);
    ignored(shell, "corpus_")
}

/// Runs the program `torture` with these arguments. Without arguments, also runs the ignored tests
/// named `torture_…`.
pub(crate) fn torture(shell: &Shell, arguments: &[String]) -> Done {
    cmd!(shell, "cargo run --release --package torture -- {arguments...}").run()?;
    if arguments.is_empty() { ignored(shell, "torture_") } else { Ok(()) }
}

/// The fuzz targets in the folder `fuzz`.
const FUZZ_TARGETS: [&str; 5] = ["entry", "damaged_log", "store_url", "import", "restore"];

/// Runs one fuzz target or all of them, each for this time.
pub(crate) fn fuzz(shell: &Shell, only: Option<&str>, seconds: u64) -> Done {
    for target in FUZZ_TARGETS.into_iter().filter(|target| only.is_none_or(|only| only == *target))
    {
        let time = format!("-max_total_time={seconds}");
        cmd!(shell, "cargo +nightly fuzz run --fuzz-dir fuzz {target} -- {time}").run()?;
    }
    Ok(())
}

fn ignored(shell: &Shell, names: &str) -> Done {
    cmd!(shell, "cargo test --workspace --all-features --test it -- --ignored {names}").run()?;
    Ok(())
}
