//! Which crates a project uses, and so which patches it can take.
//!
//! The problem: cargo warns of a patch that a project does not use, and a user who did nothing
//! wrong would see that warning at every build.
//!
//! The way: only the crates that the project names are patched. cargo's metadata without
//! resolution tells the dependencies of the workspace's packages. Those of path dependencies
//! outside of the workspace are read from their `Cargo.toml`s here.
//!
//! A crate that comes in only through another dependency is in the lock file, if there is one. At a
//! first build there is none. That is why tokio, which nearly always comes in so, is patched in any
//! case.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::project::Project;

/// The crates that a project names, in its `Cargo.toml`s and those of its path dependencies, or has
/// in its lock file.
///
/// Crates of a registry that are not in the lock file yet are not followed: cargo has not resolved
/// them. Only path dependencies are, as their `Cargo.toml`s are at hand.
pub(super) fn used_crates(project: &Project) -> BTreeSet<String> {
    let mut used: BTreeSet<String> = project.lock.iter().map(|one| one.name.clone()).collect();
    let mut to_read: Vec<PathBuf> = Vec::new();
    for package in &project.metadata.packages {
        for dependency in &package.dependencies {
            used.insert(dependency.name.clone());
            to_read.extend(
                dependency
                    .path
                    .iter()
                    .map(|path| path.clone().into_std_path_buf()),
            );
        }
    }
    let mut seen = BTreeSet::new();
    while let Some(folder) = to_read.pop() {
        if !seen.insert(folder.clone()) {
            continue;
        }
        // What is wrong with a file that cannot be read, cargo says at the build.
        let text = fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
        let Ok(cargo_toml) = toml::from_str::<toml::Table>(&text) else {
            continue;
        };
        named_crates(&cargo_toml, &folder, &mut used, &mut to_read);
    }
    used
}

/// Adds the crates that `table`, a `Cargo.toml` in `folder` or a part of one, names to `used`, and
/// the folders of path dependencies to `paths`. Dev-dependencies do not count.
fn named_crates(
    table: &toml::Table,
    folder: &Path,
    used: &mut BTreeSet<String>,
    paths: &mut Vec<PathBuf>,
) {
    for (key, value) in table {
        let Some(value) = value.as_table() else {
            continue;
        };
        match key.as_str() {
            "dependencies" | "build-dependencies" => {
                for (name, dependency) in value {
                    let part = |key: &str| dependency.get(key).and_then(toml::Value::as_str);
                    used.insert(part("package").unwrap_or(name).to_owned());
                    paths.extend(part("path").map(|path| folder.join(path)));
                }
            }
            "target" => {
                for platform in value.values().filter_map(toml::Value::as_table) {
                    named_crates(platform, folder, used, paths);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_crates_are_found_in_every_table() {
        let table: toml::Table = "[dependencies]\na = '1'\nb = { package = 'c', path = '../c' }\n\
             [build-dependencies]\nd = '1'\n[target.'cfg(unix)'.dependencies]\ne = '1'\n\
             [dev-dependencies]\nf = '1'\n"
            .parse()
            .unwrap();
        let (mut used, mut paths) = (BTreeSet::new(), Vec::new());
        named_crates(&table, Path::new("/x/y"), &mut used, &mut paths);
        assert_eq!(Vec::from_iter(used), ["a", "c", "d", "e"]);
        assert_eq!(paths, [Path::new("/x/y/../c")]);
    }
}
