//! Why a suite could not be run: one error for all steps.
//!
//! A suite is a long chain of programs: cargo for the fork, for the lock files and for the builds,
//! and then the tests. Each variant names the step, and carries what the program said.

use std::io;
use std::path::PathBuf;

use crate::fork;
use crate::upstream::error::UpstreamError;

/// Why a suite could not be run.
///
/// A test that fails is not an error: see [`Report::regressions`](super::Report::regressions).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The fork could not be made.
    #[error(transparent)]
    Fork(#[from] fork::Error),
    /// cargo could not get upstream's release.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// A file or folder cannot be read.
    #[error("cannot read {0}")]
    Read(PathBuf, #[source] io::Error),
    /// A file or folder cannot be written.
    #[error("cannot write {0}")]
    Write(PathBuf, #[source] io::Error),
    /// A program could not be started: cargo, a test binary, or the host of the module.
    #[error("cannot run a program of the suite")]
    Start(#[source] io::Error),
    /// cargo could not change a lock file. The second field is what cargo wrote.
    #[error("cannot lock the dependencies of {0}; cargo says:\n{1}")]
    Lock(PathBuf, String),
    /// A lock file holds more than one release of tokio, or none.
    #[error("the tests in {0} would use {1} releases of tokio at once")]
    Tokios(PathBuf, usize),
    /// A build failed.
    #[error("{what}: {status}\n{says}")]
    Build {
        /// What was built.
        what: String,
        /// How cargo ended.
        status: String,
        /// The last lines that cargo printed.
        says: String,
    },
    /// A `Cargo.toml` of upstream is not TOML.
    #[error("{0} is not valid TOML")]
    CargoToml(PathBuf, #[source] toml_edit::TomlError),
    /// A test file of upstream cannot be split into tokens. The second field says where.
    #[error("{0} {1}")]
    Lex(PathBuf, String),
    /// The list of exceptions, or a results file, is not what this command writes.
    #[error("cannot read {0}")]
    Parse(String, #[source] toml::de::Error),
}
