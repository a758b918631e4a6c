//! What a run leaves behind: forks, and the lines that patch a project to them.

use std::fs;
use std::path::{Path, PathBuf};

use semver::Version;

use super::error::Error;
use super::replace_file::replace_file;
use crate::by_rule::report::Report;
use crate::cargo_toml::{path, users};

/// The forks that now exist.
#[derive(Clone, Debug)]
pub struct Forked {
    /// The fork folder, absolute and without links.
    pub dir: PathBuf,
    /// Its crates: those that were asked for, each followed by what it needs beside it.
    pub crates: Vec<ForkedCrate>,
}

/// One crate of a fork folder.
#[derive(Clone, Debug)]
pub struct ForkedCrate {
    /// The crate's name.
    pub name: String,
    /// Its version; for a forked crate, upstream's.
    pub version: Version,
    /// Its folder, absolute.
    pub dir: PathBuf,
    /// Whether a project names it in `[patch.crates-io]`. Others only belong to one that is.
    pub patched: bool,
    /// What had to be done.
    pub outcome: Outcome,
    /// Of a crate that was forked by rule: what became of its state.
    pub report: Option<Report>,
}

/// What a run did to one crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was not there before.
    Written,
    /// So many of its files were changed, made or removed.
    Updated(usize),
    /// Nothing was written.
    UpToDate,
}

impl Forked {
    /// The lines for a `Cargo.toml`, with absolute paths.
    pub fn patch_lines(&self) -> String {
        let lines = self
            .patched()
            .map(|one| format!("{} = {{ path = {} }}\n", one.name, quoted(&one.dir)));
        std::iter::once("[patch.crates-io]\n".to_owned())
            .chain(lines)
            .collect()
    }

    /// The arguments that give cargo the same patches for one run:
    /// `--config patch.crates-io.tokio.path="…"` and so on.
    ///
    /// cargo warns of a patch that a project does not use; [`build`](crate::build::build)
    /// leaves those out.
    pub fn cargo_config_args(&self) -> Vec<String> {
        self.config_args(|_| true)
    }

    /// [`cargo_config_args`](Self::cargo_config_args) of the crates whose names are `wanted`.
    pub(crate) fn config_args(&self, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        self.patched()
            .filter(|one| wanted(&one.name))
            .flat_map(|one| {
                let patch = format!("patch.crates-io.{}.path={}", one.name, quoted(&one.dir));
                ["--config".to_owned(), patch]
            })
            .collect()
    }

    /// Puts the patches into the `Cargo.toml` at `path`, with paths relative to it.
    ///
    /// What else the file holds stays as it was. A file that has the lines is not written. Returns
    /// whether it was.
    ///
    /// # Errors
    ///
    /// [`Error::Read`], [`Error::EditCargoToml`] or [`Error::Write`].
    pub fn write_patches(&self, path: &Path) -> Result<bool, Error> {
        let text = fs::read_to_string(path).map_err(Error::reading(path))?;
        // The file itself, should `path` be a link to it.
        let file = path.canonicalize().map_err(Error::reading(path))?;
        let folder = file.parent().unwrap_or(Path::new("/"));
        let lines: Vec<(String, PathBuf)> = self
            .patched()
            .map(|one| (one.name.clone(), one.dir.clone()))
            .collect();
        let patched = users::patch(&text, folder, &lines)
            .map_err(|reason| Error::EditCargoToml(path.to_owned(), reason))?;
        if patched == text {
            return Ok(false);
        }
        replace_file(&file, patched.as_bytes()).map_err(Error::writing(path))?;
        Ok(true)
    }

    fn patched(&self) -> impl Iterator<Item = &ForkedCrate> {
        self.crates.iter().filter(|one| one.patched)
    }
}

/// A path as a string of TOML.
fn quoted(folder: &Path) -> String {
    toml::Value::String(path::with_slashes(folder)).to_string()
}
