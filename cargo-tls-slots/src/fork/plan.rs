//! Decides what is made, before anything is got or written.
//!
//! A plan has a [`Group`] for each release: the crate, and what is forked *along* it (tokio-macros
//! along tokio), which nobody patches: the crate's own `Cargo.toml` names it by its path. Such a
//! crate has the release that the lock file has, if that file also decided about the other one;
//! else the one that was tried together with it; else what cargo chooses.

use std::collections::BTreeSet;
use std::path::PathBuf;

use semver::{Version, VersionReq};

use super::choose::{Asked, Chosen};
use super::content;
use super::error::Error;
use super::known_left::KnownLeft;
use super::left::{Left, Why};
use super::locked::{Locked, Neighbours};
use super::method::Method;
use super::options::CrateSpec;
use crate::upstream::release::{Upstream, Wanted};

/// Those of our crates that only our others name, beside the one that does: no project patches
/// them.
const INNER: [(&str, &str); 2] = [
    ("tls-keys", "tls-keys-macros"),
    ("tls-slots", "tls-slots-manifest"),
];

/// What is made, and what is not.
pub(super) struct Plan {
    /// The releases.
    pub(super) groups: Vec<Group>,
    /// The crates of ours that they need.
    pub(super) ours: Vec<Ours>,
    /// What is left as published.
    pub(super) left: Vec<Left>,
}

/// A release, and what is forked along it.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// The release itself.
    pub(super) release: Release,
    /// The others.
    pub(super) along: Vec<Release>,
}

/// A crate of ours.
#[derive(Clone, Debug)]
pub(super) struct Ours {
    /// The crate.
    pub(super) name: String,
    /// The version that the command carries.
    pub(super) version: Version,
    /// Whether a project names it in `[patch.crates-io]`.
    pub(super) patched: bool,
}

/// A release to be forked.
#[derive(Clone, Debug)]
pub(super) struct Release {
    /// The crate.
    pub(super) name: String,
    /// How.
    pub(super) method: Method,
    /// Which. `None` is the newest that `requirement` allows, or what a crate depends on that this
    /// one is forked along.
    pub(super) version: Option<Version>,
    /// What the project asks for, where no release is known.
    requirement: Option<String>,
    /// Whether a lock file chose it.
    from_lock: bool,
    /// The checksum that a lock file has for it, and which.
    pub(super) locked: Option<(String, PathBuf)>,
    /// What the lock file has of other packages.
    pub(super) neighbours: Neighbours,
}

impl Release {
    /// The checksums that a release should have, and who says so: the table of releases, the lock
    /// file. Usually both say the same; a difference is found when the release is here.
    fn known_checksums(&self, version: &Version) -> Vec<(String, String)> {
        let tried = self.method.tried(version);
        let tried = tried.map(|facts| (facts.checksum.clone(), "the table of releases".to_owned()));
        let locked = self.locked.as_ref();
        let locked = locked.map(|(checksum, path)| (checksum.clone(), path.display().to_string()));
        tried.into_iter().chain(locked).collect()
    }

    /// Sees to it that what cargo got is what was meant.
    ///
    /// # Errors
    ///
    /// [`Error::Checksum`].
    pub(super) fn check(&self, got: &Upstream) -> Result<(), Error> {
        for (wanted, origin) in self.known_checksums(&got.version) {
            if wanted != got.checksum {
                return Err(Error::Checksum {
                    release: format!("{} {}", got.name, got.version),
                    found: got.checksum.clone(),
                    wanted,
                    origin,
                });
            }
        }
        Ok(())
    }

    /// This release, `version`, left as published.
    pub(super) fn left(&self, version: &Version, why: Why) -> Left {
        let instead = match why {
            Why::Stateless(_) => None,
            _ => self.method.instead(version),
        };
        Left {
            instead,
            is_locked: self.from_lock,
            ..Left::new(&self.name, Some(version), why)
        }
    }

    /// Whether the project allows a release, where it does not say which.
    pub(super) fn allows(&self, version: &Version) -> bool {
        let requirement = self.requirement.as_ref();
        let requirement = requirement.map(|one| VersionReq::parse(one));
        requirement.is_none_or(|one| one.is_ok_and(|one| one.matches(version)))
    }

    /// What cargo is asked for. `along` is the place of the crate that this one belongs to.
    pub(super) fn wanted(&self, along: Option<usize>) -> Wanted {
        let version = self.version.as_ref();
        let mut checksums = version.map_or(Vec::new(), |version| self.known_checksums(version));
        let recipe = self.method.recipe();
        Wanted {
            name: self.name.clone(),
            version: self.version.clone(),
            requirement: self.requirement.clone(),
            along,
            features: recipe.map_or(Vec::new(), |recipe| recipe.fetch_features.clone()),
            checksum: checksums.pop().map(|(checksum, _)| checksum),
        }
    }
}

impl Group {
    /// The release itself, then those along it.
    pub(super) fn releases(&self) -> impl Iterator<Item = &Release> {
        std::iter::once(&self.release).chain(&self.along)
    }

    /// The releases, for progress and messages. A crate that another brings along in a release that
    /// is not known yet has no label.
    pub(super) fn labels(&self) -> Vec<String> {
        let root = match &self.release.version {
            Some(version) => format!("{} {version}", self.release.name),
            None => self.release.name.clone(),
        };
        let along = self.along.iter().filter_map(|one| {
            let version = one.version.as_ref()?;
            Some(format!("{} {version}", one.name))
        });
        std::iter::once(root).chain(along).collect()
    }
}

impl Plan {
    /// Decides what is made of what was `chosen`: each release, what is forked along it, and our
    /// own crates that it needs.
    ///
    /// # Errors
    ///
    /// [`Error::Recipe`], and [`Error::EditCargoToml`] for a crate of ours.
    pub(super) fn of(chosen: Chosen, named: &[CrateSpec], locked: &Locked) -> Result<Self, Error> {
        let mut plan = Plan {
            groups: Vec::new(),
            ours: Vec::new(),
            left: chosen.left,
        };
        let mut companions = BTreeSet::new();
        for asked in chosen.asked {
            let method = Method::of(&asked.name)?;
            let release = release(&asked, method, locked);
            if let Some(version) = &asked.version
                && let Some(why) = release.method.unfit(version)
            {
                plan.left.push(release.left(version, why));
                continue;
            }
            let method = &release.method;
            companions.extend(method.companions());
            let along = method.with().iter();
            let along = along.map(|name| release_along(name, &asked, method, named, locked));
            let along = along.collect::<Result<_, _>>()?;
            plan.groups.push(Group { release, along });
        }
        for (outer, inner) in INNER {
            if companions.contains(outer) {
                companions.insert(inner.to_owned());
            }
        }
        for name in companions {
            plan.ours.push(Ours {
                version: content::ours(&name)?.1,
                patched: !INNER.iter().any(|(_, inner)| *inner == name),
                name,
            });
        }
        Ok(plan)
    }

    /// Leaves the releases that this command could not fork before.
    pub(super) fn leave_known(&mut self, known: &KnownLeft) {
        for group in std::mem::take(&mut self.groups) {
            let Release { name, version, .. } = &group.release;
            let version = version.as_ref();
            let problems = version.and_then(|version| known.problems(name, version));
            let (Some(version), Some(problems)) = (version, problems) else {
                self.groups.push(group);
                continue;
            };
            let left = group.release.left(version, Why::Unfit(problems.clone()));
            self.left.push(left);
        }
    }

    /// The folders that are known before anything is got.
    pub(super) fn folders(&self) -> Vec<String> {
        let releases = self.groups.iter().flat_map(Group::releases);
        let known = releases.filter_map(|one| {
            let version = one.version.as_ref()?;
            Some(content::folder(&one.name, version))
        });
        known
            .chain(self.ours.iter().map(|one| one.name.clone()))
            .collect()
    }

    /// The releases of groups, for progress and messages.
    pub(super) fn label(groups: &[Group]) -> String {
        match groups.len() {
            0..4 => {
                let labels: Vec<String> = groups.iter().flat_map(Group::labels).collect();
                labels.join(" and ")
            }
            many => format!("{many} crates"),
        }
    }
}

/// A release that was asked for, with what the lock files say of others.
fn release(asked: &Asked, method: Method, locked: &Locked) -> Release {
    let version = asked.version.as_ref();
    Release {
        name: asked.name.clone(),
        method,
        version: version.cloned(),
        requirement: asked.requirement.clone(),
        from_lock: asked.from_lock,
        locked: asked.checksum.clone(),
        neighbours: version.map_or(Neighbours::default(), |version| {
            locked.neighbours(&asked.name, version)
        }),
    }
}

/// The crate `name`, along `root`. A release of it that was named wins.
fn release_along(
    name: &str,
    root: &Asked,
    root_method: &Method,
    named: &[CrateSpec],
    locked: &Locked,
) -> Result<Release, Error> {
    let method = Method::of(name)?;
    let mut specs = named.iter().filter(|spec| spec.name == name);
    let explicit = specs.find_map(|spec| spec.version.clone());
    let root_version = root.version.as_ref();
    let of_lock = root_version.filter(|_| root.from_lock).and_then(|version| {
        let neighbours = locked.neighbours(&root.name, version);
        neighbours.dependencies.get(name).cloned()
    });
    let of_lock = of_lock.filter(|version| method.unfit(version).is_none());
    let tried = root_version.and_then(|version| root_method.tried(version));
    let tried = tried.and_then(|facts| facts.with.get(name)).cloned();
    let version = explicit.or(of_lock).or(tried);
    let asked = Asked {
        name: name.to_owned(),
        checksum: version
            .as_ref()
            .and_then(|version| locked.checksum(name, version)),
        version,
        requirement: None,
        from_lock: false,
    };
    Ok(release(&asked, method, locked))
}
