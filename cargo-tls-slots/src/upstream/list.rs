//! Which releases of a crate there are, as cargo sees them.
//!
//! cargo has no command that lists releases, and its copy of the registry's index is its own
//! affair. So it is asked for the newest one, then for the newest one below that, and so on. What
//! it answers holds for any source of crates that the user has configured. Releases that were
//! yanked, and pre-releases, are never the answer.

use std::path::Path;

use semver::Version;

use super::error::UpstreamError;
use super::lockfile::LockedPackage;
use super::project::Project;

/// The newest release of `name` that is at least `since` and, if that is given, older than `below`.
/// cargo runs in `folder`. `None` if there is no such release.
///
/// # Errors
///
/// Any variant of [`UpstreamError`].
pub(crate) fn newest(
    name: &str,
    since: &Version,
    below: Option<&Version>,
    folder: &Path,
    offline: bool,
) -> Result<Option<LockedPackage>, UpstreamError> {
    let mut wanted = format!(">={since}");
    if let Some(below) = below {
        wanted += &format!(", <{below}");
    }
    let line = format!("{name} = {{ version = \"{wanted}\", default-features = false }}\n");
    let project = Project::new(&line)?;
    let output = project.cargo(&["generate-lockfile"], folder, offline)?;
    if !output.status.success() {
        let says = String::from_utf8_lossy(&output.stderr)
            .trim_end()
            .to_owned();
        return match super::error::failure(name.to_owned(), says, offline) {
            // A crate that has a release above `below` exists: it has none in the range.
            UpstreamError::Unknown(..) | UpstreamError::Offline(..) if below.is_some() => Ok(None),
            error => Err(error),
        };
    }
    let lock = project
        .locked()
        .ok_or_else(|| UpstreamError::Lock(name.to_owned()))?;
    let fits = |one: &LockedPackage| {
        one.name == name && one.version >= *since && below.is_none_or(|below| one.version < *below)
    };
    Ok(lock.packages.into_iter().find(fits))
}
