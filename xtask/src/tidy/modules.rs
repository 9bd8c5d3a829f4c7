//! The rule that modules of a crate do not refer to each other in a circle.
//!
//! The reason: to understand one module of a circle, a reader must read all modules of the circle.
//! The rule examines the paths that begin with `crate`, `super` or `self`. If such a path names a
//! re-export, the rule follows it to the module that defines the name.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};
use syn::{ItemMod, ItemUse, Path, UseTree, Visibility};

use super::{Fault, File};

/// The path of a module below the root of its crate, such as `["checks", "append"]`.
type Module = Vec<String>;

pub(super) fn faults(files: &[File]) -> Vec<Fault> {
    let mut crates: BTreeMap<&str, Crate> = BTreeMap::new();
    for file in files {
        let Some((folder, path)) = file.path.split_once("/src/") else { continue };
        let Some(module) = module(path) else { continue };
        // Skip a file that does not parse, because the compiler reports it.
        if let Ok(parsed) = syn::parse_file(&file.text) {
            let mut references = References { module: module.clone(), ..References::default() };
            references.visit_file(&parsed);
            crates.entry(folder).or_default().add(module, references);
        }
    }
    let circles = crates.iter().filter_map(|(folder, modules)| {
        let circle: Vec<_> = modules.circle()?.iter().map(|module| module.join("::")).collect();
        let what = format!("modules refer to each other in a circle: {}", circle.join(" -> "));
        Some(Fault { path: format!("{folder}/src"), what })
    });
    circles.collect()
}

/// Returns the module of a file below `src`. Programs in `src/bin` are left out.
fn module(path: &str) -> Option<Module> {
    let mut module: Module = path.strip_suffix(".rs")?.split('/').map(str::to_owned).collect();
    if module.first().is_some_and(|first| first == "bin") {
        return None;
    }
    module.pop_if(|last| matches!(last.as_str(), "mod" | "lib" | "main"));
    Some(module)
}

/// The modules of a crate and their references.
#[derive(Default)]
struct Crate {
    /// The full paths that each module refers to.
    modules: BTreeMap<Module, BTreeSet<Vec<String>>>,
    /// The target of each re-export, by its full path.
    exports: BTreeMap<Vec<String>, Vec<String>>,
}

impl Crate {
    fn add(&mut self, module: Module, references: References) {
        self.modules.insert(module, references.paths);
        self.exports.extend(references.exports);
    }

    /// Returns the modules that a module refers to. References between a module and the modules
    /// above or below it do not count, because these belong together.
    fn targets<'a>(&'a self, module: &'a Module) -> impl Iterator<Item = &'a Module> {
        let paths = self.modules.get(module).into_iter().flatten();
        let targets = paths.filter_map(|path| self.target(path));
        targets.filter(move |target| !module.starts_with(target) && !target.starts_with(module))
    }

    /// Returns the module that defines the item at this path.
    fn target(&self, path: &[String]) -> Option<&Module> {
        let mut path = path;
        // A re-export can name another re-export. The limit ends a circle of re-exports.
        for _ in 0..8 {
            let export = (0..path.len()).find_map(|len| self.exports.get(&path[..=len]));
            let Some(target) = export else { break };
            path = target;
        }
        let prefixes = (1..=path.len()).rev().map(|len| &path[..len]);
        prefixes.filter_map(|prefix| self.modules.get_key_value(prefix)).map(|(key, _)| key).next()
    }

    /// Returns the modules of one circle. The last module is the same as the first module.
    fn circle(&self) -> Option<Vec<&Module>> {
        let mut done = BTreeSet::new();
        self.modules.keys().find_map(|module| self.circle_from(module, &mut Vec::new(), &mut done))
    }

    fn circle_from<'a>(
        &'a self,
        module: &'a Module,
        path: &mut Vec<&'a Module>,
        done: &mut BTreeSet<&'a Module>,
    ) -> Option<Vec<&'a Module>> {
        if let Some(start) = path.iter().position(|earlier| *earlier == module) {
            let mut circle = path[start..].to_vec();
            circle.push(module);
            return Some(circle);
        }
        if done.contains(module) {
            return None;
        }
        path.push(module);
        let circle = self.targets(module).find_map(|target| self.circle_from(target, path, done));
        path.pop();
        done.insert(module);
        circle
    }
}

/// The paths in a file that begin with `crate`, `super` or `self`, converted to absolute paths. An
/// absolute path begins at the root of the crate.
#[derive(Default)]
struct References {
    module: Module,
    paths: BTreeSet<Vec<String>>,
    exports: BTreeMap<Vec<String>, Vec<String>>,
}

impl References {
    /// Converts a path to an absolute path. With `is_use`, `path` can also begin with a child of
    /// the current module, as in `pub use error::StoreError`.
    fn absolute(&self, path: &[String], is_use: bool) -> Option<Vec<String>> {
        let ups = path.iter().take_while(|segment| *segment == "super").count();
        let (base, rest) = match path.first()?.as_str() {
            "crate" => (&[][..], &path[1..]),
            "self" => (&self.module[..], &path[1..]),
            "super" => (&self.module[..self.module.len().saturating_sub(ups)], &path[ups..]),
            _ if is_use => (&self.module[..], path),
            _ => return None,
        };
        Some([base, rest].concat())
    }

    fn add_use(&mut self, tree: &UseTree, path: &mut Vec<String>, is_export: bool) {
        match tree {
            UseTree::Path(inner) => {
                path.push(inner.ident.to_string());
                self.add_use(&inner.tree, path, is_export);
                path.pop();
            }
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.add_use(tree, path, is_export));
            }
            UseTree::Name(name) => {
                self.add_name(path, &name.ident.to_string(), &name.ident.to_string(), is_export);
            }
            UseTree::Rename(name) => {
                self.add_name(path, &name.ident.to_string(), &name.rename.to_string(), is_export);
            }
            UseTree::Glob(_) => self.paths.extend(self.absolute(path, false)),
        }
    }

    fn add_name(&mut self, path: &[String], name: &str, alias: &str, is_export: bool) {
        let path = [path, &[name.to_owned()]].concat();
        if is_export && let Some(target) = self.absolute(&path, true) {
            self.exports.insert([&self.module[..], &[alias.to_owned()]].concat(), target);
        }
        self.paths.extend(self.absolute(&path, false));
    }
}

impl<'a> Visit<'a> for References {
    fn visit_item_mod(&mut self, item: &'a ItemMod) {
        // A module with a `cfg` attribute is assumed to contain the tests of the file, which can
        // refer to anything.
        let is_test = item.attrs.iter().any(|attribute| attribute.path().is_ident("cfg"));
        if !is_test {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'a ItemUse) {
        let is_export = !matches!(item.vis, Visibility::Inherited);
        self.add_use(&item.tree, &mut Vec::new(), is_export);
    }

    fn visit_path(&mut self, path: &'a Path) {
        let segments: Vec<_> = path.segments.iter().map(|part| part.ident.to_string()).collect();
        self.paths.extend(self.absolute(&segments, false));
        visit::visit_path(self, path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circles(files: &[(&str, &str)]) -> Vec<String> {
        let file = |(path, text): &(&str, &str)| File {
            path: format!("a/src/{path}.rs"),
            text: (*text).to_owned(),
        };
        let files: Vec<_> = files.iter().map(file).collect();
        faults(&files).into_iter().map(|fault| fault.what).collect()
    }

    #[test]
    fn a_circle_is_found() {
        let found = circles(&[
            ("lib", "mod a; mod b; mod c;"),
            ("a", "use crate::b::B;"),
            ("b", "fn f() { crate::c::g() }"),
            ("c", "use super::a::A;"),
        ]);
        assert_eq!(found, ["modules refer to each other in a circle: a -> b -> c -> a"]);
    }

    #[test]
    fn a_re_export_is_followed_to_its_module() {
        let found = circles(&[
            ("lib", "mod a; mod b; pub use a::A; pub use b::{B, C as D};"),
            ("a", "use crate::D;"),
            ("b", "use crate::A;"),
        ]);
        assert_eq!(found, ["modules refer to each other in a circle: a -> b -> a"]);
    }

    #[test]
    fn a_module_and_its_folder_belong_together() {
        let found = circles(&[
            ("lib", "mod a;"),
            ("a/mod", "mod b; use crate::a::b::B;"),
            ("a/b", "use super::A; use crate::C;"),
            ("d", "use crate::a::A; #[cfg(test)] mod tests { use crate::e::E; }"),
            ("e", "use crate::d::D;"),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }
}
