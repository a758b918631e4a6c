//! The versions that a fork's dependencies are pinned to.
//!
//! The layouts of a crate depend on types of its dependencies. cargo would choose their versions
//! for each project anew, so two projects with one fork could differ. A fork's `Cargo.toml` pins
//! them, and what the crate says about itself is then what was compiled.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use semver::{Version, VersionReq};

use super::error::Error;
use super::options::Pin;
use super::plan::Release;
use super::stamp::Stamp;
use crate::self_description;
use crate::upstream::release::{Upstream, compatible};
use crate::upstream::resolve::{Requirement, resolve};

/// The versions of one fork's dependencies, by package.
#[derive(Default)]
pub(super) struct Pins {
    /// Those that are known.
    known: BTreeMap<String, String>,
    /// The requirements of the others.
    open: BTreeMap<String, String>,
    /// Those that were others in the folder that is there: a sentence each.
    pub(super) moved: Vec<String>,
}

impl Pins {
    /// What is known of the dependencies of a release. A version comes from the first of these that
    /// has one:
    ///
    /// 1. what the caller `asked` for;
    /// 2. what the lock file says of this release;
    /// 3. what an earlier run chose, as the fork's `folder` says: a fork does not change because
    ///    the registry has something new;
    /// 4. a package that the lock file has for another reason, in a version that fits: cargo would
    ///    take it;
    /// 5. what cargo would choose today, see [`resolved`].
    ///
    /// # Errors
    ///
    /// [`Error::Read`], and [`Error::Pin`] for a version that the release does not allow.
    pub(super) fn of(
        release: &Release,
        got: &Upstream,
        folder: &Path,
        asked: &[Pin],
    ) -> Result<Self, Error> {
        let path = got.folder.join("Cargo.toml");
        let text = fs::read_to_string(&path).map_err(Error::reading(&path))?;
        let upstream = toml::from_str(&text).unwrap_or_default();
        let recipe = release.method.recipe();
        let mut pins = Pins::default();
        let Some(record) = self_description::record(recipe, &got.version, &upstream) else {
            return Ok(pins);
        };
        let neighbours = &release.neighbours;
        let earlier = Stamp::read(folder)
            .filter(|stamp| stamp.version == got.version)
            .map_or(BTreeMap::new(), |stamp| stamp.pins);
        for (name, required) in self_description::requirements(&record, &upstream) {
            let locked = neighbours.dependencies.get(&name).map(ToString::to_string);
            let earlier = earlier.get(&name).filter(|version| !version.is_empty());
            let before = locked.as_ref().or(earlier);
            let asked = asked.iter().find(|pin| pin.name == name);
            let asked = asked.map(|pin| allowed(pin, &required, before, got));
            let asked = asked.transpose()?.flatten();
            let now = asked.as_ref().or(locked.as_ref());
            if let (Some(now), Some(before)) = (now, earlier)
                && now != before
            {
                let why = match asked {
                    Some(_) => "--pin says",
                    None => "the lock file has it",
                };
                pins.moved.push(format!(
                    "{} {} now has {name} {now} and no longer {before}, as {why}; \
                     whoever shares this folder of forks moves along",
                    got.name, got.version
                ));
            }
            if let Some(version) = asked {
                let parsed = version.parse();
                let others = neighbours.others.get(&name);
                let is_locked =
                    others.is_some_and(|all| parsed.is_ok_and(|parsed| all.contains(&parsed)));
                match is_locked {
                    true => pins.known.insert(name, version),
                    // Whether there is such a release, cargo must say.
                    false => pins.open.insert(name, format!("={version}")),
                };
                continue;
            }
            let other = || {
                let required = VersionReq::parse(&required).ok()?;
                let others = neighbours.others.get(&name)?.iter();
                let newest = others.filter(|version| required.matches(version)).max()?;
                Some(newest.to_string())
            };
            match locked.or(earlier.cloned()).or_else(other) {
                Some(version) => pins.known.insert(name, version),
                None => pins.open.insert(name, required),
            };
        }
        Ok(pins)
    }
}

/// The version of `pin`, if the release `got` allows it. `before` is the one that it has without
/// the pin. A release that depends on another range of the package's releases is not meant.
///
/// # Errors
///
/// [`Error::Pin`] if it does not allow this version of the range that it depends on.
fn allowed(
    pin: &Pin,
    required: &str,
    before: Option<&String>,
    got: &Upstream,
) -> Result<Option<String>, Error> {
    let requirement = VersionReq::parse(required);
    if requirement.is_ok_and(|one| one.matches(&pin.version)) {
        return Ok(Some(pin.version.to_string()));
    }
    let before: Option<Version> = before.and_then(|version| version.parse().ok());
    match before {
        Some(before) if compatible(&before) == compatible(&pin.version) => Err(Error::Pin(
            pin.clone(),
            format!(
                "{} {} allows {} {required} only",
                got.name, got.version, pin.name
            ),
        )),
        _ => Ok(None),
    }
}

/// Asks cargo for all versions that are open, in one call, and returns the versions of each fork by
/// package; empty where none is known.
///
/// A package of which there is none (an optional dependency that was not vendored, say) stays open:
/// nobody can build with it now.
///
/// # Errors
///
/// [`Error::Upstream`].
pub(super) fn resolved(
    all: Vec<Pins>,
    folder: &Path,
    offline: bool,
) -> Result<Vec<BTreeMap<String, String>>, Error> {
    let open = all.iter().flat_map(|pins| pins.open.clone());
    let open: BTreeSet<Requirement> = open.collect();
    let chosen = resolve(&open.iter().collect::<Vec<_>>(), folder, offline)?;
    let pins = all.into_iter().map(|pins| {
        let mut known = pins.known;
        for requirement in pins.open {
            let version = chosen.get(&requirement).map(ToString::to_string);
            known.insert(requirement.0, version.unwrap_or_default());
        }
        known
    });
    Ok(pins.collect())
}
