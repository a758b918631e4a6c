//! `[cargo-toml]`: what upstream's `Cargo.toml` gets.
//!
//! Only a crate that users name in their own `Cargo.toml` needs this: they turn the fork on by a
//! feature, as tokio's `external-tls`. Other crates have `keys` in their recipe instead.

use serde::Deserialize;

use crate::cargo_toml::forks::Additions;
use crate::recipe::why::Why;

/// Features and dependencies of the fork.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct CargoToml {
    #[serde(flatten)]
    pub(crate) why: Why,
    /// What is added.
    #[serde(flatten)]
    pub(crate) additions: Additions,
}
