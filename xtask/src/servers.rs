//! `cargo xtask redis IMAGE`: the tests of the Redis backend with the server of a container image.

use xshell::{Shell, cmd};

use crate::Done;

/// Copies the server from an image such as `redis:7.0` or `valkey/valkey:9`, and runs the tests of
/// the Redis backend with it.
pub(crate) fn run(shell: &Shell, image: &str) -> Done {
    let folder = shell.create_temp_dir()?;
    let (folder, server) = (folder.path(), folder.path().join("redis-server"));
    let container = cmd!(shell, "docker create {image}").read()?;
    // In the images of Valkey this name is a link, so follow links.
    let source = format!("{container}:/usr/local/bin/redis-server");
    let copied = cmd!(shell, "docker cp --follow-link {source} {server}").run();
    cmd!(shell, "docker rm {container}").ignore_stdout().run()?;
    copied?;
    // The tests use the first server in PATH.
    let path = std::env::var("PATH")?;
    let _path = shell.push_env("PATH", format!("{}:{path}", folder.display()));
    cmd!(shell, "redis-server --version").run()?;
    cmd!(shell, "cargo test --package session-store-redis --all-features --no-fail-fast").run()?;
    Ok(())
}
