//! Lock files: which release of each crate a project has chosen.
//!
//! Only what a fork needs is read. The versions of the format differ in two things that matter
//! here:
//!
//! | version | checksums | a dependency |
//! | --- | --- | --- |
//! | 1 (no `version` line) | in `[metadata]`, under `checksum NAME VERSION (SOURCE)` | `name version (source)` |
//! | 2, 3, 4 | in the package | `name`; version and source only where they are needed |
//!
//! The source is `src/cargo/core/resolver/encode.rs` of cargo 1.95. A newer version than 4 is an
//! error: to read half of it would fork half of the crates.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use semver::Version;
use serde::Deserialize;

/// The newest version of the format that is read.
const NEWEST: u32 = 4;

/// The source of crates.io in lock files: by git's protocol, which is the usual spelling whatever
/// protocol is used, and by the sparse one.
pub(crate) const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";
const CRATES_IO_SPARSE: &str = "sparse+https://index.crates.io/";

/// A lock file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// It cannot be read.
    #[error("cannot read the lock file {0}")]
    Read(PathBuf, #[source] io::Error),
    /// It has the marks of a merge.
    #[error(
        "{0} has merge conflicts, the first in line {1}; take one side of them and run \
         `cargo metadata`, which completes the file"
    )]
    Conflict(PathBuf, usize),
    /// It is of a version of the format that nobody knew when this was written.
    #[error(
        "{0} is a lock file of version {1}, and this command knows versions 1 to {NEWEST}; \
         a newer `cargo tls-slots` may know it"
    )]
    Version(PathBuf, u32),
    /// It is not one.
    #[error("{0} is no lock file")]
    Parse(PathBuf, #[source] toml::de::Error),
}

/// A lock file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lock {
    /// Its packages.
    pub(crate) packages: Vec<LockedPackage>,
    /// Patches that the project does not use, `[[patch.unused]]`.
    pub(crate) unused: Vec<LockedPackage>,
}

/// One package of a lock file. A crate that is locked in two releases is two packages.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct LockedPackage {
    /// The crate.
    pub(crate) name: String,
    /// Its release.
    pub(crate) version: Version,
    /// Where it comes from. A crate from a path has none, such as one that is patched to a fork.
    pub(crate) source: Option<String>,
    /// The registry's checksum. A crate from a path has none.
    pub(crate) checksum: Option<String>,
    /// `name`, or `name version` where the lock file has several releases; where a package comes
    /// from follows if that does not tell them apart either.
    #[serde(default)]
    pub(crate) dependencies: Vec<String>,
}

impl LockedPackage {
    /// Whether it comes from crates.io, or from what replaces crates.io in cargo's configuration.
    pub(crate) fn is_from_crates_io(&self) -> bool {
        match self.source.as_deref() {
            None => self.checksum.is_some(),
            Some(source) => source == CRATES_IO || source == CRATES_IO_SPARSE,
        }
    }
}

impl Lock {
    /// A lock file's text.
    ///
    /// # Errors
    ///
    /// If it is no TOML, or its packages have no name or version.
    pub(crate) fn parse(text: &str) -> Result<Self, toml::de::Error> {
        #[derive(Deserialize)]
        struct File {
            #[serde(default)]
            package: Vec<LockedPackage>,
            #[serde(default)]
            metadata: BTreeMap<String, String>,
            #[serde(default)]
            patch: Patch,
        }
        #[derive(Default, Deserialize)]
        struct Patch {
            #[serde(default)]
            unused: Vec<LockedPackage>,
        }
        let mut file: File = toml::from_str(text)?;
        for package in &mut file.package {
            let (name, version) = (&package.name, &package.version);
            let source = package.source.as_deref().unwrap_or_default();
            let key = format!("checksum {name} {version} ({source})");
            let old = file.metadata.get(&key).filter(|sum| *sum != "<none>");
            package.checksum = package.checksum.take().or_else(|| old.cloned());
        }
        Ok(Lock {
            packages: file.package,
            unused: file.patch.unused,
        })
    }

    /// The lock file at `path`.
    ///
    /// # Errors
    ///
    /// Each variant of [`LockError`].
    pub(crate) fn read(path: &Path) -> Result<Self, LockError> {
        let text =
            fs::read_to_string(path).map_err(|source| LockError::Read(path.to_owned(), source))?;
        if let Some(line) = text.lines().position(|line| line.starts_with("<<<<<<< ")) {
            return Err(LockError::Conflict(path.to_owned(), line + 1));
        }
        match version(&text) {
            Some(version) if version > NEWEST => Err(LockError::Version(path.to_owned(), version)),
            _ => Self::parse(&text).map_err(|source| LockError::Parse(path.to_owned(), source)),
        }
    }

    /// The versions of the dependencies of one package, by name. `None` if the lock file does not
    /// have that release of it.
    pub(crate) fn dependencies_of(
        &self,
        name: &str,
        version: &Version,
    ) -> Option<BTreeMap<String, Version>> {
        let is_it = |one: &&LockedPackage| one.name == name && one.version == *version;
        let package = self.packages.iter().find(is_it)?;
        let mut versions = BTreeMap::new();
        for dependency in &package.dependencies {
            let mut words = dependency.split(' ');
            let name = words.next().unwrap_or_default();
            let version = match words.next() {
                Some(version) => version.parse().ok(),
                None => {
                    let found = self.packages.iter().find(|one| one.name == name);
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

/// The version of the format that a lock file says at its top.
fn version(text: &str) -> Option<u32> {
    let mut head = text.lines().take_while(|line| !line.starts_with('['));
    let version = head.find_map(|line| line.strip_prefix("version = "))?;
    version.trim().parse().ok()
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
        let lock = Lock::parse(text).unwrap();
        let of = |version| lock.dependencies_of("a", &version);
        let found = of(Version::new(1, 0, 0)).unwrap();
        assert_eq!(found["b"], Version::new(3, 0, 0));
        assert_eq!(found["c"], Version::new(2, 0, 0));
        assert_eq!(of(Version::new(1, 0, 1)), None);
    }

    #[test]
    fn the_first_version_has_checksums_elsewhere() {
        let text = format!(
            "[[package]]\nname = 'a'\nversion = '1.0.0'\nsource = '{CRATES_IO}'\n\
             dependencies = ['b 2.0.0 ({CRATES_IO})']\n\
             [[package]]\nname = 'b'\nversion = '2.0.0'\nsource = 'git+https://x'\n\
             [metadata]\n'checksum a 1.0.0 ({CRATES_IO})' = 'sum'\n\
             'checksum b 2.0.0 (git+https://x)' = '<none>'\n"
        );
        let lock = Lock::parse(&text).unwrap();
        assert_eq!(lock.packages[0].checksum.as_deref(), Some("sum"));
        assert!(lock.packages[0].is_from_crates_io() && !lock.packages[1].is_from_crates_io());
        assert_eq!(lock.packages[1].checksum, None);
        let found = lock.dependencies_of("a", &Version::new(1, 0, 0)).unwrap();
        assert_eq!(found["b"], Version::new(2, 0, 0));
    }
}
