//! Why releases could not be tried at all.
//!
//! A release that does not fit, or that cargo cannot get, is no error: see
//! [`Tried`](super::Tried).

use std::io;
use std::path::PathBuf;

use crate::recipe::RecipeError;
use crate::upstream::error::UpstreamError;
use crate::upstream::lockfile::LockError;

/// Why releases could not be tried at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A crate was named that there is no recipe for.
    #[error("there is no recipe for {0}")]
    NoRecipe(String),
    /// The tests between a host and a module are those of the repository that the table is in.
    #[error("{0} is in no checkout of tls-slots, whose tests are needed for --boundary")]
    NoRepository(PathBuf),
    /// A recipe file is wrong.
    #[error("this command carries a recipe that is wrong")]
    Recipe(#[from] RecipeError),
    /// A lock file cannot be used.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// cargo did not say which releases there are.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// The table cannot be read, or the work folder cannot be used.
    #[error("cannot read {0}")]
    Read(PathBuf, #[source] io::Error),
    /// The table is not of its form.
    #[error("{0} is no table of releases")]
    Parse(PathBuf, #[source] toml::de::Error),
    /// The table cannot be written.
    #[error("cannot write {0}")]
    Write(PathBuf, #[source] io::Error),
}
