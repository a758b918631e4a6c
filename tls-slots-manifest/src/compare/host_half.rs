//! The host's half in a module: why such a file is refused, in the same words at each door.
//!
//! A file shows it by a symbol that only the host's half defines. In memory the manifest shows it:
//! the half declares a key of its own.

use std::fmt;

use crate::manifest::Manifest;

use super::difference::Differences;

/// The package that makes a program a host. It declares a key, so that a manifest shows whether an
/// image links it.
const PACKAGE: &str = "tls-slots";

/// An image that links the host's half, `tls-slots`, and that is no host of this process.
///
/// Its `Display` is a part of a sentence about the image, and says what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostHalf<'a> {
    /// A symbol that the image defines, and that only the host's half has.
    pub symbol: &'a str,
}

impl HostHalf<'static> {
    /// By the function that modules register by.
    pub const REGISTERS: Self = Self {
        symbol: "tls_slots_register_v1",
    };
}

impl<'a> HostHalf<'a> {
    /// By that symbol.
    pub const fn of(symbol: &'a str) -> Self {
        Self { symbol }
    }
}

impl fmt::Display for HostHalf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "contains the host's half, as it defines `{}`; take `tls-slots` out of its dependencies \
             (under `[dev-dependencies]` it does no harm)",
            self.symbol
        )
    }
}

/// Whether a module links the host's half. Nothing else is compared then: all that follows from a
/// second registry would be told as a difference of its own.
pub(super) fn compare(module: &Manifest, found: &mut Differences) {
    if module.keys.iter().any(|key| key.package == PACKAGE) {
        let fix = format!("The module {}.", HostHalf::REGISTERS);
        found.add(PACKAGE, "linked", "linked, too", fix);
    }
}
