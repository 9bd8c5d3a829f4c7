//! The programs that the tests and benchmarks start: their versions, and their installation.

use xshell::{Cmd, Shell, cmd};

use crate::Done;

/// A program that the tests need.
struct Requirement {
    /// The names of the program, or patterns of its path. The tests use the first installed
    /// program.
    programs: &'static [&'static str],
    /// The Debian package that contains the program.
    package: &'static str,
    /// The use of the program.
    purpose: &'static str,
    /// The oldest major version that the tests accept, if the version matters.
    oldest: Option<u32>,
}

const REQUIREMENTS: &[Requirement] = &[
    Requirement {
        programs: &["redis-server", "valkey-server"],
        package: "redis-server",
        purpose: "servers for the tests of the Redis backend",
        oldest: Some(7),
    },
    Requirement {
        // Debian does not put this program in PATH.
        programs: &["initdb", "/usr/lib/postgresql/*/bin/initdb"],
        package: "postgresql",
        purpose: "servers for the tests of the PostgreSQL backend",
        oldest: None,
    },
    Requirement {
        programs: &["pgbouncer", "/usr/sbin/pgbouncer"],
        package: "pgbouncer",
        purpose: "a pooler for the tests of the PostgreSQL backend",
        oldest: None,
    },
    Requirement {
        programs: &["openssl"],
        package: "openssl",
        purpose: "certificates for the tests of TLS connections",
        oldest: None,
    },
    Requirement {
        programs: &["python3"],
        package: "python3",
        purpose: "clients and stores in other languages in the tests of the line protocol",
        oldest: None,
    },
    Requirement {
        programs: &["node"],
        package: "nodejs",
        purpose: "clients in other languages in the tests of the line protocol",
        oldest: None,
    },
    Requirement {
        programs: &["zstd"],
        package: "zstd",
        purpose: "unpacking backups in the tests of migrate",
        oldest: None,
    },
    #[cfg(target_os = "linux")]
    Requirement {
        programs: &["strace"],
        package: "strace",
        purpose: "failing system calls in the tests of durability",
        oldest: None,
    },
];

/// Checks that all required programs are installed in a sufficient version. Installs missing
/// programs with apt-get if no password is needed, or with Homebrew, and prints their names first.
pub(crate) fn ensure(shell: &Shell) -> Done {
    let missing = find_missing(shell)?;
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<_> = missing.iter().map(|requirement| requirement.package).collect();
    for Requirement { package, purpose, .. } in &missing {
        eprintln!("the tests need {package}: {purpose}");
    }
    install(shell, &packages)?;
    // This also fails if the installed version is too old.
    if find_missing(shell)?.is_empty() {
        return Ok(());
    }
    let list = packages.join(" ");
    Err(format!("{list} is installed, but the programs are not in PATH").into())
}

/// Installs Debian packages with apt-get, or the packages of Homebrew for the same programs.
fn install(shell: &Shell, packages: &[&str]) -> Done {
    let list = packages.join(" ");
    if let Some(privilege) = privilege(shell) {
        eprintln!("installing {list} with apt-get");
        // `env` runs apt-get with the arguments of `privilege`, which set a variable and run sudo
        // if needed.
        cmd!(shell, "env {privilege...} apt-get update").run()?;
        cmd!(shell, "env {privilege...} apt-get install --yes {packages...}").run()?;
        return Ok(());
    }
    if is_installed(shell, "brew") {
        let formulas = packages.iter().map(|package| package.trim_end_matches("-server"));
        eprintln!("installing {list} with brew");
        cmd!(shell, "brew install {formulas...}").run()?;
        return Ok(());
    }
    Err(format!("{list} cannot be installed here: run this as root: apt-get install {list}").into())
}

/// Returns the requirements that are not installed. Fails if an installed program is too old.
fn find_missing(shell: &Shell) -> Result<Vec<&'static Requirement>, Box<dyn std::error::Error>> {
    let mut missing = Vec::new();
    for requirement in REQUIREMENTS {
        let Some(program) = requirement.programs.iter().find(|name| is_installed(shell, name))
        else {
            missing.push(requirement);
            continue;
        };
        if let Some(oldest) = requirement.oldest {
            let text = cmd!(shell, "{program} --version").quiet().read()?;
            check_version(program, &text, oldest)?;
        }
    }
    Ok(missing)
}

/// Checks the text that a program prints for `--version`.
fn check_version(program: &str, text: &str, oldest: u32) -> Result<(), String> {
    match major_version(text) {
        Some(version) if version >= oldest => Ok(()),
        Some(version) => Err(format!(
            "{program} has version {version}, but the tests need version {oldest} or newer: install a newer \
             one, or put it first in PATH"
        )),
        None => Err(format!("cannot find the version of {program} in {text:?}")),
    }
}

/// Returns the major version in a text like `Redis server v=7.0.15 sha=00000000:0`.
fn major_version(text: &str) -> Option<u32> {
    let (_, version) = text.split_once("v=")?;
    version.split('.').next()?.parse().ok()
}

fn is_installed(shell: &Shell, program: &str) -> bool {
    // Some programs do not have the option --version.
    // The shell replaces a pattern by the paths that match.
    let find = r#"for path in $1; do command -v "$path" && exit; done; exit 1"#;
    succeeds(cmd!(shell, "sh -c {find} sh {program}"))
}

/// Returns arguments of `env` that run apt-get as root without a question, or `None` if no such
/// arguments exist.
fn privilege(shell: &Shell) -> Option<&'static [&'static str]> {
    if !is_installed(shell, "apt-get") {
        return None;
    }
    if is_root(shell) {
        return Some(&["DEBIAN_FRONTEND=noninteractive"]);
    }
    succeeds(cmd!(shell, "sudo --non-interactive true")).then_some(&[
        "sudo",
        "--non-interactive",
        "DEBIAN_FRONTEND=noninteractive",
    ])
}

/// Returns whether this process can mount file systems. Root in a container often cannot.
pub(crate) fn can_mount(shell: &Shell) -> bool {
    is_root(shell) && succeeds(cmd!(shell, "unshare --mount true"))
}

/// Returns whether power cuts can be simulated. A simulation creates and mounts an image of a file
/// system.
pub(crate) fn can_cut_power(shell: &Shell) -> bool {
    let programs = ["mkfs.ext4", "mkfs.xfs", "python3"];
    can_mount(shell)
        && programs.iter().all(|program| is_installed(shell, program))
        && succeeds(cmd!(shell, "losetup --find"))
}

fn is_root(shell: &Shell) -> bool {
    cmd!(shell, "id -u").quiet().read().is_ok_and(|id| id == "0")
}

fn succeeds(command: Cmd<'_>) -> bool {
    command.quiet().ignore_stdout().ignore_stderr().run().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_found() {
        let cases = [
            ("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64", Some(7)),
            ("Valkey server v=8.1.0 sha=00000000:0", Some(8)),
            ("Redis server v=10.2.1", Some(10)),
            ("Redis server version 2.4.10", None),
            ("", None),
        ];
        for (text, version) in cases {
            assert_eq!(major_version(text), version, "{text}");
        }
    }

    #[test]
    fn an_old_version_is_an_error_that_names_both_versions() {
        assert_eq!(check_version("redis-server", "Redis server v=7.2.4", 7), Ok(()));
        let error = check_version("redis-server", "Redis server v=6.0.16", 7).unwrap_err();
        assert!(error.contains("version 6") && error.contains("version 7"), "{error}");
        assert!(check_version("redis-server", "a server", 7).is_err());
    }
}
