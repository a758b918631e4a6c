//! What the user's lock files say of the crates that are forked.
//!
//! There may be several: a host and its modules are separate projects, each with its own. The first
//! one decides; the others count for crates that it does not hold.

use std::collections::BTreeMap;
use std::path::PathBuf;

use semver::Version;

use super::error::Error;
use super::method::Method;
use super::options::ForkOptions;
use crate::cargo;
use crate::upstream::lockfile::{LockError, LockedPackage};

/// The packages of the lock files that a run goes by.
pub(super) struct Locked {
    /// The first of the files, for messages.
    path: PathBuf,
    /// Its packages, and those of the other files that it does not hold.
    pub(super) packages: Vec<LockedPackage>,
}

/// What a lock file has chosen for one crate.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    /// The release.
    pub(super) version: Version,
    /// Where it comes from, for messages.
    pub(super) origin: String,
    /// Its checksum there, and the lock file. A crate that is patched to our fork already has none.
    pub(super) checksum: Option<(String, PathBuf)>,
}

/// The versions of other packages, which a fork's dependencies may be pinned to.
#[derive(Clone, Debug, Default)]
pub(super) struct Neighbours {
    /// Those of the release's own dependencies. Empty if the lock file does not have the release.
    pub(super) dependencies: BTreeMap<String, Version>,
    /// All packages that the lock file has in exactly one version.
    pub(super) others: BTreeMap<String, Version>,
}

impl Locked {
    /// Reads the lock file that is asked for, or the one that lies around, and the further ones.
    ///
    /// # Errors
    ///
    /// Each variant of [`LockError`]. That no lock file lies around is no error.
    pub(super) fn of(options: &ForkOptions) -> Result<Option<Self>, LockError> {
        let around = || {
            let manifest_path = options.manifest_path.as_deref();
            cargo::workspace_cargo_toml(&options.folder, manifest_path)
                .map(|cargo_toml| cargo_toml.with_file_name("Cargo.lock"))
                .filter(|lock| lock.is_file())
        };
        let Some(path) = options.lockfile.clone().or_else(around) else {
            return Ok(None);
        };
        let mut packages = LockedPackage::read(&path)?;
        for other in &options.more_lockfiles {
            let more = LockedPackage::read(other)?.into_iter();
            let known: Vec<String> = packages.iter().map(|one| one.name.clone()).collect();
            packages.extend(more.filter(|one| !known.contains(&one.name)));
        }
        Ok(Some(Locked { path, packages }))
    }

    /// The release of the crate `name` that its method is meant for.
    ///
    /// An old release beside the one that is meant is common, so releases that the method is not
    /// meant for count only if there are no others.
    ///
    /// # Errors
    ///
    /// [`Error::Ambiguous`] if several releases remain.
    pub(super) fn choice(&self, name: &str, method: &Method) -> Result<Option<Choice>, Error> {
        let mut all: Vec<&LockedPackage> = self
            .packages
            .iter()
            .filter(|package| package.name == name)
            .collect();
        if all.iter().any(|package| method.supports(&package.version)) {
            all.retain(|package| method.supports(&package.version));
        }
        match all[..] {
            [] => Ok(None),
            [package] => Ok(Some(Choice {
                version: package.version.clone(),
                origin: format!(" (of {})", self.path.display()),
                checksum: package.checksum.clone().map(|sum| (sum, self.path.clone())),
            })),
            [first, ..] => Err(Error::Ambiguous {
                lockfile: self.path.clone(),
                name: name.to_owned(),
                version: first.version.clone(),
            }),
        }
    }

    /// The versions of other packages, for the release `version` of the crate `name`.
    pub(super) fn neighbours(&self, name: &str, version: &Version) -> Neighbours {
        let mut others = BTreeMap::new();
        for package in &self.packages {
            others
                .entry(package.name.clone())
                .and_modify(|version| *version = None)
                .or_insert(Some(package.version.clone()));
        }
        let only = |(name, version): (String, Option<Version>)| Some((name, version?));
        Neighbours {
            dependencies: LockedPackage::dependencies_of(&self.packages, name, version)
                .unwrap_or_default(),
            others: others.into_iter().filter_map(only).collect(),
        }
    }
}
