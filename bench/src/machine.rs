//! The machine of a measurement.

use std::path::Path;
use std::process::Command;
use std::{env, fmt, fs, thread};

use serde::Serialize;
use test_servers::PostgresServer;

/// A description of the machine, for the results. An unknown property is `unknown`.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    processor: String,
    cores: usize,
    kernel: String,
    file_system: String,
    sqlite: String,
    postgres: String,
    redis: String,
}

impl Machine {
    /// Describes this machine, and the file system of the folder.
    pub(crate) fn this(folder: Option<&Path>) -> Self {
        let temporary = env::temp_dir();
        let folder = folder.unwrap_or(&temporary);
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        Self {
            processor: field(&read("/proc/cpuinfo"), "model name"),
            cores: thread::available_parallelism().map_or(0, usize::from),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            file_system: file_system(&read("/proc/mounts"), &folder),
            sqlite: rusqlite::version().to_owned(),
            postgres: PostgresServer::version(),
            redis: redis_version(),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { processor, cores, kernel, file_system, sqlite, postgres, redis } = self;
        write!(
            f,
            "Measured on {cores} cores of {processor}, kernel {kernel},\n\
             file system {file_system}, SQLite {sqlite},\n\
             PostgreSQL {postgres}, Redis {redis}."
        )
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// Returns the value of the first line `name : value`.
fn field(text: &str, name: &str) -> String {
    let values = text.lines().filter_map(|line| line.split_once(':'));
    let mut found = values.filter(|(key, _)| key.trim() == name);
    found.next().map_or_else(|| "unknown".into(), |(_, value)| value.trim().to_owned())
}

/// Returns the type of the file system at the path, which is the file system with the longest mount
/// point above the path.
fn file_system(mounts: &str, path: &Path) -> String {
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((words.next()?, words.next()?))
    });
    let above = mounts.filter(|(point, _)| path.starts_with(point));
    above.max_by_key(|(point, _)| point.len()).map_or("unknown", |(_, kind)| kind).to_owned()
}

fn redis_version() -> String {
    let output = Command::new("redis-server").arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let text = text.unwrap_or_default();
    let version = text.split_whitespace().find_map(|word| word.strip_prefix("v="));
    version.unwrap_or("unknown").to_owned()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const MOUNTS: &str =
        "/dev/a / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/b /tmp/x xfs rw 0 0\n";

    #[rstest]
    #[case("/home/a", "ext4")]
    #[case("/tmp/y", "tmpfs")]
    #[case("/tmp/x/y", "xfs")]
    #[case("relative", "unknown")]
    fn the_nearest_mount_counts(#[case] path: &str, #[case] kind: &str) {
        assert_eq!(file_system(MOUNTS, Path::new(path)), kind);
    }

    #[test]
    fn a_field_has_its_value() {
        let text = "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz: fast\n";
        assert_eq!(field(text, "model name"), "Some CPU @ 2 GHz: fast");
        assert_eq!(field(text, "bogus"), "unknown");
    }
}
