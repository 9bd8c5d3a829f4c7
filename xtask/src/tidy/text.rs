//! Rules about the text and name of a file.

use super::{Fault, File};

/// A Rust file longer than this holds more than one idea.
const LONGEST_FILE: usize = 600;

/// Documents that must stay readable in one sitting, and how long they may be.
const SHORT: [(&str, usize); 2] = [("README.md", 120), ("ARCHITECTURE.md", 120)];

/// Names that say nothing.
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
        assert_eq!(faults_of("README.md", &"line\n".repeat(121)), 1);
        assert_eq!(faults_of("docs/README.md", &"line\n".repeat(121)), 0);
    }
}
