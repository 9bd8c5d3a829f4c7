//! `Filter`: the files that the user selects by patterns.

use std::path::Path;

use glob::{MatchOptions, Pattern};

/// Patterns for the files to import and the files to leave out.
///
/// Patterns apply to the path of a file below the searched folder. A pattern without `/` is
/// compared with each name in this path, including the names of folders. A pattern with `/` is
/// compared with the whole path. `*` matches any characters of one name, and `**` matches any
/// number of folders.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    include: Vec<Pattern>,
    exclude: Vec<Pattern>,
}

impl Filter {
    /// Creates a filter that selects every file.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Selects only files that match this pattern, or the pattern of another call of this function.
    ///
    /// # Errors
    /// A description of the mistake in the pattern.
    pub fn include(mut self, pattern: &str) -> Result<Self, String> {
        self.include.push(parse(pattern)?);
        Ok(self)
    }

    /// Leaves out files that match this pattern.
    ///
    /// # Errors
    /// A description of the mistake in the pattern.
    pub fn exclude(mut self, pattern: &str) -> Result<Self, String> {
        self.exclude.push(parse(pattern)?);
        Ok(self)
    }

    /// Returns whether the file at a path below the searched folder is selected.
    #[must_use]
    pub fn takes(&self, relative: &Path) -> bool {
        let is_matched = |patterns: &[Pattern]| patterns.iter().any(|one| matches(one, relative));
        (self.include.is_empty() || is_matched(&self.include)) && !is_matched(&self.exclude)
    }
}

fn parse(pattern: &str) -> Result<Pattern, String> {
    Pattern::new(pattern).map_err(|error| format!("invalid pattern {pattern}: {}", error.msg))
}

fn matches(pattern: &Pattern, relative: &Path) -> bool {
    let mut options = MatchOptions::new();
    options.require_literal_separator = true;
    if pattern.as_str().contains('/') {
        return pattern.matches_path_with(relative, options);
    }
    relative.iter().any(|name| pattern.matches_path_with(Path::new(name), options))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::nothing(&[], &[], "a/b.jsonl", true)]
    #[case::name(&["*.jsonl"], &[], "a/b.jsonl", true)]
    #[case::other_name(&["*.jsonl"], &[], "a/b.json", false)]
    #[case::folder(&["a"], &[], "a/c/b.jsonl", true)]
    #[case::path(&["a/*.jsonl"], &[], "a/c/b.jsonl", false)]
    #[case::deep_path(&["a/**/*.jsonl"], &[], "a/c/b.jsonl", true)]
    #[case::excluded(&["*.jsonl"], &["c"], "a/c/b.jsonl", false)]
    fn a_file_is_taken_by_its_path(
        #[case] include: &[&str],
        #[case] exclude: &[&str],
        #[case] path: &str,
        #[case] expected: bool,
    ) {
        let filter = include.iter().try_fold(Filter::new(), |filter, one| filter.include(one));
        let filter = exclude.iter().try_fold(filter.unwrap(), |filter, one| filter.exclude(one));
        assert_eq!(filter.unwrap().takes(Path::new(path)), expected);
    }
}
