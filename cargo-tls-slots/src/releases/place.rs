//! Where one release is tried, and where cargo keeps its untouched files.

use std::path::{Path, PathBuf};

use semver::Version;

use super::choose::Release;
use super::options::Options;
use crate::causes::with_causes;
use crate::upstream::lockfile::Lock;
use crate::upstream::release::{self, Wanted};

/// Where one release is tried.
pub(super) struct Place {
    /// The folder of this release, for its projects.
    pub(super) folder: PathBuf,
    /// The folder of all forks.
    pub(super) forks: PathBuf,
    /// The target folder, which no other attempt uses at the same time.
    pub(super) target: PathBuf,
}

/// The folder in which cargo keeps the untouched release.
///
/// # Errors
///
/// If cargo cannot get it.
pub(super) fn upstream_folder(options: &Options, release: &Release) -> Result<PathBuf, String> {
    let wanted = Wanted {
        name: release.recipe.name.clone(),
        version: Some(release.version.clone()),
        checksum: release.checksum.clone(),
        ..Wanted::default()
    };
    let got = release::get(&[wanted], &Lock::default(), Path::new("."), options.offline)
        .map_err(|error| with_causes(&error))?;
    if let Some((_, error)) = got.failed.first() {
        return Err(with_causes(error));
    }
    let found = got.found.into_iter().next();
    found
        .map(|(_, one)| one.folder)
        .ok_or_else(|| "cargo got nothing".to_owned())
}

/// The name of a release's folder.
pub(super) fn folder_name(name: &str, version: &Version) -> String {
    format!("{name}-{version}")
}
