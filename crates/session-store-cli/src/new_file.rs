//! `NewFile`: a file that is written under a temporary name, and renamed when it is complete.

use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::failure::{Context, Failure};
use crate::signal::remove_at_end;

/// How an existing file with the name of the new one is treated.
#[derive(Clone, Copy)]
pub(crate) enum IfExists {
    Replace,
    /// It is kept, and the command fails. The message ends with `advice`.
    Keep {
        advice: &'static str,
    },
}

impl IfExists {
    /// Returns `Replace` if the option `--force` is given.
    pub(crate) fn from_force(force: bool) -> Self {
        if force { Self::Replace } else { Self::Keep { advice: "use --force to replace it" } }
    }
}

/// A file that is written under a temporary name in its folder.
///
/// Dropping the value deletes the file. A process that ends by a signal leaves the file behind,
/// under the hidden name `.NAME.XXXXXX`. After a call of
/// [`remove_on_signal`](Self::remove_on_signal), this happens only with signals that a process
/// cannot handle, such as SIGKILL.
pub(crate) struct NewFile<'a> {
    file: NamedTempFile,
    path: &'a Path,
    folder: PathBuf,
    if_exists: IfExists,
}

impl<'a> NewFile<'a> {
    /// Creates a file that will have the name `path`.
    pub(crate) fn create(path: &'a Path, if_exists: IfExists) -> Result<Self, Failure> {
        check_path(path, if_exists)?;
        let operation = || format!("create {}", path.display());
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).to_owned();
        let mut prefix = OsString::from(".");
        prefix.push(path.file_name().unwrap_or_default());
        prefix.push(".");
        let file = tempfile::Builder::new().prefix(&prefix).tempfile_in(&folder);
        Ok(Self { file: file.context(operation)?, path, folder, if_exists })
    }

    /// Installs a handler of SIGINT, SIGTERM and SIGHUP that deletes the file and ends the program.
    ///
    /// Must be called for one file only, and only in a program that does not handle these signals
    /// in another way.
    pub(crate) fn remove_on_signal(&self) {
        remove_at_end(self.file.path().to_owned());
    }

    pub(crate) fn writer(&self) -> impl Write {
        self.file.as_file()
    }

    /// Gives the file its name. The content is synced before the rename, and the folder after it,
    /// so that a power cut leaves the complete file, or the state before this call.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        let Self { file, path, folder, if_exists } = self;
        let operation = || format!("create {}", path.display());
        file.as_file().sync_all().context(operation)?;
        let renamed = match if_exists {
            IfExists::Replace => file.persist(path),
            IfExists::Keep { .. } => file.persist_noclobber(path),
        };
        renamed.map_err(|error| error.error).context(operation)?;
        File::open(folder).and_then(|folder| folder.sync_all()).context(operation)
    }
}

/// Fails if a new file cannot have the name `path`. Does not look whether its folder exists.
pub(crate) fn check_path(path: &Path, if_exists: IfExists) -> Result<(), Failure> {
    let cause = match (path.metadata(), if_exists) {
        (Ok(found), _) if !found.is_file() => "the path exists and is not a regular file".into(),
        (Ok(_), IfExists::Keep { advice }) => format!("the file exists; {advice}"),
        _ if path.file_name().is_none() => "the path does not end in a file name".into(),
        _ => return Ok(()),
    };
    Err(Failure::cannot(format!("create {}", path.display()), cause))
}
