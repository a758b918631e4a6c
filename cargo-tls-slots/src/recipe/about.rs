//! What every entry about source files says: why, and about which file.

use semver::Version;
use serde::Deserialize;

use super::why::Why;
use crate::source::problem::Problem;

/// An entry's reason and its file.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct About {
    /// Why the entry exists, when it can go, and which releases it is for.
    #[serde(flatten)]
    pub(crate) why: Why,
    /// The file, inside the crate.
    pub(crate) file: String,
}

impl About {
    /// Whether the entry is for a release.
    pub(super) fn applies(&self, version: &Version) -> bool {
        self.why.applies(version)
    }

    /// The problem of an entry that does not fit. `until` is the recipe's own condition for going.
    pub(super) fn problem(&self, message: String, until: &str) -> Problem {
        Problem::new(&self.file, None, message).with_hint(self.why.hint(until))
    }
}
