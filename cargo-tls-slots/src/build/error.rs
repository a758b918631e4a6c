//! Why a build failed: one error for all steps.

use std::io;
use std::path::PathBuf;

use crate::fork;
use crate::project::error::ProjectError;

/// Why a build failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A project cannot be read.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// The forks could not be made.
    #[error(transparent)]
    Fork(#[from] fork::Error),
    /// Two projects want different releases of a forked crate.
    ///
    /// This is found before anything is built. The two could not run together: a host refuses a
    /// module whose tokio is another release.
    #[error(
        "{first} has {name} {first_version} in its Cargo.lock, but {second} has {second_version}; \
         a host and its modules need the same: \
         run `cargo update -p {name}@{second_version} --precise {first_version}` for the second"
    )]
    Versions {
        /// The crate.
        name: String,
        /// The `Cargo.toml` of one project.
        first: PathBuf,
        /// The release that the lock file of this project holds.
        first_version: Box<semver::Version>,
        /// The `Cargo.toml` of the other project.
        second: PathBuf,
        /// The release that the lock file of that project holds.
        second_version: Box<semver::Version>,
    },
    /// cargo could not be started.
    #[error("cannot start cargo; is it in PATH?")]
    Start(#[source] io::Error),
    /// The project was built with a tokio that is not the fork.
    ///
    /// cargo takes a patch only if its version is one that the project allows, and uses the
    /// registry's release otherwise, with no more than a warning.
    #[error(
        "{cargo_toml} was built with the registry's tokio {found}, not with the fork of {forked}: \
         it must allow {forked}; if it does, run `cargo update -p tokio@{found} \
         --precise {forked}` there"
    )]
    Unpatched {
        /// The project's `Cargo.toml`.
        cargo_toml: PathBuf,
        /// The release that cargo chose.
        found: semver::Version,
        /// The release that is forked.
        forked: semver::Version,
    },
    /// cargo's messages are not what cargo promises them to be.
    #[error("cannot read what cargo says about {0}")]
    Messages(PathBuf, #[source] io::Error),
    /// cargo could not build the project.
    #[error("cargo could not build {cargo_toml}:\n{stderr}")]
    Failed {
        /// The project's `Cargo.toml`.
        cargo_toml: PathBuf,
        /// What cargo and rustc wrote to standard error.
        stderr: String,
    },
}
