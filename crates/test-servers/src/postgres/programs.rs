//! Finds the programs of PostgreSQL, and runs them as another user if the test runs as root.

use std::env;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};

/// The folder in which the packages of Debian put the programs. It has a folder for each major
/// version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// The users that can run a server if the test runs as root.
const USERS: [&str; 2] = ["postgres", "nobody"];

/// Returns the folder that contains `initdb` and `postgres`. If several versions are installed,
/// returns the folder of the newest version.
pub(super) fn folder() -> PathBuf {
    let versions = fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let mut versions: Vec<_> =
        versions.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    let versions =
        versions.iter().map(|version| Path::new(VERSIONS).join(format!("{version}/bin")));
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders = versions.chain(env::split_paths(&path));
    let has_programs =
        |folder: &PathBuf| ["initdb", "postgres"].iter().all(|name| folder.join(name).is_file());
    folders
        .find(has_programs)
        .expect("cannot start postgres: not installed; apt-get install postgresql")
}

/// The user that runs a server. PostgreSQL refuses to run as root.
pub(super) struct User {
    /// The command that changes the user. It is put before the program and its arguments.
    pub(super) prefix: Vec<String>,
    ids: Option<(u32, u32)>,
}

impl User {
    /// Returns the user of this process, or another user if this process runs as root.
    pub(super) fn find() -> Self {
        let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
        if !is_root {
            return Self { prefix: Vec::new(), ids: None };
        }
        let accounts = fs::read_to_string("/etc/passwd").expect("the list of users can be read");
        let (user, group) = USERS
            .iter()
            .find_map(|name| ids_of(&accounts, name))
            .expect("there is the user postgres or nobody, since root cannot run a server");
        let (reuid, regid) = (format!("--reuid={user}"), format!("--regid={group}"));
        let prefix = ["setpriv".to_owned(), reuid, regid, "--clear-groups".to_owned()].into();
        Self { prefix, ids: Some((user, group)) }
    }

    /// Gives a file or folder to the user.
    pub(super) fn own(&self, path: &Path) {
        if let Some((user, group)) = self.ids {
            chown(path, Some(user), Some(group)).expect("root can change the owner of a file");
        }
    }
}

/// Returns the id of a user and the id of the user's group from the text of `/etc/passwd`.
fn ids_of(accounts: &str, name: &str) -> Option<(u32, u32)> {
    let account = |line: &str| line.split(':').map(String::from).collect::<Vec<_>>();
    let account = accounts.lines().map(account).find(|fields| fields[0] == name)?;
    Some((account.get(2)?.parse().ok()?, account.get(3)?.parse().ok()?))
}
