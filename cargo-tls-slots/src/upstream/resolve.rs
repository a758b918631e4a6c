//! Asks which versions cargo would choose for dependencies, without getting them.
//!
//! A fork's dependencies are pinned to releases. Where no lock file says which, the answer must be
//! the one that cargo would give: the newest that fits and that the registry, or this machine, has.

use std::collections::BTreeMap;
use std::path::Path;

use semver::Version;

use super::error::UpstreamError;
use super::lockfile::LockedPackage;
use super::project::{self, Project};

/// The versions that cargo would choose for dependencies with these requirements, by package. cargo
/// runs in `folder`.
///
/// A package for which there is none, in the registry or on this machine, is left out.
///
/// # Errors
///
/// [`UpstreamError::Project`] and [`UpstreamError::Start`].
pub(crate) fn resolve(
    required: &BTreeMap<String, String>,
    folder: &Path,
    offline: bool,
) -> Result<BTreeMap<String, Version>, UpstreamError> {
    let all: Vec<_> = required.iter().collect();
    if let Some(chosen) = choose(&all, folder, offline)? {
        return Ok(chosen);
    }
    // One of them has no version. Which one, cargo says only in words; so each is asked for alone.
    let mut chosen = BTreeMap::new();
    for one in all {
        chosen.extend(choose(&[one], folder, offline)?.unwrap_or_default());
    }
    Ok(chosen)
}

/// [`resolve`], for all or none.
fn choose(
    required: &[(&String, &String)],
    folder: &Path,
    offline: bool,
) -> Result<Option<BTreeMap<String, Version>>, UpstreamError> {
    let lines = required.iter().map(|(name, version)| {
        format!("{name} = {{ version = {version:?}, default-features = false }}\n")
    });
    let project = Project::new(&lines.collect::<String>())?;
    // Only the index is needed for this, not the packages.
    let output = project.cargo(&["generate-lockfile"], folder, offline)?;
    if !output.status.success() {
        return Ok(None);
    }
    let packages = project.locked().unwrap_or_default();
    let own = Version::new(0, 0, 0);
    Ok(LockedPackage::dependencies_of(
        &packages,
        project::NAME,
        &own,
    ))
}
