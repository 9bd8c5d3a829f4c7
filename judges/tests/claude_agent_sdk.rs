//! The tests of the Python package `claude-agent-sdk`, over `session-store serve`.

use std::env::{self, join_paths};
use std::path::{Path, PathBuf};
use std::process::Command;

use judges::Backend;

/// Runs the tests of the package that use its store in memory. A plugin puts our store in the place
/// of that store.
fn check(backend: Backend) {
    let folder = tempfile::tempdir().unwrap();
    let package = path_in("SESSION_STORE_SDK");
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let modules = [own.join("python"), own.join("../examples/protocol")];
    // One failed test shows that the suite finds a planted bug.
    let stop = env::var_os("SESSION_STORE_PLANTED_BUG").map(|_| "--exitfirst");
    let status = Command::new(path_in("SESSION_STORE_PYTHON"))
        .args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "session_store_plugin"])
        .args(stop)
        .args(tests_of_stores(&package.join("tests")))
        .current_dir(&package)
        .env("PYTHONPATH", join_paths(modules).unwrap())
        .env("SESSION_STORE_URL", backend.url(folder.path()))
        .status()
        .unwrap();
    assert!(status.success(), "pytest ended with {status}");
}

fn path_in(variable: &str) -> PathBuf {
    let path = env::var_os(variable);
    path.unwrap_or_else(|| panic!("{variable} is not set: run cargo xtask judges")).into()
}

/// Returns the files with tests that create a store in memory.
fn tests_of_stores(folder: &Path) -> Vec<PathBuf> {
    let files = folder.read_dir().unwrap().map(|file| file.unwrap().path());
    let is_wanted = |path: &PathBuf| {
        path.extension().is_some_and(|extension| extension == "py")
            && std::fs::read_to_string(path).unwrap().contains("InMemorySessionStore(")
    };
    let mut files: Vec<_> = files.filter(is_wanted).collect();
    files.sort();
    assert!(!files.is_empty(), "the package has no tests of stores");
    files
}

judges::backends! { check }
