//! Lock files: which release of each crate a project has chosen.
//!
//! Only what a fork needs is read. Fields that are not known here are no error, so a lock file of a
//! newer version of the format is read as far as it says the same.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use semver::Version;
use serde::Deserialize;

/// A lock file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// It cannot be read.
    #[error("cannot read the lock file {0}")]
    Read(PathBuf, #[source] io::Error),
    /// It is not one.
    #[error("{0} is no lock file")]
    Parse(PathBuf, #[source] toml::de::Error),
}

/// One package of a lock file. A crate that is locked in two releases is two packages.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct LockedPackage {
    /// The crate.
    pub(crate) name: String,
    /// Its release.
    pub(crate) version: Version,
    /// The registry's checksum. A crate from a path has none, such as one that is patched to a
    /// fork.
    pub(crate) checksum: Option<String>,
    /// `name`, or `name version` where the lock file has several releases; where a package comes
    /// from follows if that does not tell them apart either.
    #[serde(default)]
    pub(crate) dependencies: Vec<String>,
}

impl LockedPackage {
    /// The packages of a lock file's text.
    ///
    /// # Errors
    ///
    /// If it is no TOML, or its packages have no name or version.
    pub(crate) fn parse(text: &str) -> Result<Vec<Self>, toml::de::Error> {
        #[derive(Deserialize)]
        struct Lock {
            #[serde(default)]
            package: Vec<LockedPackage>,
        }
        Ok(toml::from_str::<Lock>(text)?.package)
    }

    /// The packages of the lock file at `path`.
    ///
    /// # Errors
    ///
    /// Each variant of [`LockError`].
    pub(crate) fn read(path: &Path) -> Result<Vec<Self>, LockError> {
        let text =
            fs::read_to_string(path).map_err(|source| LockError::Read(path.to_owned(), source))?;
        Self::parse(&text).map_err(|source| LockError::Parse(path.to_owned(), source))
    }

    /// The versions of the dependencies of one package of a lock file, by name. `None` if the lock
    /// file does not have that release of it.
    pub(crate) fn dependencies_of(
        packages: &[Self],
        name: &str,
        version: &Version,
    ) -> Option<BTreeMap<String, Version>> {
        let package = packages
            .iter()
            .find(|one| one.name == name && one.version == *version)?;
        let mut versions = BTreeMap::new();
        for dependency in &package.dependencies {
            let mut words = dependency.split(' ');
            let name = words.next().unwrap_or_default();
            let version = match words.next() {
                Some(version) => version.parse().ok(),
                None => {
                    let found = packages.iter().find(|one| one.name == name);
                    found.map(|one| one.version.clone())
                }
            };
            if let Some(version) = version {
                versions.insert(name.to_owned(), version);
            }
        }
        Some(versions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_has_its_own_choice_of_two_versions() {
        let text = "
            [[package]]\nname = 'a'\nversion = '1.0.0'\ndependencies = ['b', 'c 2.0.0']\n
            [[package]]\nname = 'b'\nversion = '3.0.0'\n
            [[package]]\nname = 'c'\nversion = '1.0.0'\n
            [[package]]\nname = 'c'\nversion = '2.0.0'\n";
        let packages = LockedPackage::parse(text).unwrap();
        let of = |version| LockedPackage::dependencies_of(&packages, "a", &version);
        let found = of(Version::new(1, 0, 0)).unwrap();
        assert_eq!(found["b"], Version::new(3, 0, 0));
        assert_eq!(found["c"], Version::new(2, 0, 0));
        assert_eq!(of(Version::new(1, 0, 1)), None);
    }
}
