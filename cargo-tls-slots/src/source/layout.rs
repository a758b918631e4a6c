//! Which files of a package belong to its library.
//!
//! A fork is about the library alone: programs, tests, examples and the build script of a package
//! are in no other crate's image. `Cargo.toml` says where they are; what it does not say is where
//! cargo looks by itself (`src/main.rs`, `src/bin/`, `tests/`, `examples/`, `benches/`).

use toml::{Table, Value};

use super::tree::Tree;
use crate::cargo_toml::read;

/// Where the files of a package's library are.
///
/// Every `.rs` below the root's folder counts unless it is known to be another target's. A file
/// that no `mod` declares is searched too: whether one does cannot be told where `#[cfg_attr(…,
/// path)]` or a macro declares it.
#[derive(Debug)]
pub(crate) struct Layout {
    /// The library's root file, `src/lib.rs` unless `Cargo.toml` names another.
    pub(crate) root: String,
    /// The root's folder, with a `/` at its end; empty for the package's own folder.
    pub(crate) folder: String,
    /// Files and folders of the package's other targets; a folder's path ends with `/`.
    others: Vec<String>,
}

impl Layout {
    /// Reads the layout of the package in `tree`.
    ///
    /// # Errors
    ///
    /// A sentence whose subject is `Cargo.toml`: it is no TOML, its library is a procedural macro,
    /// or its library's root is not there.
    pub(crate) fn read(tree: &Tree) -> Result<Self, String> {
        let text = tree
            .get("Cargo.toml")
            .map(|bytes| String::from_utf8_lossy(bytes));
        let cargo_toml: Table = text
            .unwrap_or_default()
            .parse()
            .map_err(|_| "is no TOML".to_owned())?;
        if read::is_procedural_macro(&cargo_toml) {
            return Err(
                "is that of a procedural macro, which runs in the compiler: there is nothing to share"
                    .to_owned(),
            );
        }
        let root = read::library_root(&cargo_toml).to_owned();
        if !tree.contains_key(&root) {
            return Err(format!(
                "is that of a package without a library ({root} is not there)"
            ));
        }
        let folder = folder_of(&root).to_owned();
        Ok(Layout {
            others: other_targets(&cargo_toml, &root, &folder),
            root,
            folder,
        })
    }

    /// Whether a path is that of a source file of the library.
    pub(crate) fn has(&self, path: &str) -> bool {
        path.ends_with(".rs")
            && path.starts_with(&self.folder)
            && !self.others.iter().any(|other| match other.ends_with('/') {
                true => path.starts_with(other),
                false => path == other,
            })
    }
}

/// The folder of a file, with a `/` at its end; empty for the crate's own folder.
pub(crate) fn folder_of(path: &str) -> &str {
    path.rfind('/').map_or("", |slash| &path[..=slash])
}

/// The files and folders of programs, tests, examples, benches and the build script: where cargo
/// finds them by itself, and where `Cargo.toml` says they are. The root is never among them, though
/// a package may name one file as its library and its program.
fn other_targets(cargo_toml: &Table, root: &str, folder: &str) -> Vec<String> {
    let mut others = vec![format!("{folder}main.rs"), format!("{folder}bin/")];
    // A library whose root is in the package's own folder shares that folder with all of these.
    if folder.is_empty() {
        let beside = ["tests/", "examples/", "benches/", "target/", "build.rs"];
        others.extend(beside.map(str::to_owned));
    }
    let script = || cargo_toml.get("package")?.get("build")?.as_str();
    others.extend(script().map(str::to_owned));
    for kind in ["bin", "test", "example", "bench"] {
        let targets = cargo_toml.get(kind).and_then(Value::as_array);
        let path = |target: &Value| Some(target.get("path")?.as_str()?.to_owned());
        others.extend(targets.into_iter().flatten().filter_map(path));
    }
    others.retain(|path| path != root);
    others
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(cargo_toml: &str, root: &str) -> Result<Layout, String> {
        let file = |path: &str, text: &str| (path.to_owned(), text.as_bytes().to_vec());
        Layout::read(&Tree::from([
            file("Cargo.toml", cargo_toml),
            file(root, ""),
        ]))
    }

    #[test]
    fn other_targets_are_not_the_librarys() {
        let targets = "[package]\nbuild = 'src/make.rs'\n[[bin]]\npath = 'src/run.rs'\n";
        let usual = layout(targets, "src/lib.rs").unwrap();
        assert!(usual.has("src/lib.rs") && usual.has("src/a/b.rs"));
        for path in [
            "src/main.rs",
            "src/bin/a.rs",
            "src/make.rs",
            "src/run.rs",
            "tests/a.rs",
            "src/a.txt",
        ] {
            assert!(!usual.has(path), "{path}");
        }
        let flat = layout("[lib]\npath = './lib.rs'\n", "lib.rs").unwrap();
        assert!(flat.has("lib.rs") && flat.has("a.rs"));
        assert!(!flat.has("tests/a.rs") && !flat.has("build.rs"));
    }

    #[test]
    fn a_package_without_a_library_is_refused() {
        assert!(
            layout("", "src/main.rs")
                .unwrap_err()
                .contains("without a library")
        );
        let macros = layout("[lib]\nproc_macro = true\n", "src/lib.rs");
        assert!(macros.unwrap_err().contains("procedural macro"));
        assert_eq!(layout("= 1", "src/lib.rs").unwrap_err(), "is no TOML");
    }
}
