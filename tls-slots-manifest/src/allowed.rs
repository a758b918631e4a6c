//! What a host lets pass, though the comparison would refuse it.

use std::collections::BTreeSet;

/// What a host lets pass, by the names of packages. Nothing, by default.
///
/// Each is a promise of the host's author, who knows what crosses between host and module.
/// `LoadOptions` of `tls-slots-load` has a method for each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Allowed {
    /// Packages whose state may be shared on one side and private on the other: no value of theirs
    /// crosses. Also single keys, by path (`app::counters::TOTAL`).
    pub private: BTreeSet<String>,
    /// Packages whose sources may differ: what crosses is the same in both.
    pub sources: BTreeSet<String>,
}
