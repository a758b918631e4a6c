//! The packages of a repository, read.

use crate::arrows::{self, Arrow};
use crate::lines::Lines;
use crate::sources::{Package, Sources};
use crate::tree::{Crate, File};

/// A package, read.
pub(crate) struct Room<'a> {
    pub(crate) package: Package,
    /// Its library, and its programs.
    crates: Vec<Crate<'a>>,
}

impl<'a> Room<'a> {
    /// All packages, sorted by folder.
    ///
    /// # Panics
    ///
    /// If a `mod` has no file.
    pub(crate) fn all(sources: &'a Sources) -> Vec<Self> {
        let packages = sources.packages().into_iter();
        let rooms = packages.map(|package| {
            let crates = crates(sources, &package).unwrap_or_else(|error| panic!("{error}"));
            Self { package, crates }
        });
        rooms.collect()
    }

    /// All files, of the library and of the programs.
    pub(crate) fn files(&self) -> impl Iterator<Item = &File<'a>> {
        self.crates.iter().flat_map(|one| &one.files)
    }

    /// Which file uses which.
    pub(crate) fn arrows(&self) -> Vec<Arrow> {
        self.crates.iter().flat_map(arrows::arrows).collect()
    }

    /// The lines of all files.
    pub(crate) fn lines(&self, sources: &Sources) -> Lines {
        self.files().fold(Lines::default(), |sum, file| {
            let text = sources.get(&file.path).expect("it has been read");
            let lines = Lines::of(text, file.parsed);
            Lines {
                code: sum.code + lines.code,
                words: sum.words + lines.words,
            }
        })
    }
}

fn crates<'a>(sources: &'a Sources, package: &Package) -> Result<Vec<Crate<'a>>, String> {
    let src = format!("{}/src/", package.folder);
    let files = sources.ending(".rs").map(|(path, _)| path);
    let files = files.filter_map(|path| Some((path, path.strip_prefix(&src)?)));
    if package.cargo_toml.is_empty() {
        let at_top = files.filter(|(_, name)| !name.contains('/'));
        let at_top: Vec<String> = at_top.map(|(path, _)| path.to_owned()).collect();
        return Ok(vec![Crate::added(sources, &src, &at_top)?]);
    }
    let is_root = |name: &str| matches!(name, "lib.rs" | "main.rs") || name.starts_with("bin/");
    let roots = files.filter(|(_, name)| is_root(name));
    roots
        .map(|(root, _)| Crate::new(sources, &src, root))
        .collect()
}
