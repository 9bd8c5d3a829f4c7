//! The programs that the Redis tests start: found, or installed where that is allowed.

use xshell::{Cmd, Shell, cmd};

use crate::Done;

/// Any program of a line will do; the first is the name of Debian's package, too.
const NEEDED: [&[&str]; 2] = [&["redis-server", "valkey-server"], &["openssl"]];

/// Makes sure that the tests will find their servers, which they start themselves on free ports, and what
/// makes their certificates.
pub(crate) fn ensure(shell: &Shell) -> Done {
    let missing: Vec<_> = NEEDED
        .into_iter()
        .filter(|programs| !programs.iter().any(|program| is_installed(shell, program)))
        .map(|programs| programs[0])
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let Some(privilege) = privilege(shell) else {
        let packages = missing.join(" ");
        return Err(format!(
            "the Redis tests need {packages}: as root, apt-get install {packages}"
        )
        .into());
    };
    // As root the words of `privilege` are settings for env, else the command that makes us root.
    cmd!(shell, "env {privilege...} apt-get update").run()?;
    cmd!(shell, "env {privilege...} apt-get install --yes {missing...}").run()?;
    Ok(())
}

fn is_installed(shell: &Shell, program: &str) -> bool {
    // Not every program knows a --version.
    succeeds(cmd!(shell, "sh -c 'command -v \"$1\"' sh {program}"))
}

/// What makes apt-get run as root without a question; `None` where nothing does.
fn privilege(shell: &Shell) -> Option<&'static [&'static str]> {
    if !is_installed(shell, "apt-get") {
        return None;
    }
    if cmd!(shell, "id -u").quiet().read().is_ok_and(|id| id == "0") {
        return Some(&["DEBIAN_FRONTEND=noninteractive"]);
    }
    succeeds(cmd!(shell, "sudo --non-interactive true")).then_some(&[
        "sudo",
        "--non-interactive",
        "DEBIAN_FRONTEND=noninteractive",
    ])
}

fn succeeds(command: Cmd<'_>) -> bool {
    command.quiet().ignore_stdout().ignore_stderr().run().is_ok()
}
