//! Which crates a project names, which of them are its own, and which releases it asks for.
//!
//! cargo's metadata without resolution tells the dependencies of the workspace's packages. Those of
//! path dependencies outside of the workspace are read from their `Cargo.toml`s here.
//!
//! A crate of a registry that comes in only through another one is in the lock file, if there is
//! one. Without a lock file nobody knows of it: cargo has not resolved anything yet.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use semver::Version;

use super::package::Package;
use super::read::Project;
use crate::cargo_toml::path::without_dots;

/// The crates that a project names.
#[derive(Debug, Default)]
pub(crate) struct Named {
    /// What its `Cargo.toml`s and those of its path dependencies declare, by package.
    pub(crate) declared: BTreeMap<String, Declared>,
    /// The crates that are the project's own: members of the workspace, and path dependencies.
    pub(crate) own: Vec<Own>,
}

/// A crate of a project's own.
#[derive(Debug)]
pub(crate) struct Own {
    /// The crate.
    pub(crate) name: String,
    /// Its version, if its `Cargo.toml` says one.
    pub(crate) version: Option<Version>,
    /// Its folder.
    pub(crate) folder: PathBuf,
}

/// What a project says of a crate that it depends on.
#[derive(Debug, Default)]
pub(crate) struct Declared {
    /// The requirements, such as `^1.2`, each once.
    pub(crate) requirements: BTreeSet<String>,
    /// The repository that it is to come from, if one of the declarations says so.
    pub(crate) git: Option<String>,
}

impl Named {
    /// The crates that a project names.
    pub(crate) fn of(project: &Project) -> Self {
        let mut named = Named::default();
        let mut to_read: Vec<PathBuf> = Vec::new();
        for package in &project.metadata.packages {
            let folder = package.manifest_path.parent();
            let folder = folder.map(|folder| folder.as_std_path().to_owned());
            named.own.push(Own {
                name: package.name.to_string(),
                version: Some(package.version.clone()),
                folder: folder.unwrap_or_default(),
            });
            for dependency in &package.dependencies {
                let path = dependency.path.as_ref();
                to_read.extend(path.map(|path| path.as_std_path().to_owned()));
                let source = dependency.source.as_ref();
                let git = source
                    .map(|source| source.repr.as_str())
                    .and_then(|source| source.strip_prefix("git+"));
                let requirement = dependency.req.to_string();
                named.declare(
                    &dependency.name,
                    path.is_none().then_some(&*requirement),
                    git,
                );
            }
        }
        let members = named.own.iter().map(|own| own.folder.clone());
        let mut seen: BTreeSet<PathBuf> = members.collect();
        while let Some(folder) = to_read.pop() {
            let folder = without_dots(&folder);
            if !seen.insert(folder.clone()) {
                continue;
            }
            let Some(package) = Package::read(&folder) else {
                continue;
            };
            if let Some(name) = package.name() {
                named.own.push(Own {
                    name: name.to_owned(),
                    version: package.version(),
                    folder,
                });
            }
            named.add(&package, &package.table, &mut to_read);
        }
        named
    }

    /// The crates of the project's own that have this name.
    pub(crate) fn own(&self, name: &str) -> impl Iterator<Item = &Own> {
        self.own.iter().filter(move |own| own.name == name)
    }

    /// Notes one declaration.
    fn declare(&mut self, name: &str, requirement: Option<&str>, git: Option<&str>) {
        let declared = self.declared.entry(name.to_owned()).or_default();
        let requirement = requirement.filter(|_| git.is_none());
        declared.requirements.extend(requirement.map(str::to_owned));
        declared.git = declared.git.take().or_else(|| git.map(str::to_owned));
    }

    /// Adds the crates that `table`, the `Cargo.toml` of a package or a part of it, names, and the
    /// folders of path dependencies to `paths`. Dev-dependencies do not count.
    fn add(&mut self, package: &Package, table: &toml::Table, paths: &mut Vec<PathBuf>) {
        for (key, value) in table {
            let Some(value) = value.as_table() else {
                continue;
            };
            match key.as_str() {
                "dependencies" | "build-dependencies" => {
                    for (key, dependency) in value {
                        let (dependency, folder) = package.dependency(key, dependency);
                        let part = |key: &str| dependency.get(key).and_then(toml::Value::as_str);
                        let version = dependency.as_str().or(part("version"));
                        let name = part("package").unwrap_or(key);
                        self.declare(
                            name,
                            version.filter(|_| part("path").is_none()),
                            part("git"),
                        );
                        paths.extend(part("path").map(|path| folder.join(path)));
                    }
                }
                "target" => {
                    for platform in value.values().filter_map(toml::Value::as_table) {
                        self.add(package, platform, paths);
                    }
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn named_crates_are_found_in_every_table() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("y");
        fs::create_dir_all(&folder).unwrap();
        let text = "[package]\nname = 'y'\nversion.workspace = true\n\
             [dependencies]\na = '1'\nb = { package = 'c', path = '../c' }\ng = { git = 'x' }\n\
             w.workspace = true\n\
             [build-dependencies]\nd = '1'\n[target.'cfg(unix)'.dependencies]\ne = '1'\na = '1.2'\n\
             [dev-dependencies]\nf = '1'\n";
        fs::write(folder.join("Cargo.toml"), text).unwrap();
        let root = "[workspace.package]\nversion = '1.2.3'\n\
                    [workspace.dependencies]\nw = { package = 'v', path = 'v' }\n";
        fs::write(place.path().join("Cargo.toml"), root).unwrap();
        let package = Package::read(&folder).unwrap();
        assert_eq!(package.version(), Some(Version::new(1, 2, 3)));
        let (mut named, mut paths) = (Named::default(), Vec::new());
        named.add(&package, &package.table, &mut paths);
        assert_eq!(
            Vec::from_iter(named.declared.keys()),
            ["a", "c", "d", "e", "g", "v"]
        );
        let requirements = &named.declared["a"].requirements;
        assert_eq!(Vec::from_iter(requirements), ["1", "1.2"]);
        assert!(named.declared["c"].requirements.is_empty());
        assert_eq!(named.declared["g"].git.as_deref(), Some("x"));
        assert_eq!(paths, [folder.join("../c"), place.path().join("v")]);
    }
}
