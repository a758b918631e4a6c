//! Why a project cannot be read.

use std::io;
use std::path::PathBuf;

use crate::upstream::lockfile::LockError;

/// Why a project cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProjectError {
    /// There is no `Cargo.toml` at a path that was given.
    #[error("there is no project at {0}")]
    NoCargoToml(PathBuf),
    /// cargo could not be started.
    #[error("cannot start cargo; is it in PATH?")]
    Start(#[source] io::Error),
    /// cargo cannot read the project.
    #[error("cargo cannot read the project {cargo_toml}:\n{stderr}")]
    Unreadable {
        /// The project's `Cargo.toml`.
        cargo_toml: PathBuf,
        /// What cargo wrote to standard error.
        stderr: String,
    },
    /// The lock file cannot be used.
    #[error(transparent)]
    Lock(#[from] LockError),
}
