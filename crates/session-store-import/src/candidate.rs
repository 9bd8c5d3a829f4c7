//! `Candidate`: the path and the first bytes of a file. From both, a format decides whether the
//! file is a log of its program.

use std::ffi::OsStr;
use std::fmt;
use std::path::Path;

/// The maximum number of bytes that a format can read at the start of a file.
pub const HEAD_BYTES: usize = 4096;

/// The endings of the names of compressed files. A file does not count as compressed because of its
/// name, but because of its first bytes.
const COMPRESSED: [&str; 2] = [".zst", ".gz"];

/// The path of a file as a list of names, and the first bytes of the file's content.
///
/// The path is absolute. So a format can also use the folders above the folder that the user wants
/// to import. For a compressed file, the name does not end with `.zst` or `.gz`, and the bytes
/// are decompressed.
#[derive(Clone)]
pub struct Candidate<'a> {
    /// The names of the folders, from the root on.
    folders: Vec<String>,
    name: String,
    head: &'a [u8],
    nearby: Option<&'a Nearby<'a>>,
}

/// A function that reads the first 64 KiB of another file. The path is relative to the folder of
/// the candidate. Returns `None` if there is no such file.
pub type Nearby<'a> = dyn Fn(&str) -> Option<Vec<u8>> + 'a;

impl<'a> Candidate<'a> {
    /// Creates a candidate. Only the first [`HEAD_BYTES`] of `head` are used.
    #[must_use]
    pub fn new(path: &Path, head: &'a [u8]) -> Self {
        let folders = path.parent().into_iter().flatten().map(name_text).collect();
        let name = path.file_name().map(name_text).unwrap_or_default();
        let name = uncompressed(&name).to_owned();
        Self { folders, name, head: &head[..head.len().min(HEAD_BYTES)], nearby: None }
    }

    /// Sets the function that reads files near the candidate.
    #[must_use]
    pub fn with_nearby(mut self, nearby: &'a Nearby<'a>) -> Self {
        self.nearby = Some(nearby);
        self
    }

    /// Returns the name of the file.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the name of the file without `extension`, or `None` if the file does not have this
    /// extension. The extension is compared without regard to upper and lower case.
    #[must_use]
    pub fn stem(&self, extension: &str) -> Option<&str> {
        let (stem, found) = self.name.rsplit_once('.')?;
        found.eq_ignore_ascii_case(extension).then_some(stem)
    }

    /// Returns the name of the folder that contains the file, or an empty text.
    #[must_use]
    pub fn folder(&self) -> &str {
        self.folders.last().map_or("", String::as_str)
    }

    /// Returns the names of the folders above the file, from the root on.
    #[must_use]
    pub fn folders(&self) -> &[String] {
        &self.folders
    }

    /// Returns whether any folder in the path of the file has this name.
    #[must_use]
    pub fn is_below(&self, folder: &str) -> bool {
        self.folders.iter().any(|name| name == folder)
    }

    /// Returns the beginning of another small file, such as `../session.json`. `path` is relative
    /// to the folder of this file. Returns `None` if there is no such file.
    #[must_use]
    pub fn nearby(&self, path: &str) -> Option<Vec<u8>> {
        self.nearby.and_then(|nearby| nearby(path))
    }

    /// Returns the first bytes of the content. The last line in these bytes can be incomplete.
    #[must_use]
    pub const fn head(&self) -> &'a [u8] {
        self.head
    }

    /// Returns whether the first bytes contain this text.
    #[must_use]
    pub fn head_contains(&self, text: &str) -> bool {
        self.head.windows(text.len()).any(|window| window == text.as_bytes())
    }
}

impl fmt::Debug for Candidate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Candidate")
            .field("folders", &self.folders)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Returns the name of a file without the ending of a compression.
pub(crate) fn uncompressed(name: &str) -> &str {
    COMPRESSED.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name)
}

/// Returns a name as text. If the name is not UTF-8, its bytes are escaped, so that two such names
/// give two different texts.
pub(crate) fn name_text(name: &OsStr) -> String {
    match name.to_str() {
        Some(name) => name.to_owned(),
        None => name.as_encoded_bytes().escape_ascii().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_split_into_names() {
        let file = Candidate::new(Path::new("/home/u/logs/a.jsonl.zst"), b"{\"type\":\"user\"");
        assert_eq!(
            (file.name(), file.stem("JSONL"), file.folder()),
            ("a.jsonl", Some("a"), "logs")
        );
        assert_eq!(file.folders(), ["/", "home", "u", "logs"]);
        assert!(file.is_below("u") && !file.is_below("a.jsonl"));
        assert!(file.head_contains("user") && !file.head_contains("users"));
    }
}
