//! Why a fork could not be made.
//!
//! Each variant is one step that failed. A message says in one sentence what is wrong and, where
//! the user can do something about it, what.

use std::io;
use std::path::{Path, PathBuf};

use semver::Version;

use super::stamp::STAMP;
use crate::recipe::RecipeError;
use crate::source::problem::Problem;
use crate::upstream::error::UpstreamError;
use crate::upstream::lockfile::LockError;

/// Why a fork could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A crate without a recipe cannot be forked by rule.
    #[error(
        "{name} {version} cannot be forked, and there is no recipe for it:{}",
        list(problems)
    )]
    Unforkable {
        /// The crate.
        name: String,
        /// The release.
        version: Version,
        /// Why.
        problems: Vec<Problem>,
    },
    /// The recipe is not meant for this release.
    #[error("{name} {version}{origin} is not supported; supported are: {supported}")]
    UnsupportedVersion {
        /// The crate.
        name: String,
        /// The release.
        version: Version,
        /// Where the version comes from, in brackets and with a blank before them; or nothing.
        origin: String,
        /// The releases that the recipe is meant for.
        supported: String,
    },
    /// A lock file holds several releases that could be meant.
    #[error("{lockfile} holds {name} more than once; name one, as in `{name}@{version}`")]
    Ambiguous {
        /// The lock file.
        lockfile: PathBuf,
        /// The crate.
        name: String,
        /// One of the releases.
        version: Version,
    },
    /// A recipe file is wrong.
    #[error("this command carries a recipe that is wrong")]
    Recipe(#[from] RecipeError),
    /// A lock file cannot be used.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// cargo could not get the release.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// The release is not the one that was pinned or locked.
    #[error(
        "{release} has the checksum {found}, but {origin} says {wanted}: \
         this is not the release that the recipe was made for"
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
    /// The recipe does not fit the release.
    #[error(
        "the recipe patches/{name}.toml does not fit {name} {version}:{}",
        list(problems)
    )]
    Unfit {
        /// The crate.
        name: String,
        /// The release.
        version: Version,
        /// All that does not fit.
        problems: Vec<Problem>,
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

/// The lines of a message that lists problems.
fn list(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(|problem| format!("\n  {problem}"))
        .collect()
}
