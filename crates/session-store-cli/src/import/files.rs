//! Finding the log files that were asked for.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, OrCannot};

/// One log file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogFile {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Its path below the folder that was given; the name of a file that was given by itself.
    pub(crate) relative: PathBuf,
}

/// The files among `paths` and the `*.jsonl` files below the folders among them, in the order given and
/// sorted by name within a folder. A folder without any is a failure: it was most likely mistyped.
pub(crate) fn find(paths: &[PathBuf]) -> Result<Vec<LogFile>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        let metadata = fs::metadata(path).or_cannot(|| attempt(path))?;
        if !metadata.is_dir() {
            let relative = path.file_name().map_or_else(|| path.clone(), PathBuf::from);
            files.push(LogFile { path: path.clone(), relative });
            continue;
        }
        let before = files.len();
        walk(path, path, &mut Vec::new(), &mut files)?;
        if files.len() == before {
            return Err(Failure::cannot(attempt(path), "no *.jsonl file is in it"));
        }
    }
    Ok(files)
}

/// Symbolic links are followed; a folder that contains itself by one is entered once.
fn walk(
    root: &Path,
    folder: &Path,
    above: &mut Vec<PathBuf>,
    files: &mut Vec<LogFile>,
) -> Result<(), Failure> {
    let real = folder.canonicalize().or_cannot(|| attempt(folder))?;
    if above.contains(&real) {
        return Ok(());
    }
    above.push(real);
    for path in sorted(folder)? {
        let metadata = fs::metadata(&path).or_cannot(|| attempt(&path))?;
        if metadata.is_dir() {
            walk(root, &path, above, files)?;
        } else if path.extension().is_some_and(|extension| extension == "jsonl") {
            let relative = path.strip_prefix(root).expect("the walk began at root").to_owned();
            files.push(LogFile { path, relative });
        }
    }
    above.pop();
    Ok(())
}

fn sorted(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = fs::read_dir(folder).or_cannot(|| attempt(folder))?;
    let paths: Result<Vec<_>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.or_cannot(|| attempt(folder))?;
    paths.sort();
    Ok(paths)
}

fn attempt(path: &Path) -> String {
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
    fn a_folder_is_walked_in_order_and_a_file_taken_whatever_its_name() {
        let root = tree(&["b.jsonl", "a/z.jsonl", "a/notes.txt", "a.jsonl", "log"]);
        let folder = root.path().to_owned();
        assert_eq!(relative(slice::from_ref(&folder)), ["a/z.jsonl", "a.jsonl", "b.jsonl"]);
        assert_eq!(relative(&[folder.join("log"), folder.join("a")]), ["log", "z.jsonl"]);
    }

    #[test]
    fn what_is_not_there_or_holds_no_logs_is_named() {
        let root = tree(&["notes.txt"]);
        for path in [root.path().join("missing"), root.path().to_owned()] {
            let message = find(slice::from_ref(&path)).unwrap_err().to_string();
            assert!(message.contains(&path.display().to_string()), "{message}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_linked_into_itself_is_entered_once() {
        let root = tree(&["a/b.jsonl"]);
        std::os::unix::fs::symlink(root.path(), root.path().join("a/again")).unwrap();
        assert_eq!(relative(&[root.path().to_owned()]), ["a/b.jsonl"]);
    }
}
