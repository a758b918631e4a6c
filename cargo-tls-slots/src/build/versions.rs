//! Whether the lock files of several projects agree on the crates that are forked.
//!
//! The problem: cargo resolves each project by itself. Two projects that both say `tokio = "1"` get
//! the release that was newest on the day on which each made its lock file. A host refuses a module
//! with another release, and names both, but that is after two builds.
//!
//! The way: compare the lock files first. A project without a lock file agrees with everything, as
//! cargo will give it the release of the fork.

use std::collections::BTreeMap;

use super::error::Error;
use crate::project::read::Project;
use crate::recipe::Recipe;
use crate::upstream::release::compatible;

/// Checks that the projects' lock files hold the same release of each crate that there is a recipe
/// for, in each range of releases that cargo takes for compatible. Returns the index of a project
/// whose lock file holds tokio 1, if there is one.
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
        let mut chosen = BTreeMap::<String, (usize, &semver::Version)>::new();
        for (index, project) in projects.iter().enumerate() {
            for package in project.lock.packages.iter().filter(|one| one.name == name) {
                let is_tokio = name == "tokio" && package.version.major == 1;
                let is_meant = |recipe: &Recipe| recipe.supports(&package.version);
                if !is_tokio && !recipe.as_ref().is_some_and(is_meant) {
                    continue;
                }
                if is_tokio {
                    with_tokio = with_tokio.or(Some(index));
                }
                let version = &package.version;
                let first = chosen
                    .entry(compatible(version))
                    .or_insert((index, version));
                if first.1 != version && first.0 != index {
                    return Err(Error::Versions {
                        name: name.to_owned(),
                        first: projects[first.0].cargo_toml.clone(),
                        first_version: Box::new(first.1.clone()),
                        second: project.cargo_toml.clone(),
                        second_version: Box::new(version.clone()),
                    });
                }
            }
        }
    }
    Ok(with_tokio)
}
