//! Why a file cannot be audited.

use std::io;
use std::path::PathBuf;

use crate::recipe::RecipeError;

/// Why a file cannot be audited.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read {0}")]
    Read(PathBuf, #[source] io::Error),
    /// The file is not a program or a shared library.
    #[error("{0} is no program and no shared library")]
    Kind(PathBuf),
    /// The file is damaged, or of a format that is not known.
    #[error("{0} cannot be understood")]
    Object(PathBuf, #[source] object::Error),
    /// The file has no symbols.
    #[error(
        "{path} is stripped: {bytes} bytes of writable memory have no names; \
         audit a build without `strip = true` (or `strip = \"symbols\"`) in its profile"
    )]
    Stripped {
        /// The file.
        path: PathBuf,
        /// The size of the memory that cannot be told apart.
        bytes: u64,
    },
    /// The table of what is known, which this command carries, is wrong.
    #[error("this command carries a table audit/known.toml that is wrong")]
    Table(#[source] toml::de::Error),
    /// A recipe, which this command carries, is wrong.
    #[error("this command carries a recipe that is wrong")]
    Recipe(#[source] RecipeError),
}
