//! The files of a repository: of this one, or of one that a unit test makes up.
//!
//! All other files of the checker work on these texts and never on the disk. Paths are relative to
//! the root and have `/` between their parts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::parsed::Parsed;

/// The files of a repository by their paths.
pub(crate) struct Sources {
    texts: BTreeMap<String, String>,
    /// The syntax of Rust files that are no tests.
    parsed: BTreeMap<String, Parsed>,
}

/// A folder with a `Cargo.toml`, or with files that the fork adds to an upstream package.
pub(crate) struct Package {
    /// The package's name.
    pub(crate) name: String,
    /// Its folder.
    pub(crate) folder: String,
    /// Its `Cargo.toml`; empty for what is added to an upstream package.
    pub(crate) cargo_toml: toml::Table,
}

/// Folders of small projects that tests and benchmarks build. They are no part of the house.
const PROJECTS: [&str; 3] = ["tests/fixtures/", "benches/projects/", "fuzz/"];

/// Folders with files that the fork adds to upstream's.
const ADDED: [&str; 2] = ["tokio", "tokio-macros"];

impl Sources {
    /// Reads all `.rs` and `.toml` files and ARCHITECTURE.md below `root`, without build output.
    ///
    /// # Panics
    ///
    /// If a file cannot be read or parsed.
    pub(crate) fn of(root: &Path) -> Self {
        let is_ours = |name: &str| !name.starts_with('.') && name != "target";
        let files = WalkDir::new(root).into_iter().filter_entry(|entry| {
            entry.depth() == 0 || entry.file_name().to_str().is_some_and(is_ours)
        });
        let mut texts = BTreeMap::new();
        for entry in files {
            let entry = entry.expect("the folder can be read");
            let ends = entry.path().extension();
            let is_wanted = ends.is_some_and(|end| end == "rs" || end == "toml")
                || entry.file_name() == "ARCHITECTURE.md";
            if !entry.file_type().is_file() || !is_wanted {
                continue;
            }
            let path = entry
                .path()
                .strip_prefix(root)
                .expect("it is below the root");
            let path = path
                .to_str()
                .expect("names of files are text")
                .replace('\\', "/");
            let text = std::fs::read_to_string(entry.path());
            texts.insert(
                path,
                text.unwrap_or_else(|error| panic!("{entry:?}: {error}")),
            );
        }
        Self::new(texts)
    }

    /// A made-up repository.
    ///
    /// # Panics
    ///
    /// If a file cannot be parsed.
    pub(crate) fn made_up(files: &[(&str, &str)]) -> Self {
        let files = files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
        Self::new(files.collect())
    }

    fn new(texts: BTreeMap<String, String>) -> Self {
        let code = texts
            .iter()
            .filter(|(path, _)| path.ends_with(".rs") && !is_test_file(path));
        let parsed = code.map(|(path, text)| {
            let parsed = Parsed::new(text).unwrap_or_else(|error| panic!("{path}:{error}"));
            (path.clone(), parsed)
        });
        Self {
            parsed: parsed.collect(),
            texts,
        }
    }

    /// The text of a file.
    pub(crate) fn get(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// A Rust file's syntax; `None` for tests.
    pub(crate) fn parsed(&self, path: &str) -> Option<&Parsed> {
        self.parsed.get(path)
    }

    /// All files whose names end so, sorted by path.
    pub(crate) fn ending(&self, end: &str) -> impl Iterator<Item = (&str, &str)> {
        let files = self
            .texts
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()));
        files.filter(move |(path, _)| path.ends_with(end))
    }

    /// All Rust files outside of tests, sorted by path: path, text and syntax.
    pub(crate) fn code(&self) -> impl Iterator<Item = (&str, &str, &Parsed)> {
        let files = self.parsed.iter();
        files.map(|(path, parsed)| (path.as_str(), self.texts[path].as_str(), parsed))
    }

    /// All packages of the workspace and of the demo, and what is added to upstream's.
    ///
    /// # Panics
    ///
    /// If a `Cargo.toml` is no TOML.
    pub(crate) fn packages(&self) -> Vec<Package> {
        let mut packages: Vec<Package> = self
            .ending("Cargo.toml")
            .filter_map(|(path, text)| self.package(path, text))
            .collect();
        let added = ADDED.iter().filter(|folder| {
            self.ending(".rs")
                .any(|(path, _)| path.starts_with(&format!("{folder}/src/")))
        });
        packages.extend(added.map(|folder| Package {
            name: (*folder).to_owned(),
            folder: (*folder).to_owned(),
            cargo_toml: toml::Table::new(),
        }));
        packages
    }

    fn package(&self, path: &str, text: &str) -> Option<Package> {
        let folder = path.strip_suffix("/Cargo.toml")?;
        if PROJECTS.iter().any(|projects| path.starts_with(projects)) {
            return None;
        }
        let cargo_toml: toml::Table = text
            .parse()
            .unwrap_or_else(|error| panic!("{path}: {error}"));
        let name = cargo_toml.get("package")?.get("name")?.as_str()?.to_owned();
        Some(Package {
            name,
            folder: folder.to_owned(),
            cargo_toml,
        })
    }
}

/// Whether a file holds nothing but tests or what tests build. The harness, `tests/src`, does not.
pub(crate) fn is_test_file(path: &str) -> bool {
    let is_test = path
        .split('/')
        .any(|part| part == "tests" || part == "tests.rs");
    is_test && !path.starts_with("tests/src/")
}

/// The repository that is looked at: this one, or the one that `TLS_SLOTS_HOUSE` names.
pub(crate) fn root() -> PathBuf {
    match std::env::var_os("TLS_SLOTS_HOUSE") {
        Some(root) => root.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join(".."),
    }
}
