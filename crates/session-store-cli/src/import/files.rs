//! Finding the log files to import.

use std::ffi::OsStr;
use std::fs::{self, DirEntry, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::failure::{Context, Failure};
use crate::import::ids;
use session_store_import::ReadError;

/// The folder of a file store that contains no logs. It is not searched.
const STORE_FOLDER: &str = ".session-store";

/// One log file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogFile {
    pub(crate) path: PathBuf,
    /// The path below the given folder. For a file that was given itself, its name.
    pub(crate) relative: PathBuf,
    /// Whether the file is the trace of a log beside it.
    pub(crate) is_trace: bool,
}

impl LogFile {
    fn new(path: PathBuf, relative: PathBuf) -> Self {
        let is_trace = is_trace(&path);
        Self { path, relative, is_trace }
    }

    /// Opens the file if it is a regular file. A pipe is refused, because a log is read twice and a
    /// pipe can only be read once. Opening a pipe would also wait for its writer.
    pub(crate) fn open(&self) -> Result<File, ReadError> {
        match fs::metadata(&self.path) {
            Ok(metadata) if metadata.is_file() => Ok(File::open(&self.path)?),
            Ok(_) => Err(ReadError::NotRegular),
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.path.is_symlink() => {
                Err(ReadError::Dangling)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Returns the files of `paths`, and the `*.jsonl` files below its folders sorted by name. A folder
/// without such a file is an error, because its path is probably mistyped.
pub(crate) fn find(paths: &[PathBuf]) -> Result<Vec<LogFile>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        let metadata = fs::metadata(path).context(|| operation(path))?;
        if !metadata.is_dir() {
            if !metadata.is_file() {
                let cause =
                    "it is not a regular file, and a log is read twice; save it to a file first";
                return Err(Failure::cannot(operation(path), cause));
            }
            let relative = path.file_name().map_or_else(|| path.clone(), PathBuf::from);
            files.push(LogFile::new(path.clone(), relative));
            continue;
        }
        let before = files.len();
        walk(path, path, &mut Vec::new(), &mut files)?;
        if files.len() == before {
            return Err(Failure::cannot(operation(path), "it does not contain a *.jsonl file"));
        }
    }
    Ok(files)
}

/// Adds the log files below a folder. Symbolic links are followed. A folder that contains a link to
/// itself is entered once. A dangling link named `*.jsonl` is added, so that opening it reports the
/// error.
fn walk(
    root: &Path,
    folder: &Path,
    above: &mut Vec<PathBuf>,
    files: &mut Vec<LogFile>,
) -> Result<(), Failure> {
    let real = folder.canonicalize().context(|| operation(folder))?;
    if above.contains(&real) {
        return Ok(());
    }
    above.push(real);
    for entry in sorted(folder)? {
        let path = entry.path();
        if is_folder(&entry).context(|| operation(&path))? {
            if entry.file_name() != STORE_FOLDER {
                walk(root, &path, above, files)?;
            }
        } else if is_log(&path) {
            let relative = path.strip_prefix(root).expect("the walk starts at root").to_owned();
            files.push(LogFile::new(path, relative));
        }
    }
    above.pop();
    Ok(())
}

/// Returns whether the entry is a folder or a link to one. A dangling link is not a folder. A link
/// without permission to follow it is an error, because it may lead to a folder of logs.
fn is_folder(entry: &DirEntry) -> io::Result<bool> {
    if !entry.file_type()?.is_symlink() {
        return Ok(entry.file_type()?.is_dir());
    }
    match fs::metadata(entry.path()) {
        Ok(metadata) => Ok(metadata.is_dir()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            if is_log(&entry.path()) {
                Ok(false)
            } else {
                Err(error)
            }
        }
        Err(_) => Ok(false),
    }
}

fn is_log(path: &Path) -> bool {
    path.extension() == Some(OsStr::new("jsonl"))
}

/// Returns whether the file is named like the trace of a log beside it, as in a file store.
fn is_trace(path: &Path) -> bool {
    let Some(log) = path.file_name().and_then(OsStr::to_str) else { return false };
    let log =
        log.strip_suffix(".trace.jsonl").map(|stem| path.with_file_name(format!("{stem}.jsonl")));
    !ids::is_derived(path) && log.is_some_and(|log| log.is_file())
}

fn sorted(folder: &Path) -> Result<Vec<DirEntry>, Failure> {
    let entries = fs::read_dir(folder).context(|| operation(folder))?;
    let mut entries = entries.collect::<io::Result<Vec<_>>>().context(|| operation(folder))?;
    entries.sort_by_key(DirEntry::file_name);
    Ok(entries)
}

fn operation(path: &Path) -> String {
    format!("import {}", path.display())
}

#[cfg(test)]
mod tests {
    use std::slice;

    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        root
    }

    fn relative(paths: &[PathBuf]) -> Vec<String> {
        let files = find(paths).unwrap();
        files.iter().map(|file| file.relative.display().to_string()).collect()
    }

    #[test]
    fn a_folder_is_searched_in_order_and_a_file_can_have_any_name() {
        let root = tree(&["b.jsonl", "a/z.jsonl", "a/notes.txt", "a.jsonl", "log"]);
        let folder = root.path().to_owned();
        assert_eq!(relative(slice::from_ref(&folder)), ["a/z.jsonl", "a.jsonl", "b.jsonl"]);
        assert_eq!(relative(&[folder.join("log"), folder.join("a")]), ["log", "z.jsonl"]);
    }

    #[test]
    fn a_missing_path_or_a_folder_without_logs_is_an_error() {
        let root = tree(&["notes.txt"]);
        for path in [root.path().join("missing"), root.path().to_owned()] {
            let message = find(slice::from_ref(&path)).unwrap_err().to_string();
            assert!(message.contains(&path.display().to_string()), "{message}");
        }
    }

    #[test]
    fn a_trace_is_recognized_by_the_log_beside_it() {
        const ID: &str = "0ccf1a04-1b4c-43b6-8aa5-79e41db43a68";
        const LONE: &str = "019a93b9-f380-7600-98ff-940e6b99603c";
        let names = [
            format!("{ID}.jsonl"),
            format!("{ID}.trace.jsonl"),
            format!("{LONE}.trace.jsonl"),
            "run.jsonl".to_owned(),
            "run.trace.jsonl".to_owned(),
        ];
        let root = tree(&names.each_ref().map(String::as_str));
        let found = find(slice::from_ref(&root.path().to_owned())).unwrap();
        let traces: Vec<_> = found.iter().filter(|file| file.is_trace).collect();
        assert_eq!(traces.len(), 1, "{traces:?}");
        assert_eq!(traces[0].relative.to_str(), Some(&*names[1]));
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_links_to_itself_is_entered_once() {
        let root = tree(&["a/b.jsonl"]);
        std::os::unix::fs::symlink(root.path(), root.path().join("a/again")).unwrap();
        assert_eq!(relative(&[root.path().to_owned()]), ["a/b.jsonl"]);
    }
}
