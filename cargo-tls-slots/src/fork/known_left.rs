//! The file in a fork folder that remembers which releases the command could not fork.
//!
//! Only their sources show that a recipe does not fit them. A second run must not get and read them
//! again to say the same, and `fork --check` reads no sources at all. What another command wrote
//! does not count: it carried other recipes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use semver::Version;
use serde::{Deserialize, Serialize};

use super::error::Error;
use crate::embedded;
use crate::replace_file::replace_file;

/// The file, in the fork folder.
const FILE: &str = ".tls-slots-left.toml";

/// The releases that could not be forked.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct KnownLeft {
    /// A digest of what the command carried.
    inputs: String,
    /// For each crate and release what is wrong, by file and line.
    #[serde(default)]
    left: BTreeMap<String, BTreeMap<Version, Vec<String>>>,
}

impl KnownLeft {
    /// What this command remembers of the fork folder `out`.
    pub(super) fn read(out: &Path) -> Self {
        let text = fs::read_to_string(out.join(FILE)).unwrap_or_default();
        match toml::from_str::<KnownLeft>(&text) {
            Ok(known) if known.inputs == embedded::digest() => known,
            _ => KnownLeft {
                inputs: embedded::digest().to_owned(),
                left: BTreeMap::new(),
            },
        }
    }

    /// What is wrong with a release, if it could not be forked.
    pub(super) fn problems(&self, name: &str, version: &Version) -> Option<&Vec<String>> {
        self.left.get(name)?.get(version)
    }

    /// Remembers a release.
    pub(super) fn add(&mut self, name: &str, version: &Version, problems: &[String]) {
        let releases = self.left.entry(name.to_owned()).or_default();
        releases.insert(version.clone(), problems.to_vec());
    }

    /// Whether the file in the fork folder `out` says all of this.
    pub(super) fn is_written(&self, out: &Path) -> bool {
        *self == Self::read(out)
    }

    /// Writes the file, if it would change.
    ///
    /// # Errors
    ///
    /// [`Error::Write`].
    pub(super) fn write(&self, out: &Path) -> Result<(), Error> {
        if self.is_written(out) {
            return Ok(());
        }
        let path = out.join(FILE);
        let body = toml::to_string(self).unwrap_or_default();
        let text =
            format!("# The releases that `cargo tls-slots fork` could not fork, and why.\n{body}");
        replace_file(&path, text.as_bytes()).map_err(Error::writing(&path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_command_could_not_fork_is_forgotten() {
        let out = tempfile::tempdir().unwrap();
        let mut known = KnownLeft::read(out.path());
        known.write(out.path()).unwrap();
        assert!(!out.path().join(FILE).exists());
        let version = Version::new(0, 1, 2);
        known.add("a", &version, &["src/lib.rs:7: is new".to_owned()]);
        known.write(out.path()).unwrap();
        assert_eq!(KnownLeft::read(out.path()), known);
        assert!(known.problems("a", &version).is_some());
        assert!(known.problems("a", &Version::new(0, 1, 3)).is_none());
        let text = fs::read_to_string(out.path().join(FILE)).unwrap();
        fs::write(
            out.path().join(FILE),
            text.replace(embedded::digest(), "other"),
        )
        .unwrap();
        assert!(
            KnownLeft::read(out.path())
                .problems("a", &version)
                .is_none()
        );
    }
}
