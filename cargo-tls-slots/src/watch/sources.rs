//! Tells which folders and files a project is built from.
//!
//! cargo tells the packages of a workspace, and which packages each depends on by path. It does not
//! tell which files of a folder are sources: a build script or a macro may read any of them. So
//! every file of a package's folder counts, but for those that are no sources for sure.
//!
//! | path | counts |
//! | --- | --- |
//! | a file in the folder of a package of the project | yes |
//! | `Cargo.toml` and `Cargo.lock` at the root of a workspace | yes |
//! | a file elsewhere that the last build read | yes |
//! | hidden files, and `file~` of an editor; not `.cargo` | no |
//! | target folders, also those that `--target-dir` moved: they have a `CACHEDIR.TAG` | no |
//! | the folders of forks and of published files | no |
//! | a folder with a `Cargo.toml` of a package that is not the project's | no |
//!
//! inotify watches a folder, not what is below it, so each folder is named to the system.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, Package};

use crate::project::error::ProjectError;
use crate::project::read::read_project;

/// What a project is built from.
#[derive(Debug, Default)]
pub(super) struct Sources {
    /// The folders of the project's packages.
    packages: BTreeSet<PathBuf>,
    /// The folders of the workspaces, of which only `Cargo.toml` and `Cargo.lock` count.
    workspaces: BTreeSet<PathBuf>,
    /// The target folders of the workspaces.
    targets: BTreeSet<PathBuf>,
    /// Files elsewhere that the last build read.
    files: BTreeSet<PathBuf>,
}

impl Sources {
    /// Asks cargo for the project's packages and for those that they depend on by path.
    ///
    /// # Errors
    ///
    /// If the project itself cannot be read. A dependency that cannot be read is left to the build,
    /// which says what is wrong with it.
    pub(super) fn of(cargo_toml: &Path) -> Result<Self, ProjectError> {
        let mut known = BTreeMap::<PathBuf, Metadata>::new();
        let mut sources = Self::default();
        let first = read_project(cargo_toml)?;
        let root = first.folder.join("Cargo.toml");
        let metadata = first.metadata;
        let is_own = |package: &&Package| real(package.manifest_path.as_std_path()) == root;
        let own = metadata.packages.iter().find(is_own);
        let mut wanted: Vec<PathBuf> = match own {
            Some(package) => vec![package.manifest_path.clone().into()],
            // In a workspace without a package at its root, cargo builds all of the packages.
            None => metadata
                .packages
                .iter()
                .map(|package| package.manifest_path.clone().into())
                .collect(),
        };
        sources.workspaces.insert(first.folder);
        add(metadata, &mut known, &mut sources);
        while let Some(cargo_toml) = wanted.pop() {
            let cargo_toml = real(&cargo_toml);
            let Some(folder) = cargo_toml.parent() else {
                continue;
            };
            if !sources.packages.insert(folder.to_owned()) {
                continue;
            }
            if !known.contains_key(&cargo_toml) {
                let Ok(project) = read_project(&cargo_toml) else {
                    continue;
                };
                add(project.metadata, &mut known, &mut sources);
            }
            let Some(metadata) = known.get(&cargo_toml) else {
                continue;
            };
            let is_it =
                |package: &&Package| real(package.manifest_path.as_std_path()) == cargo_toml;
            let package = metadata.packages.iter().find(is_it);
            for dependency in package.into_iter().flat_map(|one| &one.dependencies) {
                if let Some(path) = &dependency.path
                    && dependency.kind != DependencyKind::Development
                {
                    wanted.push(path.join("Cargo.toml").into());
                }
            }
        }
        Ok(sources)
    }

    /// Notes the files elsewhere that the build of `artifact` read, in place of those noted before.
    ///
    /// cargo lists them in a makefile beside the artifact.
    pub(super) fn read_by(&mut self, artifact: &Path) {
        let Ok(text) = fs::read_to_string(artifact.with_extension("d")) else {
            return;
        };
        self.files = dependencies(&text)
            .map(|file| real(&file))
            .filter(|file| !self.targets.iter().any(|target| file.starts_with(target)))
            .filter(|file| {
                !self
                    .packages
                    .iter()
                    .any(|package| file.starts_with(package))
            })
            .collect();
    }

    /// Adds all folders to watch to `folders`. A folder does not stand for the folders inside of
    /// it.
    ///
    /// `without` are folders that are not watched: those of forks and of published files.
    pub(super) fn folders(&self, without: &[Option<&Path>], folders: &mut BTreeSet<PathBuf>) {
        for package in &self.packages {
            self.walk(package, without, folders);
        }
        folders.extend(self.workspaces.iter().cloned());
        let parents = self.files.iter().filter(|file| !within(file, without));
        folders.extend(parents.filter_map(|file| file.parent().map(Path::to_owned)));
    }

    /// Adds `folder` and the folders inside of it.
    fn walk(&self, folder: &Path, without: &[Option<&Path>], folders: &mut BTreeSet<PathBuf>) {
        if !folders.insert(folder.to_owned()) {
            return;
        }
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            // Links are not followed: they may lead in circles, or to a whole home folder.
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder && !self.is_left_out(&path, without) {
                self.walk(&path, without, folders);
            }
        }
    }

    /// Whether a change of this file or folder may change what is built.
    pub(super) fn concerns(&self, path: &Path, without: &[Option<&Path>]) -> bool {
        if self.files.contains(path) {
            return true;
        }
        let name = path.file_name().unwrap_or_default();
        let of_workspace = name == "Cargo.toml" || name == "Cargo.lock";
        let folder = path.parent().unwrap_or(path);
        if of_workspace && self.workspaces.contains(folder) {
            return true;
        }
        let package = self.packages.iter().filter(|one| path.starts_with(one));
        let Some(package) = package.max_by_key(|one| one.components().count()) else {
            return false;
        };
        let mut way = path.ancestors().take_while(|one| one != package);
        !way.any(|one| self.is_left_out(one, without))
    }

    /// Whether a file or folder inside of a package is none of its sources.
    fn is_left_out(&self, path: &Path, without: &[Option<&Path>]) -> bool {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // Hidden files, and those that editors make while they save.
        (name.starts_with('.') && name != ".cargo")
            || name.ends_with('~')
            || self.targets.contains(path)
            || within(path, without)
            // Every target folder has this file, wherever `--target-dir` put it.
            || path.join("CACHEDIR.TAG").is_file()
            // Another package.
            || (path.join("Cargo.toml").is_file() && !self.packages.contains(path))
    }
}

/// Notes what cargo says about one workspace.
fn add(metadata: Metadata, known: &mut BTreeMap<PathBuf, Metadata>, sources: &mut Sources) {
    let root = real(metadata.workspace_root.as_std_path());
    sources.workspaces.insert(root);
    let target = metadata.target_directory.clone().into_std_path_buf();
    sources.targets.insert(target);
    for package in &metadata.packages {
        let cargo_toml = real(package.manifest_path.as_std_path());
        known.insert(cargo_toml, metadata.clone());
    }
}

/// Whether a path lies in one of these folders. A folder may be relative, and need not exist.
fn within(path: &Path, folders: &[Option<&Path>]) -> bool {
    folders.iter().flatten().any(|folder| {
        std::path::absolute(folder).is_ok_and(|folder| path.starts_with(real(&folder)))
    })
}

/// The path without links, or as it is if there is nothing at it.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// The files after the first colon of a makefile's rule, as cargo writes them in a `.d` file.
fn dependencies(text: &str) -> impl Iterator<Item = PathBuf> {
    let line = text.lines().next().unwrap_or_default();
    let files = line.split_once(": ").map_or("", |(_, files)| files);
    // A space in a name is written `\ `.
    let files = files.replace("\\ ", "\0");
    let files: Vec<PathBuf> = files
        .split_whitespace()
        .map(|file| PathBuf::from(file.replace('\0', " ")))
        .collect();
    files.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn package(folder: &Path, more: &str) {
        let name = folder.file_name().unwrap().to_string_lossy();
        let head = format!("[package]\nname = \"{name}\"\nedition = \"2024\"\n[lib]\n");
        write(&folder.join("Cargo.toml"), &(head + more));
        write(&folder.join("src/lib.rs"), "");
    }

    #[test]
    fn what_a_package_is_built_from() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let module = root.join("module");
        package(
            &module,
            "[dependencies]\na = { path = '../a' }\n[dev-dependencies]\nt = { path = '../t' }\n\
             [build-dependencies]\nb = { path = 'b' }\n[workspace]\n",
        );
        package(&root.join("a"), "[dependencies]\nc = { path = '../c' }\n");
        package(&module.join("b"), "");
        package(&module.join("other"), "");
        for name in ["c", "t"] {
            package(&root.join(name), "");
        }
        write(&module.join("target/CACHEDIR.TAG"), "");
        write(&module.join("elsewhere/CACHEDIR.TAG"), "");
        write(&module.join("forks/tokio/src/lib.rs"), "");
        write(&module.join(".git/HEAD"), "");
        write(&module.join("src/deep/er/file.txt"), "");

        let forks = module.join("forks");
        let mut sources = Sources::of(&module).unwrap();
        let without = [Some(&*forks), None];
        let concerns = |sources: &Sources, path: &str| sources.concerns(&root.join(path), &without);
        for path in [
            "module/src/lib.rs",
            "module/src/deep/er/file.txt",
            "module/src/new/folder",
            "module/Cargo.toml",
            "module/Cargo.lock",
            "module/build.rs",
            "module/b/src/lib.rs",
            "a/src/lib.rs",
            "c/src/lib.rs",
            "c/Cargo.toml",
        ] {
            assert!(concerns(&sources, path), "{path}");
        }
        for path in [
            "t/src/lib.rs",
            "module/target/debug/x",
            "module/elsewhere/x",
            "module/other/src/lib.rs",
            "module/forks/tokio/src/lib.rs",
            "module/.git/HEAD",
            "module/src/.lib.rs.swp",
            "module/src/lib.rs~",
            "README.md",
        ] {
            assert!(!concerns(&sources, path), "{path}");
        }
        let mut folders = BTreeSet::new();
        sources.folders(&without, &mut folders);
        let folders: Vec<_> = folders
            .iter()
            .map(|one| one.strip_prefix(&root).unwrap().display().to_string())
            .collect();
        assert_eq!(
            folders.join(" "),
            "a a/src c c/src module module/b module/b/src module/src module/src/deep \
             module/src/deep/er"
        );

        // A file elsewhere, once a build has read it.
        assert!(!concerns(&sources, "text/with space.md"));
        write(&root.join("text/with space.md"), "");
        let line = format!(
            "x/libmodule.so: {0}/module/src/lib.rs {0}/text/with\\ space.md {0}/module/target/y\n",
            root.display()
        );
        write(&root.join("module/target/debug/libmodule.d"), &line);
        sources.read_by(&root.join("module/target/debug/libmodule.so"));
        assert!(concerns(&sources, "text/with space.md"));
        assert!(!concerns(&sources, "text/other.md"));
    }
}
