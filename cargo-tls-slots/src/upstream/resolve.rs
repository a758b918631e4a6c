//! Asks which versions cargo would choose for dependencies, without getting them.
//!
//! A fork's dependencies are pinned to releases. Where no lock file says which, the answer must be
//! the one that cargo would give: the newest that fits and that the registry, or this machine, has.
//! The dependencies of all forks of a run are asked for in one call.

use std::collections::BTreeMap;
use std::path::Path;

use semver::{Version, VersionReq};

use super::error::UpstreamError;
use super::project::{self, Project};

/// A package and what a crate can do with of it, such as `("mio", "^1.0")`.
pub(crate) type Requirement = (String, String);

/// The versions that cargo would choose for these requirements. cargo runs in `folder`.
///
/// A requirement for which there is none, in the registry or on this machine, is left out.
///
/// # Errors
///
/// [`UpstreamError::Project`] and [`UpstreamError::Start`].
pub(crate) fn resolve(
    required: &[&Requirement],
    folder: &Path,
    offline: bool,
) -> Result<BTreeMap<Requirement, Version>, UpstreamError> {
    let mut all = required.to_vec();
    let mut chosen = BTreeMap::new();
    while !all.is_empty() {
        let says = match choose(&all, folder, offline)? {
            Ok(versions) => {
                chosen.extend(versions);
                break;
            }
            Err(says) => says,
        };
        // One of them has no version. Which one, cargo says only in words.
        let is_named = |(name, _): &&Requirement| {
            says.contains(&format!("`{name}`")) || says.contains(&format!("`{name} = "))
        };
        match all.iter().filter(|one| is_named(one)).count() {
            1 => all.retain(|one| !is_named(one)),
            // Not even that. So each is asked for alone.
            _ => {
                for one in std::mem::take(&mut all) {
                    chosen.extend(choose(&[one], folder, offline)?.unwrap_or_default());
                }
            }
        }
    }
    Ok(chosen)
}

/// [`resolve`], for all or none; then what cargo says.
fn choose(
    required: &[&Requirement],
    folder: &Path,
    offline: bool,
) -> Result<Result<BTreeMap<Requirement, Version>, String>, UpstreamError> {
    let lines = required.iter().enumerate().map(|(index, (name, version))| {
        format!(
            "wanted-{index} = {{ package = \"{name}\", version = {version:?}, \
             default-features = false }}\n"
        )
    });
    let project = Project::new(&lines.collect::<String>())?;
    // Only the index is needed for this, not the packages.
    let output = project.cargo(&["generate-lockfile"], folder, offline)?;
    if !output.status.success() {
        return Ok(Err(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let lock = project.locked().unwrap_or_default();
    let own = lock.packages.iter().find(|one| one.name == project::NAME);
    let direct: Vec<&str> = own
        .into_iter()
        .flat_map(|own| &own.dependencies)
        .filter_map(|one| one.split(' ').next())
        .collect();
    let choice = |required: &&Requirement| {
        let fits = VersionReq::parse(&required.1).ok()?;
        let of_it = lock.packages.iter().filter(|one| {
            one.name == required.0 && direct.contains(&&*one.name) && fits.matches(&one.version)
        });
        let newest = of_it.map(|one| &one.version).max()?;
        Some(((*required).clone(), newest.clone()))
    };
    Ok(Ok(required.iter().filter_map(choice).collect()))
}
