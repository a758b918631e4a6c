//! The versions that a fork's dependencies are pinned to.
//!
//! The layouts of a crate depend on types of its dependencies. cargo would choose their versions
//! for each project anew, so two projects with one fork could differ. A fork's `Cargo.toml` pins
//! them, and what the crate says about itself is then what was compiled.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use semver::{Version, VersionReq};

use super::error::Error;
use super::options::ForkOptions;
use super::plan::Release;
use super::stamp::Stamp;
use crate::self_description;
use crate::upstream::release::Upstream;
use crate::upstream::resolve::resolve;

/// The versions, by package; empty where none is known.
///
/// They come from the first of these that has one:
///
/// 1. what the lock file says of this release;
/// 2. what an earlier run chose, as `folder` says: a fork does not change because the registry has
///    something new;
/// 3. a package that the lock file has for another reason, in a version that fits: cargo would take
///    it;
/// 4. what cargo would choose today.
///
/// A package that is in none of them (an optional dependency that was not vendored, say) stays
/// open: nobody can build with it now.
///
/// # Errors
///
/// [`Error::Read`] or [`Error::Upstream`].
pub(super) fn pins(
    release: &Release,
    got: &Upstream,
    folder: &Path,
    options: &ForkOptions,
) -> Result<BTreeMap<String, String>, Error> {
    let path = got.folder.join("Cargo.toml");
    let text = fs::read_to_string(&path).map_err(Error::reading(&path))?;
    let upstream = toml::from_str(&text).unwrap_or_default();
    let recipe = release.method.recipe();
    let Some(record) = self_description::record(recipe, &got.version, &upstream) else {
        return Ok(BTreeMap::new());
    };
    let neighbours = &release.neighbours;
    let earlier = Stamp::read(folder)
        .filter(|stamp| stamp.version == got.version)
        .map_or(BTreeMap::new(), |stamp| stamp.pins);
    let mut pins = BTreeMap::new();
    let mut open = BTreeMap::new();
    for (name, required) in self_description::requirements(&record, &upstream) {
        let fits = |version: &&Version| {
            let required = VersionReq::parse(&required);
            required.is_ok_and(|required| required.matches(version))
        };
        let locked = neighbours.dependencies.get(&name).map(Version::to_string);
        let earlier = earlier.get(&name).filter(|version| !version.is_empty());
        let other = neighbours.others.get(&name).filter(fits);
        match locked
            .or(earlier.cloned())
            .or(other.map(Version::to_string))
        {
            Some(version) => pins.insert(name, version),
            None => open.insert(name, required),
        };
    }
    if !open.is_empty() {
        let mut chosen = resolve(&open, &options.folder, options.offline)?;
        for name in open.into_keys() {
            let version = chosen.remove(&name).map(|version| version.to_string());
            pins.insert(name, version.unwrap_or_default());
        }
    }
    Ok(pins)
}
