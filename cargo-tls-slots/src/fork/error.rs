//! Why a fork could not be made.
//!
//! Each variant is one step that failed. A message says in one sentence what is wrong and, where
//! the user can do something about it, what.

use std::io;
use std::path::{Path, PathBuf};

use super::left::Left;
use super::options::Pin;
use super::stamp::STAMP;
use crate::project::error::ProjectError;
use crate::recipe::RecipeError;
use crate::upstream::error::UpstreamError;
use crate::upstream::lockfile::LockError;

/// Why a fork could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Crates that had to be forked, and that cannot be.
    #[error("{}", list(.0))]
    Left(Vec<Left>),
    /// A `Cargo.toml` patches crates in another way already.
    #[error(
        "{cargo_toml} patches crates by lines that `fork` did not write; take these lines out, or \
         replace them with --force:\n  {}",
        lines.join("\n  ")
    )]
    Taken {
        /// The `Cargo.toml`.
        cargo_toml: PathBuf,
        /// Its lines.
        lines: Vec<String>,
    },
    /// A crate of ours was named.
    #[error(
        "{0} is a crate of this command's own, and nothing to fork; it comes along with the forks \
         that need it"
    )]
    Ours(String),
    /// A project has a crate by its path that the forks bring along too.
    #[error(
        "{cargo_toml} has {package} by the path {}, and the forks bring {package} along; cargo \
         does not take two packages of one name and version from paths: depend on it by its \
         version, and the patch line leads to the one of the forks", folder.display()
    )]
    Twice {
        /// The `Cargo.toml`.
        cargo_toml: PathBuf,
        /// The crate and its version.
        package: String,
        /// The folder of the project's own.
        folder: PathBuf,
    },
    /// cargo cannot find the workspace, and says why.
    #[error("cargo cannot find the workspace; it says:\n{0}")]
    Workspace(String),
    /// The project cannot be read.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// A recipe file is wrong.
    #[error("this command carries a recipe that is wrong")]
    Recipe(#[from] RecipeError),
    /// A lock file cannot be used.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// cargo could not get the release.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// The release is not the one that was tried or locked.
    #[error(
        "{release} has the checksum {found}, but {origin} says {wanted}: \
         this is another release of the same name and version"
    )]
    Checksum {
        /// The crate and its version.
        release: String,
        /// What cargo got.
        found: String,
        /// What it should be.
        wanted: String,
        /// Who says so.
        origin: String,
    },
    /// A folder is in the way.
    #[error(
        "{0} is not a fork of ours (it has no {STAMP}) and is not empty; \
         move it away, or choose another folder with --out"
    )]
    NotOurs(PathBuf),
    /// Another run has the folder.
    #[error("another `cargo tls-slots` has been working in {0} for ten minutes; end it first")]
    Busy(PathBuf),
    /// A version of [`ForkOptions::pins`](super::ForkOptions::pins) cannot be used, for this
    /// reason.
    #[error("cannot pin {0}: {1}")]
    Pin(Pin, String),
    /// Something cannot be read.
    #[error("cannot read {0}")]
    Read(PathBuf, #[source] io::Error),
    /// Something cannot be written.
    #[error("cannot write {0}")]
    Write(PathBuf, #[source] io::Error),
    /// A `Cargo.toml` cannot be edited. The text is the end of a sentence about it.
    #[error("{0} {1}")]
    EditCargoToml(PathBuf, String),
}

impl Error {
    /// What makes an error of a failure to read `path`.
    pub(super) fn reading(path: &Path) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Error::Read(path.clone(), source)
    }

    /// What makes an error of a failure to write `path`.
    pub(super) fn writing(path: &Path) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Error::Write(path.clone(), source)
    }
}

/// What is wrong with each crate.
fn list(left: &[Left]) -> String {
    let problems: Vec<String> = left.iter().map(Left::problem).collect();
    match problems.as_slice() {
        [one] => one.clone(),
        all => format!(
            "{} releases cannot be forked:\n{}",
            all.len(),
            all.join("\n")
        ),
    }
}
