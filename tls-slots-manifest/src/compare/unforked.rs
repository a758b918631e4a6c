//! A file without a manifest that was meant as a module.
//!
//! A module whose tokio is the registry's, or the fork without its feature, may link nothing of
//! ours at all. Then the file has no manifest. That it has the state of a crate which the host
//! shares tells it from any other library.

use std::fmt;

use crate::description::Description;
use crate::private_state::PrivateState;

use super::private;

/// The crates that a host shares, and that a file without a manifest has for itself.
///
/// Its `Display` is a part of a sentence about the file, and says what to add.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unforked {
    /// The packages, sorted; not empty.
    pub crates: Vec<String>,
}

impl Unforked {
    /// Looks for them. `None` where the file has none: it is no module, and was not meant as one.
    pub fn find(host: &Description, file: &PrivateState) -> Option<Self> {
        let crates = private::unforked(&host.manifest, file).into_iter();
        let crates: Vec<String> = crates.map(str::to_owned).collect();
        (!crates.is_empty()).then_some(Self { crates })
    }
}

impl fmt::Display for Unforked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let feature = match self.crates.iter().any(|name| name == "tokio") {
            true => "`features = [\"external-tls\"]` for tokio, and ",
            false => "",
        };
        let crates = self.crates.join(", ");
        write!(
            f,
            "it links {crates} without the fork, which the host has; its Cargo.toml needs {feature}the \
             lines for {crates} under `[patch.crates-io]`, which `cargo tls-slots fork --write` \
             writes"
        )
    }
}
