//! Rules for `Cargo.toml` files.

use super::{Fault, File};

/// The dependencies that core can have.
const CORE: [&str; 4] = ["serde", "serde_json", "thiserror", "uuid"];

pub(super) fn faults(file: &File) -> Vec<Fault> {
    let mut faults = Vec::new();
    if file.name() != "Cargo.toml" {
        return faults;
    }
    let core = file.path == "crates/session-store-core/Cargo.toml";
    for (section, key, value) in entries(&file.text) {
        if core && section == "dependencies" && !CORE.contains(&key) {
            faults.push(Fault::new(file, format!("core must not depend on {key}")));
        }
        if section == "features" && value.contains("?/") {
            let what = format!(
                "the feature {key} must not use `?/`: cargo then adds the optional dependency to every lock file, and a program can link SQLite only once"
            );
            faults.push(Fault::new(file, what));
        }
        if section == "dev-dependencies"
            && key.starts_with("session-store")
            && is_versioned(key, value)
        {
            let what = format!(
                "the dev-dependency {key} must be a path without a version; a versioned cycle cannot be published"
            );
            faults.push(Fault::new(file, what));
        }
    }
    faults
}

/// Whether a dependency has a version. The workspace's manifest names the kit without a version.
fn is_versioned(key: &str, value: &str) -> bool {
    let kit = key.starts_with("session-store-conformance");
    value.contains("version")
        || (key.ends_with(".workspace") || value.contains("workspace")) && !kit
}

/// Returns the section, the key and the value of each line `key = value`.
fn entries(text: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    let mut section = "";
    text.lines().filter_map(move |line| {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
        }
        let (key, value) = line.split_once(" = ")?;
        let key = if section == "dependencies" { key.trim_end_matches(".workspace") } else { key };
        Some((section, key, value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults_of(path: &str, text: &str) -> usize {
        faults(&File { path: path.into(), text: text.into() }).len()
    }

    #[test]
    fn core_stays_at_its_four() {
        let core = "crates/session-store-core/Cargo.toml";
        assert_eq!(faults_of(core, "[dependencies]\nserde.workspace = true\n"), 0);
        assert_eq!(faults_of(core, "[dependencies]\nlibc = \"1\"\n"), 1);
        assert_eq!(faults_of(core, "[dev-dependencies]\nrstest.workspace = true\n"), 0);
    }

    #[test]
    fn a_feature_names_no_dependency_that_may_be_absent() {
        assert_eq!(faults_of("x/Cargo.toml", "[features]\ntls = [\"dep:redis\"]\n"), 0);
        assert_eq!(faults_of("x/Cargo.toml", "[features]\ntls = [\"redis?/tls\"]\n"), 1);
    }

    #[test]
    fn our_own_dev_dependencies_have_no_version() {
        let of = |line: &str| faults_of("x/Cargo.toml", &format!("[dev-dependencies]\n{line}\n"));
        assert_eq!(of("session-store-memory.workspace = true"), 1);
        assert_eq!(of("session-store-memory = { workspace = true, features = [] }"), 1);
        assert_eq!(of("session-store-memory = { path = \"../memory\" }"), 0);
        assert_eq!(of("session-store-conformance.workspace = true"), 0);
    }
}
