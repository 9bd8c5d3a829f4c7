//! Finds the files below the paths that the user names.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use crate::filter::Filter;

/// The folder that every file store contains.
const STORE_FOLDER: &str = ".session-store";

/// The device and the inode of a file. Both are the same for every path that leads to the file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum FileId {
    #[cfg(unix)]
    Inode(u64, u64),
    #[cfg(not(unix))]
    Path(PathBuf),
}

impl FileId {
    /// Returns the id of an existing file or folder.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        Self::with(path, &fs::metadata(path)?)
    }

    #[cfg(unix)]
    #[allow(clippy::unnecessary_wraps, reason = "other systems have to resolve the path")]
    fn with(_path: &Path, metadata: &Metadata) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt;

        Ok(Self::Inode(metadata.dev(), metadata.ino()))
    }

    #[cfg(not(unix))]
    fn with(path: &Path, _metadata: &Metadata) -> io::Result<Self> {
        path.canonicalize().map(Self::Path)
    }
}

/// A file that was found.
#[derive(Clone, Debug)]
pub(crate) struct FoundFile {
    /// The path of the file. It begins with the path that the user named.
    pub(crate) path: PathBuf,
    /// The absolute path of the file. Links in the path that the user named are resolved.
    pub(crate) absolute: PathBuf,
    pub(crate) bytes: u64,
    /// Whether the user named this file, and not a folder above it. A named file is imported even
    /// if its name does not look like the name of a log.
    pub(crate) is_named: bool,
    /// The index of a path in the list that the user named. The file was found at or below this
    /// path.
    pub(crate) root: usize,
}

impl FoundFile {
    /// Returns the path as text, for the provenance line.
    pub(crate) fn shown(&self) -> String {
        if self.path == Path::new("-") {
            "standard input".to_owned()
        } else {
            self.absolute.to_string_lossy().into_owned()
        }
    }
}

/// The results of a search.
#[derive(Debug, Default)]
pub(crate) struct SearchResult {
    pub(crate) files: Vec<FoundFile>,
    /// Folders and links that could not be read.
    pub(crate) unreadable: Vec<(PathBuf, io::Error)>,
    /// Skipped paths, with the kind of each path.
    pub(crate) passed_over: Vec<(&'static str, PathBuf)>,
}

/// The kinds of paths that a search skips.
pub(crate) const STORES: &str = "session stores (copy one with: session-store migrate)";
pub(crate) const OTHER_PATHS: &str = "second paths to a file";
pub(crate) const LINKS_UP: &str = "links to a folder above";
pub(crate) const EXCLUDED: &str = "files that the options exclude";
pub(crate) const DANGLING: &str = "dangling links";

/// A search for files.
pub(crate) struct Search<'a> {
    filter: &'a Filter,
    /// The destination of the import. It is not searched.
    destination: Option<FileId>,
    folders: HashSet<FileId>,
    files: HashSet<FileId>,
    /// Links to files and folders. Links are followed after everything else was searched. So if two
    /// paths lead to a file, the path without a link is used.
    links: Vec<PathBuf>,
    root: usize,
    found: SearchResult,
}

impl<'a> Search<'a> {
    pub(crate) fn new(filter: &'a Filter, destination: Option<&Path>) -> Self {
        Self {
            filter,
            destination: destination.and_then(|path| FileId::of(path).ok()),
            folders: HashSet::new(),
            files: HashSet::new(),
            links: Vec::new(),
            root: 0,
            found: SearchResult::default(),
        }
    }

    /// Finds the files at and below several paths. The files are in the order of the paths, and
    /// below one path in the order of their names.
    pub(crate) fn run(mut self, paths: &[PathBuf]) -> SearchResult {
        for (root, path) in paths.iter().enumerate() {
            self.root = root;
            if let Err(error) = self.path(path) {
                self.found.unreadable.push((path.clone(), error));
            }
        }
        self.found
    }

    fn path(&mut self, path: &Path) -> io::Result<()> {
        let metadata = fs::metadata(path)?;
        let absolute = absolute(path, metadata.is_dir())?;
        if !metadata.is_dir() {
            self.file(path.to_owned(), absolute, &metadata, true);
            return Ok(());
        }
        let root = Root { path, absolute: &absolute };
        self.folder(root, Path::new(""));
        while let Some(link) = self.links.pop() {
            match fs::metadata(root.path_of(&link)) {
                Ok(metadata) if metadata.is_dir() => self.folder(root, &link),
                Ok(metadata) => {
                    let (path, absolute) = (root.path_of(&link), root.absolute.join(&link));
                    self.file(path, absolute, &metadata, false);
                }
                Err(error) => self.found.unreadable.push((root.path_of(&link), error)),
            }
        }
        Ok(())
    }

    /// Searches the folder at a path below the root.
    fn folder(&mut self, root: Root<'_>, relative: &Path) {
        let path = root.path_of(relative);
        let entries = FileId::of(&path).and_then(|id| {
            let is_new = self.folders.insert(id.clone());
            if self.destination.as_ref() == Some(&id) || !is_new {
                let kind = if is_new { STORES } else { OTHER_PATHS };
                self.found.passed_over.push((kind, path.clone()));
                return Ok(Vec::new());
            }
            let mut entries = fs::read_dir(&path)?.collect::<io::Result<Vec<_>>>()?;
            entries.sort_by_key(fs::DirEntry::file_name);
            Ok(entries)
        });
        let entries = match entries {
            Ok(entries) => entries,
            Err(error) => return self.found.unreadable.push((path, error)),
        };
        // A store is skipped, unless it is the folder that the user named.
        let is_root = relative.as_os_str().is_empty();
        if entries.iter().any(|entry| entry.file_name() == STORE_FOLDER) && !is_root {
            return self.found.passed_over.push((STORES, path));
        }
        let mut links = Vec::new();
        for entry in entries.iter().filter(|entry| entry.file_name() != STORE_FOLDER) {
            let relative = relative.join(entry.file_name());
            if let Some(link) = self.entry(root, relative) {
                links.push(link);
            }
        }
        // The list is a stack: the last link is followed first. So add the links in reverse order.
        self.links.extend(links.into_iter().rev());
    }

    /// Searches one entry of a folder. If the entry is a link that must be followed later, does
    /// nothing but return the path of the entry.
    fn entry(&mut self, root: Root<'_>, relative: PathBuf) -> Option<PathBuf> {
        let path = root.path_of(&relative);
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => {
                if !path.is_symlink() {
                    self.folder(root, &relative);
                } else if root.is_below(&path) {
                    self.found.passed_over.push((LINKS_UP, path));
                } else {
                    return Some(relative);
                }
            }
            Ok(_) if self.filter.takes(&relative) && path.is_symlink() => return Some(relative),
            Ok(_) if !self.filter.takes(&relative) => {
                self.found.passed_over.push((EXCLUDED, path));
            }
            Ok(metadata) => {
                let absolute = root.absolute.join(&relative);
                self.file(path, absolute, &metadata, false);
            }
            // A dangling link is skipped, unless it has the name of a log. A dangling link with the
            // name of a log is reported later, when opening it fails.
            Err(error) if is_dangling(&path, &error) && !is_log_name(&path) => {
                self.found.passed_over.push((DANGLING, path));
            }
            Err(_) if is_log_name(&path) => {
                let absolute = root.absolute.join(&relative);
                self.found.files.push(FoundFile {
                    path,
                    absolute,
                    bytes: 0,
                    is_named: false,
                    root: self.root,
                });
            }
            Err(error) => self.found.unreadable.push((path, error)),
        }
        None
    }

    fn file(&mut self, path: PathBuf, absolute: PathBuf, metadata: &Metadata, is_named: bool) {
        match FileId::with(&path, metadata) {
            Err(error) => self.found.unreadable.push((path, error)),
            Ok(id) => {
                if self.files.insert(id) {
                    let bytes = metadata.len();
                    self.found.files.push(FoundFile {
                        path,
                        absolute,
                        bytes,
                        is_named,
                        root: self.root,
                    });
                } else {
                    self.found.passed_over.push((OTHER_PATHS, path));
                }
            }
        }
    }
}

/// The folder that the user named.
#[derive(Clone, Copy)]
struct Root<'a> {
    path: &'a Path,
    absolute: &'a Path,
}

impl Root<'_> {
    fn path_of(&self, relative: &Path) -> PathBuf {
        if relative.as_os_str().is_empty() {
            self.path.to_owned()
        } else {
            self.path.join(relative)
        }
    }

    /// Returns whether a link leads to the root or to a folder above the root. Such a link must not
    /// be followed, because folders outside of the root would be searched.
    fn is_below(&self, link: &Path) -> bool {
        link.canonicalize().is_ok_and(|target| self.absolute.starts_with(target))
    }
}

/// Returns whether a link has no target. A link whose target this process must not read does not
/// count as dangling, because the target may be a folder of logs.
fn is_dangling(path: &Path, error: &io::Error) -> bool {
    error.kind() != io::ErrorKind::PermissionDenied && path.is_symlink()
}

fn is_log_name(path: &Path) -> bool {
    path.extension() == Some(OsStr::new("jsonl"))
}

/// Returns the absolute path. Links to folders in the path are resolved. If the file itself is a
/// link, the name of the link is kept, because this name can contain the id of the log.
fn absolute(path: &Path, is_folder: bool) -> io::Result<PathBuf> {
    if is_folder {
        return path.canonicalize();
    }
    let path = std::path::absolute(path)?;
    match (path.parent(), path.file_name()) {
        (Some(folder), Some(name)) => Ok(folder.canonicalize()?.join(name)),
        _ => Ok(path),
    }
}

#[cfg(test)]
mod tests {
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

    fn search(root: &Path, destination: Option<&Path>) -> (Vec<String>, Vec<&'static str>) {
        let filter = Filter::new().exclude("*.txt").unwrap();
        let found = Search::new(&filter, destination).run(&[root.to_owned()]);
        assert!(found.unreadable.is_empty(), "{found:?}");
        let name = |file: &FoundFile| {
            let relative = file.path.strip_prefix(root).unwrap();
            relative.to_string_lossy().into_owned()
        };
        let kinds = found.passed_over.iter().map(|(kind, _)| *kind).collect();
        (found.files.iter().map(name).collect(), kinds)
    }

    #[test]
    fn a_folder_is_searched_in_the_order_of_names() {
        let root = tree(&["b.jsonl", "a/z.jsonl", "a/notes.txt", "a.jsonl"]);
        let (files, passed_over) = search(root.path(), None);
        assert_eq!(files, ["a/z.jsonl", "a.jsonl", "b.jsonl"]);
        assert_eq!(passed_over, [EXCLUDED]);
    }

    #[test]
    fn a_store_inside_is_not_searched() {
        let root = tree(&["a.jsonl", "s/.session-store/format", "s/x.jsonl", "out/y.jsonl"]);
        let (files, passed_over) = search(root.path(), Some(&root.path().join("out")));
        assert_eq!((files, passed_over), (vec!["a.jsonl".to_owned()], vec![STORES, STORES]));
        let (files, _) = search(&root.path().join("s"), None);
        assert_eq!(files, ["x.jsonl"], "a store that the user names is searched");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_two_paths_reach_is_found_once_by_the_path_without_a_link() {
        use std::os::unix::fs::symlink;

        let root = tree(&["b/x.jsonl", "b/c/y.jsonl"]);
        symlink(root.path().join("b"), root.path().join("a")).unwrap();
        symlink(root.path(), root.path().join("b/up")).unwrap();
        symlink("/", root.path().join("b/root")).unwrap();
        fs::hard_link(root.path().join("b/x.jsonl"), root.path().join("z.jsonl")).unwrap();
        let (files, passed_over) = search(root.path(), None);
        assert_eq!(files, ["b/c/y.jsonl", "b/x.jsonl"]);
        assert_eq!(passed_over, [LINKS_UP, LINKS_UP, OTHER_PATHS, OTHER_PATHS]);
    }
}
