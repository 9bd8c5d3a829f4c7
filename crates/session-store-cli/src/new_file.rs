//! A file that is written beside its place and put there when it is whole.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process;

use tempfile::NamedTempFile;

use crate::exit::INTERRUPTED;
use crate::failure::{Context, Failure};

/// A file without its name yet. Dropped without it, it is gone; where the process is killed, or ended by a
/// signal without [`remove_on_signal`](Self::remove_on_signal), a hidden file of that name and some letters
/// stays.
pub(crate) struct NewFile<'a> {
    file: NamedTempFile,
    path: &'a Path,
    folder: PathBuf,
    replace: bool,
}

impl<'a> NewFile<'a> {
    /// Begins a file that will be at `path`, where nothing may be unless it is to be replaced.
    pub(crate) fn create(path: &'a Path, replace: bool) -> Result<Self, Failure> {
        let operation = || format!("make {}", path.display());
        require_room(path, replace).map_err(|why| Failure::cannot(operation(), why))?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).to_owned();
        let mut prefix = OsString::from(".");
        prefix.push(path.file_name().unwrap_or_default());
        prefix.push(".");
        let file = tempfile::Builder::new().prefix(&prefix).tempfile_in(&folder);
        Ok(Self { file: file.context(operation)?, path, folder, replace })
    }

    /// From now on SIGINT, SIGTERM and SIGHUP remove the file and end the program. One file of a program can
    /// have that, if nothing else there waits for signals. Where one is ignored, as under nohup, all stay as
    /// they are.
    pub(crate) fn remove_on_signal(&self) {
        let beside = self.file.path().to_owned();
        let _ = ctrlc::try_set_handler(move || {
            // It may be in its place already.
            let _ = fs::remove_file(&beside);
            process::exit(INTERRUPTED);
        });
    }

    pub(crate) fn writer(&self) -> impl Write {
        self.file.as_file()
    }

    /// Makes the content durable, then its name.
    pub(crate) fn put_in_place(self) -> Result<(), Failure> {
        let Self { file, path, folder, replace } = self;
        let operation = || format!("make {}", path.display());
        file.as_file().sync_all().context(operation)?;
        let named = if replace { file.persist(path) } else { file.persist_noclobber(path) };
        named.map_err(|error| error.error).context(operation)?;
        File::open(folder).and_then(|folder| folder.sync_all()).context(operation)
    }
}

fn require_room(path: &Path, replace: bool) -> Result<(), &'static str> {
    match path.metadata() {
        Ok(there) if !there.is_file() => Err("something that is no file is there"),
        Ok(_) if !replace => Err("it exists; --force replaces it"),
        _ if path.file_name().is_none() => Err("it is no name of a file"),
        _ => Ok(()),
    }
}
