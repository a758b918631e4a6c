//! Reading lock files: which release of a crate a project has chosen.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use semver::Version;
use serde::Deserialize;

use crate::fork::Error;

/// One package of a lock file.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct LockedPackage {
    pub(crate) name: String,
    pub(crate) version: Version,
    pub(crate) checksum: Option<String>,
    /// `name`, or `name version` where the lock file has several, and where it comes from if that
    /// does not tell them apart either.
    #[serde(default)]
    pub(crate) dependencies: Vec<String>,
}

impl LockedPackage {
    pub(crate) fn parse(text: &str) -> Result<Vec<Self>, toml::de::Error> {
        #[derive(Deserialize)]
        struct Lock {
            #[serde(default)]
            package: Vec<LockedPackage>,
        }
        Ok(toml::from_str::<Lock>(text)?.package)
    }

    pub(crate) fn read(path: &Path) -> Result<Vec<Self>, Error> {
        let text =
            fs::read_to_string(path).map_err(|source| Error::ReadLock(path.to_owned(), source))?;
        Self::parse(&text).map_err(|source| Error::ParseLock(path.to_owned(), source))
    }

    /// The versions that a package of a lock file has its dependencies in, by name. None if the
    /// lock file does not have that release of it.
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
