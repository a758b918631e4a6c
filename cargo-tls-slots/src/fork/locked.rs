//! What the user's lock files say of the crates that are forked.
//!
//! There may be several: a host and its modules are separate projects, each with its own. A release
//! that two of them hold counts once.
//!
//! A lock file does not say which packages without a source are forks of ours and which are crates
//! of the user's own. A wrong guess is dangerous: a stranger can publish a crate with the name of a
//! private one, and would be asked for it. So such a package is the user's own, unless there is a
//! reason to take it for a fork:
//!
//! | reason | looked for in |
//! | --- | --- |
//! | a patch of ours leads to this very release | the project's `Cargo.toml`, cargo's configuration |
//! | it is forked along a crate that is patched so | the recipe, and the lock file |
//! | the fork folder has a fork of it, and the project no crate of its own | the stamp |
//! | the caller gives cargo the patches by `--config`, and likewise | [`ForkOptions::by_config`] |

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::OnceLock;

use semver::Version;

use super::content;
use super::error::Error;
use super::method::Method;
use super::options::ForkOptions;
use super::stamp::Stamp;
use super::target::Target;
use crate::cargo;
use crate::recipe::RecipeError;
use crate::upstream::lockfile::{Lock, LockedPackage};

/// The lock files that a run goes by; none if there is none.
pub(super) struct Locked {
    files: Vec<LockFile>,
    /// The folder that forks go to.
    out: PathBuf,
    /// Whether the caller hands the patches to cargo.
    by_config: bool,
    /// The project that the run is about, if there is one: that beside the first lock file, or the
    /// one that has no lock file yet.
    pub(super) project: Option<Target>,
}

/// One lock file.
struct LockFile {
    path: PathBuf,
    lock: Lock,
    /// The project beside it, once somebody asks.
    beside: OnceLock<Option<Target>>,
}

/// What a lock file has chosen for one crate.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    /// The release.
    pub(super) version: Version,
    /// Where cargo gets it from.
    pub(super) source: Source,
    /// Its checksum there, and the lock file. A crate that is patched to our fork already has none.
    pub(super) checksum: Option<(String, PathBuf)>,
}

/// Where cargo gets a package from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// From crates.io, or from a fork of ours.
    CratesIo,
    /// From a folder of the user's.
    Path,
    /// From a repository.
    Git(String),
    /// From another registry.
    Registry(String),
}

/// The versions of other packages, which a fork's dependencies may be pinned to.
#[derive(Clone, Debug, Default)]
pub(super) struct Neighbours {
    /// Those of the release's own dependencies. Empty if the lock file does not have the release.
    pub(super) dependencies: BTreeMap<String, Version>,
    /// All packages, each with all of its versions.
    pub(super) others: BTreeMap<String, Vec<Version>>,
}

impl Locked {
    /// Reads the lock file that is asked for, or the one that lies around, and the further ones.
    ///
    /// # Errors
    ///
    /// [`Error::Lock`], [`Error::Workspace`], and those of [`Target::open`]. That no lock file
    /// lies around is no error.
    pub(super) fn of(options: &ForkOptions) -> Result<Self, Error> {
        let manifest_path = options.manifest_path.as_deref();
        let around = || cargo::workspace_cargo_toml(&options.folder, manifest_path);
        let (first, cargo_toml) = match &options.lockfile {
            Some(path) => {
                let beside = path.with_file_name("Cargo.toml");
                (Some(path.clone()), beside.is_file().then_some(beside))
            }
            None => {
                let cargo_toml = around().map_err(Error::Workspace)?;
                let lock = cargo_toml
                    .as_ref()
                    .map(|it| it.with_file_name("Cargo.lock"));
                (lock.filter(|lock| lock.is_file()), cargo_toml)
            }
        };
        let project = cargo_toml.as_deref().map(Target::open).transpose()?;
        let paths = first.iter().chain(&options.more_lockfiles);
        let files = paths.map(|path| {
            Ok(LockFile {
                path: path.clone(),
                lock: Lock::read(path)?,
                beside: OnceLock::new(),
            })
        });
        Ok(Locked {
            files: files.collect::<Result<_, Error>>()?,
            out: options.out.clone(),
            by_config: options.by_config,
            project,
        })
    }

    /// Whether any lock file holds the crate.
    pub(super) fn has(&self, name: &str) -> bool {
        let mut packages = self.files.iter().flat_map(|file| &file.lock.packages);
        packages.any(|package| package.name == name)
    }

    /// All releases of a crate that the lock files hold, each once, the newest last.
    pub(super) fn choices(&self, name: &str) -> Vec<Choice> {
        let mut choices: Vec<Choice> = Vec::new();
        for (index, file) in self.files.iter().enumerate() {
            for package in file.lock.packages.iter().filter(|one| one.name == name) {
                let source = self.source(index, package);
                let known = choices
                    .iter()
                    .any(|one| one.version == package.version && one.source == source);
                if !known {
                    let sum = package.checksum.clone();
                    choices.push(Choice {
                        version: package.version.clone(),
                        source,
                        checksum: sum.map(|sum| (sum, file.path.clone())),
                    });
                }
            }
        }
        choices.sort_by(|one, other| one.version.cmp(&other.version));
        choices
    }

    /// Where a package of the lock file `index` comes from.
    fn source(&self, index: usize, package: &LockedPackage) -> Source {
        match package.source.as_deref() {
            _ if package.is_from_crates_io() => Source::CratesIo,
            Some(source) => match source.strip_prefix("git+") {
                Some(repository) => Source::Git(repository.to_owned()),
                None => {
                    let registry = source
                        .split_once('+')
                        .map_or(source, |(_, registry)| registry);
                    Source::Registry(registry.to_owned())
                }
            },
            None => match self.is_fork(index, package) {
                Ok(true) => Source::CratesIo,
                _ => Source::Path,
            },
        }
    }

    /// Whether a package without a source, of the lock file `index`, is a fork of ours.
    ///
    /// # Errors
    ///
    /// If the command carries a recipe that is wrong.
    fn is_fork(&self, index: usize, package: &LockedPackage) -> Result<bool, RecipeError> {
        let LockedPackage { name, version, .. } = package;
        let Some(project) = self.beside(index) else {
            return Ok(false);
        };
        for (patched, release) in project.ours() {
            if (patched, release) == (&**name, version) {
                return Ok(true);
            }
            if Method::of(patched)?.with().contains(name) {
                let lock = &self.files[index].lock;
                let along = lock.dependencies_of(patched, release).unwrap_or_default();
                if along.get(name) == Some(version) {
                    return Ok(true);
                }
            }
        }
        let is_there = || {
            let stamp = Stamp::read(&self.out.join(content::folder(name, version)));
            stamp.is_some_and(|stamp| stamp.name == *name && stamp.version == *version)
        };
        Ok(!project.is_own(name, version) && (self.by_config || is_there()))
    }

    /// Whether a project beside a lock file has a crate of its own with this name.
    pub(super) fn is_own(&self, name: &str) -> bool {
        let beside = (0..self.files.len()).filter_map(|index| self.beside(index));
        let mut named = beside
            .chain(&self.project)
            .filter_map(|project| project.project());
        named.any(|(named, _)| named.own(name).next().is_some())
    }

    /// The project beside the lock file `index`.
    fn beside(&self, index: usize) -> Option<&Target> {
        if index == 0 && self.project.is_some() {
            return self.project.as_ref();
        }
        let file = &self.files[index];
        let open = || Target::open(&file.path.with_file_name("Cargo.toml")).ok();
        file.beside.get_or_init(open).as_ref()
    }

    /// The checksum that a lock file has for a release from crates.io, and which.
    pub(super) fn checksum(&self, name: &str, version: &Version) -> Option<(String, PathBuf)> {
        let choices = self.choices(name).into_iter();
        let mut fits = choices.filter(|one| one.version == *version);
        fits.find_map(|one| one.checksum.filter(|_| one.source == Source::CratesIo))
    }

    /// The versions of other packages, for a release of a crate: those of the first lock file that
    /// holds it, or else of the first one.
    pub(super) fn neighbours(&self, name: &str, version: &Version) -> Neighbours {
        let with = |file: &&LockFile| file.lock.dependencies_of(name, version);
        let holds = self.files.iter().find(|file| with(file).is_some());
        let Some(file) = holds.or(self.files.first()) else {
            return Neighbours::default();
        };
        let mut others = BTreeMap::<String, Vec<Version>>::new();
        for package in &file.lock.packages {
            let versions = others.entry(package.name.clone()).or_default();
            versions.push(package.version.clone());
        }
        Neighbours {
            dependencies: with(&file).unwrap_or_default(),
            others,
        }
    }

    /// All packages of all lock files, each once.
    pub(super) fn all(&self) -> Lock {
        let mut known = BTreeSet::new();
        let packages = self.files.iter().flat_map(|file| &file.lock.packages);
        let packages = packages
            .filter(|one| known.insert((&one.name, &one.version, &one.source)))
            .cloned()
            .collect();
        Lock {
            packages,
            unused: Vec::new(),
        }
    }

    /// Whether there is no lock file.
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Whether a lock file says of a patch that it is not used.
    pub(super) fn is_unused(&self, name: &str, version: &Version) -> bool {
        let mut unused = self.files.iter().flat_map(|file| &file.lock.unused);
        unused.any(|one| one.name == name && one.version == *version)
    }
}
