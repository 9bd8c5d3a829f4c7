//! `Environment`: the home directory and the environment variables. They determine where programs
//! store their logs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The home directory and the environment variables of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    home: PathBuf,
    variables: BTreeMap<String, PathBuf>,
}

impl Environment {
    /// Creates an environment without variables.
    #[must_use]
    pub fn new(home: impl Into<PathBuf>) -> Self {
        Self { home: home.into(), variables: BTreeMap::new() }
    }

    /// Returns the environment of this process, or `None` if the home directory is unknown.
    #[must_use]
    pub fn of_process() -> Option<Self> {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into())));
        Some(Self { home: std::env::home_dir()?, variables: variables.collect() })
    }

    /// Sets a variable.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl Into<PathBuf>) -> Self {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    /// Returns the home directory.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Returns the folder that a variable names, or `None` if the variable is missing or empty.
    #[must_use]
    pub fn folder(&self, variable: &str) -> Option<&Path> {
        let folder = self.variables.get(variable).map(PathBuf::as_path);
        folder.filter(|folder| !folder.as_os_str().is_empty())
    }

    /// Returns the folder that a variable names. Returns the folder at `path` below the home
    /// directory if the variable is missing or empty.
    #[must_use]
    pub fn folder_or(&self, variable: &str, path: &str) -> PathBuf {
        self.folder(variable).map_or_else(|| self.home.join(path), Path::to_owned)
    }
}
