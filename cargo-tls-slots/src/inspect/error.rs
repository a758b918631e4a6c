//! Why a file is no host and no module.

use std::io;
use std::path::{Path, PathBuf};

use tls_slots_manifest::FileError;

/// Why a file is no host and no module.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be opened or read.
    #[error("cannot read {0}")]
    Read(PathBuf, #[source] io::Error),
    /// There is something else at the path: a folder, a pipe, a device.
    #[error("{path} is {what}, and a host or module is a file")]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What there is, in words.
        what: &'static str,
    },
    /// The file is of another kind, such as a text or an object file.
    #[error(
        "{path} is {what}; a host is a program, and a module a shared library \
         (`crate-type = [\"cdylib\"]`)"
    )]
    Kind {
        /// The file.
        path: PathBuf,
        /// What there is, in words.
        what: &'static str,
    },
    /// The file is a program or shared library, but has no manifest.
    #[error(
        "{0} is not a host or module of ours: it has no manifest, so it was not built with a crate \
         that `cargo tls-slots fork` made, or not with its feature `external-tls`"
    )]
    NoManifest(PathBuf),
    /// The file is damaged, or its manifest is.
    #[error("{0} cannot be read as a host or module")]
    File(PathBuf, #[source] FileError),
}

impl Error {
    /// The path that was given.
    pub fn path(&self) -> &Path {
        match self {
            Self::Read(path, _) | Self::NoManifest(path) | Self::File(path, _) => path,
            Self::NotAFile { path, .. } | Self::Kind { path, .. } => path,
        }
    }
}
