//! Rules about the length, the first line and the name of a file.

use super::{Fault, File};

/// The largest number of lines of a Rust file. A longer file contains more than one idea.
const LONGEST_FILE: usize = 600;

/// Pages that must stay short, and their largest numbers of lines.
const SHORT: [(&str, usize); 2] = [("README.md", 150), ("ARCHITECTURE.md", 150)];

/// Names of files that do not describe their content.
const EMPTY_NAMES: [&str; 5] = ["utils", "util", "common", "helpers", "manager"];

pub(super) fn faults(file: &File) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut fault = |what: String| faults.push(Fault::new(file, what));
    let lines = file.text.lines().count();
    if let Some((name, most)) =
        SHORT.iter().find(|(name, most)| file.path == *name && lines > *most)
    {
        fault(format!("{name} has {lines} lines, more than {most}"));
    }
    if !file.path.ends_with(".rs") {
        return faults;
    }
    if !file.text.starts_with("//! ") {
        fault("does not open with a line that says what lives here (`//! …`)".into());
    }
    if lines > LONGEST_FILE {
        fault(format!("has {lines} lines, more than {LONGEST_FILE}"));
    }
    let stem = file.name().trim_end_matches(".rs");
    if EMPTY_NAMES.iter().any(|empty| stem.split('_').any(|word| word == *empty)) {
        fault("has a name that does not say what is in it".into());
    }
    faults
}

/// Reports a file `a.rs` beside a folder `a` with the submodules of the file. The file must be
/// `a/mod.rs`.
pub(super) fn beside_its_folder(file: &File, files: &[File]) -> Option<Fault> {
    let folder = format!("{}/", file.path.strip_suffix(".rs")?);
    let has_folder = files.iter().any(|other| other.path.starts_with(&folder));
    has_folder.then(|| Fault::new(file, format!("is beside its folder: move it to {folder}mod.rs")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults_of(path: &str, text: &str) -> usize {
        faults(&File { path: path.into(), text: text.into() }).len()
    }

    #[test]
    fn a_rust_file_says_what_it_is() {
        assert_eq!(faults_of("a/b.rs", "//! What.\n"), 0);
        assert_eq!(faults_of("a/b.rs", "// What.\n"), 1);
        assert_eq!(faults_of("a/utils.rs", "//! What.\n"), 1);
        assert_eq!(faults_of("a/b.rs", &"//! What.\n".repeat(LONGEST_FILE + 1)), 1);
    }

    #[test]
    fn the_readme_is_short() {
        assert_eq!(faults_of("README.md", &"line\n".repeat(151)), 1);
        assert_eq!(faults_of("docs/README.md", &"line\n".repeat(151)), 0);
    }

    #[test]
    fn a_module_with_a_folder_is_in_the_folder() {
        let file = |path: &str| File { path: path.into(), text: String::new() };
        let files = ["a/b.rs", "a/b/c.rs", "a/bc.rs", "d/mod.rs", "d/e.rs"].map(file);
        let found = files.iter().filter_map(|file| beside_its_folder(file, &files));
        assert_eq!(found.map(|fault| fault.path).collect::<Vec<_>>(), ["a/b.rs"]);
    }
}
