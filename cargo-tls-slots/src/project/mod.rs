//! What cargo says of a user's project before anything is resolved, and what the project names.
//!
//! | file | what |
//! | --- | --- |
//! | [`package`] | the `Cargo.toml` of one package, with what it inherits |
//! | [`read`] | the workspace, its packages, its lock file |
//! | [`used`] | which crates it names, and which of them are its own |
//! | [`error`] | why a project cannot be read |

pub(crate) mod error;
pub(crate) mod package;
pub(crate) mod read;
pub(crate) mod used;
