//! What every entry of a recipe carries.
//!
//! An edit of upstream's text is a burden at each upgrade. So no entry stands there without a
//! reason and without a condition under which it can go; both are shown when the entry does not
//! fit.

use semver::{Version, VersionReq};
use serde::Deserialize;

/// Why an entry exists, when it can go, and which releases it is for.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Why {
    /// Why the entry exists.
    pub(crate) reason: String,
    /// When it can go. Without it, when the recipe as a whole can.
    pub(crate) until: Option<String>,
    /// The releases it is for. Without it, all.
    pub(crate) versions: Option<VersionReq>,
}

impl Why {
    /// Whether the entry is for a release.
    pub(crate) fn applies(&self, version: &Version) -> bool {
        self.versions
            .as_ref()
            .is_none_or(|range| range.matches(version))
    }

    /// Whether it says what it must: a reason, and no empty condition.
    pub(super) fn is_complete(&self) -> bool {
        let says = |text: &String| !text.trim().is_empty();
        says(&self.reason) && self.until.as_ref().is_none_or(says)
    }

    /// Two lines for a person whose release the entry does not fit. `until` is the recipe's own
    /// condition.
    pub(super) fn hint(&self, until: &str) -> String {
        let until = self.until.as_deref().unwrap_or(until);
        let reason = self.reason.split_whitespace().collect::<Vec<_>>().join(" ");
        format!("the entry is there because: {reason}\nit can go when: {until}")
    }
}
