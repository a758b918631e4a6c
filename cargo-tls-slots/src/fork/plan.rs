//! Decides which crates are made, in which release, before anything is got or written.
//!
//! A release is chosen by the first of these that says something: the caller's `NAME@VERSION`, the
//! lock file, the recipe's default. A crate that is forked *along* another (tokio-macros along
//! tokio) has the release that the lock file has, if that file also decided about the other one;
//! else the one that was tried together with it.

use std::path::PathBuf;

use semver::Version;

use super::choose;
use super::content;
use super::error::Error;
use super::locked::{Choice, Locked, Neighbours};
use super::method::Method;
use super::options::{CrateSpec, ForkOptions};
use crate::upstream::release::{Upstream, Wanted};

/// Those of our crates that only our others name: no project patches them.
const INNER: [&str; 1] = ["tls-slots-manifest"];

/// A crate to be made, in the fork folder of its name.
pub(super) struct Plan {
    /// The crate.
    pub(super) name: String,
    /// Whether a project names it in `[patch.crates-io]`.
    pub(super) patched: bool,
    /// What it is made from.
    pub(super) kind: Kind,
}

/// What a crate is made from.
pub(super) enum Kind {
    /// The text that the command carries, of this version.
    Ours(Version),
    /// A release that cargo gets.
    Upstream(Release),
}

/// A release to be forked.
pub(super) struct Release {
    /// How.
    pub(super) method: Method,
    /// Which. `None` is the newest, or what a crate depends on that this one is forked along.
    pub(super) version: Option<Version>,
    /// Where the version comes from, for messages.
    origin: String,
    /// The checksum that a lock file has for it, and which.
    pub(super) locked: Option<(String, PathBuf)>,
    /// What the lock file has of other packages.
    pub(super) neighbours: Neighbours,
}

impl Release {
    /// A release by `method`: the `choice` of a lock file, or `otherwise` what the caller or the
    /// recipe says.
    fn new(method: Method, choice: Option<Choice>, otherwise: Option<Version>) -> Self {
        let (version, origin, locked) = match choice {
            Some(choice) => (Some(choice.version), choice.origin, choice.checksum),
            None => (otherwise, String::new(), None),
        };
        Release {
            method,
            version,
            origin,
            locked,
            neighbours: Neighbours::default(),
        }
    }

    /// The checksums that a release should have, and who says so: the recipe's pin, the lock file.
    /// Usually both say the same; a difference is found when the release is here.
    fn known_checksums(&self, version: &Version) -> Vec<(String, String)> {
        let pin = self.method.pin(version);
        let pinned = pin.map(|pin| (pin.checksum.clone(), "the recipe's pin".to_owned()));
        let locked = self.locked.as_ref();
        let locked = locked.map(|(checksum, path)| (checksum.clone(), path.display().to_string()));
        pinned.into_iter().chain(locked).collect()
    }

    /// Sees to it that what cargo got is what was meant.
    ///
    /// # Errors
    ///
    /// [`Error::UnsupportedVersion`] or [`Error::Checksum`].
    pub(super) fn check(&self, got: &Upstream) -> Result<(), Error> {
        self.method.check_supports(&got.version, &self.origin)?;
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
}

impl Plan {
    /// What cargo is asked for, unless the crate is ours.
    pub(super) fn wanted(&self) -> Option<Wanted> {
        let Kind::Upstream(release) = &self.kind else {
            return None;
        };
        let recipe = release.method.recipe();
        let version = release.version.as_ref();
        let checksums = version.map(|version| release.known_checksums(version));
        Some(Wanted {
            name: self.name.clone(),
            version: version.cloned(),
            along: !self.patched,
            features: recipe.map_or(Vec::new(), |recipe| recipe.fetch_features.clone()),
            checksum: checksums
                .and_then(|mut all| all.pop())
                .map(|(checksum, _)| checksum),
        })
    }

    /// The release, for progress and messages. A crate that is ours has none, and neither has one
    /// that another brings along in a release that is not known yet.
    pub(super) fn label(&self) -> Option<String> {
        match &self.kind {
            Kind::Ours(_) => None,
            Kind::Upstream(release) => match &release.version {
                Some(version) => Some(format!("{} {version}", self.name)),
                None => self.patched.then(|| self.name.clone()),
            },
        }
    }
}

/// Decides what is made: each crate that is forked, what is forked along with it, and our own
/// crates that it needs.
///
/// # Errors
///
/// [`Error::Lock`], [`Error::Recipe`], [`Error::Ambiguous`] or [`Error::UnsupportedVersion`].
pub(super) fn plan(options: &ForkOptions) -> Result<Vec<Plan>, Error> {
    let locked = Locked::of(options)?;
    let packages = locked.as_ref().map_or(&[][..], |locked| &locked.packages);
    let specs = choose::crates(&options.crates, packages)?;
    let methods = specs
        .iter()
        .map(|spec| Method::of(&spec.name))
        .collect::<Result<Vec<_>, _>>()?;
    // A crate that belongs to another one that is named has that one's choice of release.
    let belongs = |spec: &CrateSpec| {
        spec.version.is_none()
            && methods
                .iter()
                .any(|method| method.with().contains(&spec.name))
    };
    let mut planner = Planner {
        locked: locked.as_ref(),
        specs: &specs,
        plans: Vec::new(),
    };
    for (spec, method) in specs.iter().zip(&methods) {
        if !belongs(spec) {
            planner.add(spec, method)?;
        }
    }
    let mut plans = planner.plans;
    for plan in &mut plans {
        if let Kind::Upstream(release) = &mut plan.kind
            && let (Some(version), Some(locked)) = (&release.version, &locked)
        {
            release.neighbours = locked.neighbours(&plan.name, version);
        }
    }
    Ok(plans)
}

/// Plans that are being collected.
struct Planner<'a> {
    locked: Option<&'a Locked>,
    /// All crates that are forked, named or found.
    specs: &'a [CrateSpec],
    plans: Vec<Plan>,
}

impl Planner<'_> {
    /// Whether a crate of this name is planned already.
    fn has(&self, name: &str) -> bool {
        self.plans.iter().any(|plan| plan.name == name)
    }

    /// Adds a crate, what is forked along with it, and our crates that it needs.
    fn add(&mut self, spec: &CrateSpec, method: &Method) -> Result<(), Error> {
        let choice = match (&spec.version, self.locked) {
            (None, Some(locked)) => locked.choice(&spec.name, method)?,
            _ => None,
        };
        let from_lock = choice.is_some();
        let otherwise = spec.version.as_ref().or(method.default_version());
        let release = Release::new(method.clone(), choice, otherwise.cloned());
        if let Some(version) = &release.version {
            method.check_supports(version, &release.origin)?;
        }
        let pin = release.version.as_ref().and_then(|it| method.pin(it));
        let pinned = |name: &String| pin.and_then(|pin| pin.with.get(name)).cloned();
        let along: Vec<(&String, Option<Version>)> = method
            .with()
            .iter()
            .map(|name| (name, pinned(name)))
            .collect();
        // It may have come along with another; now it is here in its own right.
        self.plans.retain(|plan| plan.name != spec.name);
        self.plans.push(Plan {
            name: spec.name.clone(),
            patched: true,
            kind: Kind::Upstream(release),
        });
        for (name, pinned) in along {
            self.add_along(name, pinned, from_lock)?;
        }
        self.add_ours(method.companions())
    }

    /// Adds a crate that is forked along another, whose release the lock file chose or not.
    ///
    /// Nobody patches it: the other one's `Cargo.toml` names it by its path. Where the lock file
    /// chose neither, and nothing was tried, cargo chooses what the other one depends on.
    fn add_along(
        &mut self,
        name: &str,
        pinned: Option<Version>,
        from_lock: bool,
    ) -> Result<(), Error> {
        let mut named = self.specs.iter().filter(|spec| spec.name == name);
        if self.has(name) || named.any(|spec| spec.version.is_some()) {
            return Ok(());
        }
        let method = Method::of(name)?;
        let choice = match self.locked {
            Some(locked) if from_lock => locked.choice(name, &method)?,
            _ => None,
        };
        let choice = choice.filter(|choice| method.supports(&choice.version));
        self.plans.push(Plan {
            name: name.to_owned(),
            patched: false,
            kind: Kind::Upstream(Release::new(method, choice, pinned)),
        });
        Ok(())
    }

    /// Adds crates of ours, and those that only they name.
    fn add_ours(&mut self, mut names: Vec<String>) -> Result<(), Error> {
        if names.iter().any(|name| name == "tls-slots") {
            names.extend(INNER.map(str::to_owned));
        }
        for name in names {
            if !self.has(&name) {
                self.plans.push(Plan {
                    patched: !INNER.contains(&name.as_str()),
                    kind: Kind::Ours(content::ours(&name)?.1),
                    name,
                });
            }
        }
        Ok(())
    }
}
