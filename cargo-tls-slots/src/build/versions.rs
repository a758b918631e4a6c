//! Whether the lock files of several projects agree on the crates that are forked.
//!
//! The problem: cargo resolves each project by itself. Two projects that both say `tokio = "1"` get
//! the release that was newest on the day on which each made its lock file. A host refuses a module
//! with another release, and names both, but that is after two builds.
//!
//! The way: compare the lock files first. A project without a lock file agrees with everything, as
//! cargo will give it the release of the fork.

use super::error::Error;
use super::project::Project;
use crate::recipe::Recipe;
use crate::upstream::lockfile::LockedPackage;

/// Checks that the projects' lock files hold the same release of each crate that there is a recipe
/// for. Returns the index of a project whose lock file holds tokio, if there is one.
///
/// A release that the recipe does not support is none of the fork's, so it may differ. tokio is
/// the exception: every release of tokio 1 counts.
///
/// # Errors
///
/// [`Error::Versions`] for the first crate in two releases.
pub(super) fn common_versions(projects: &[Project]) -> Result<Option<usize>, Error> {
    let mut with_tokio = None;
    for name in Recipe::names() {
        let recipe = Recipe::embedded(name).into_iter().flatten().next();
        let is_meant = |package: &&LockedPackage| {
            package.name == name
                && match name {
                    "tokio" => package.version.major == 1,
                    _ => recipe
                        .as_ref()
                        .is_some_and(|recipe| recipe.supports(&package.version)),
                }
        };
        let mut chosen: Option<(usize, &semver::Version)> = None;
        for (index, project) in projects.iter().enumerate() {
            let Some(package) = project.lock.iter().find(is_meant) else {
                continue;
            };
            match chosen {
                None => chosen = Some((index, &package.version)),
                Some((_, version)) if *version == package.version => {}
                Some((first, version)) => {
                    return Err(Error::Versions {
                        name: name.to_owned(),
                        first: projects[first].cargo_toml.clone(),
                        first_version: Box::new(version.clone()),
                        second: project.cargo_toml.clone(),
                        second_version: Box::new(package.version.clone()),
                    });
                }
            }
        }
        if name == "tokio" {
            with_tokio = chosen.map(|(index, _)| index);
        }
    }
    Ok(with_tokio)
}
