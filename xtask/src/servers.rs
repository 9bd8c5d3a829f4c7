//! The servers that the Redis tests start: found, or installed where that is allowed.

use xshell::{Cmd, Shell, cmd};

use crate::Done;

/// Any of these will do.
const SERVERS: [&str; 2] = ["redis-server", "valkey-server"];

/// Makes sure that the tests will find a server. They start it themselves, on free ports.
pub(crate) fn ensure(shell: &Shell) -> Done {
    if SERVERS.iter().any(|server| is_installed(shell, server)) {
        return Ok(());
    }
    let Some(privilege) = privilege(shell) else {
        return Err("the Redis tests need redis-server: run `apt-get install redis-server` as root, or put \
                    redis-server or valkey-server on the PATH"
            .into());
    };
    // As root the words of `privilege` are settings for env, else the command that makes us root.
    cmd!(shell, "env {privilege...} apt-get update").run()?;
    cmd!(shell, "env {privilege...} apt-get install --yes redis-server").run()?;
    Ok(())
}

fn is_installed(shell: &Shell, program: &str) -> bool {
    succeeds(cmd!(shell, "{program} --version"))
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
