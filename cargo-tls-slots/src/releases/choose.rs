//! Which releases are tried.
//!
//! cargo says which there are; the table and lock files say which are of interest, and their
//! checksums. A release that was yanked can be had only with its checksum.

use std::collections::BTreeMap;
use std::path::Path;

use semver::Version;

use super::error::Error;
use super::options::{Options, Which};
use crate::parallel;
use crate::recipe::{Recipe, RecipeError};
use crate::release_table::Table;
use crate::upstream::list;
use crate::upstream::lockfile::Lock;

/// A release to be tried.
#[derive(Debug)]
pub(super) struct Release {
    /// The recipe of its crate.
    pub(super) recipe: Recipe,
    pub(super) version: Version,
    /// The checksum of its archive, if the registry, the table or a lock file has said it.
    pub(super) checksum: Option<String>,
    /// Whether a lock file holds it.
    pub(super) lockfile: bool,
}

/// The releases that the options ask for: by crate, the newest of each first.
///
/// # Errors
///
/// Any variant of [`Error`] that is about recipes, lock files or cargo.
pub(super) fn choose(options: &Options, table: &Table) -> Result<Vec<Release>, Error> {
    let mut locked = Vec::new();
    for path in &options.lockfiles {
        locked.extend(Lock::read(path)?.packages);
    }
    let recipes = recipes(options)?;
    let found = parallel::map(recipes.iter().collect(), |recipe: &Recipe| {
        options
            .progress
            .detail(&format!("looking for releases of {}", recipe.name));
        of_crate(recipe, options, table)
    });
    let mut all = Vec::new();
    for (recipe, found) in recipes.into_iter().zip(found) {
        let mut found = found?;
        // Crates that are no registry's have no checksum.
        let held = locked.iter().filter(|one| {
            one.name == recipe.name && one.is_from_crates_io() && one.checksum.is_some()
        });
        let held: BTreeMap<_, _> = held
            .map(|one| (one.version.clone(), one.checksum.clone()))
            .collect();
        found.extend(held.clone());
        all.extend(found.into_iter().rev().map(|(version, checksum)| {
            let facts = table.facts(&recipe.name, &version);
            Release {
                recipe: recipe.clone(),
                checksum: checksum.or(facts.map(|facts| facts.checksum.clone())),
                lockfile: held.contains_key(&version) || facts.is_some_and(|one| one.lockfile),
                version,
            }
        }));
    }
    Ok(all)
}

/// The recipes of the crates that are named, or all of them. A crate that is forked along another
/// is not tried by itself.
fn recipes(options: &Options) -> Result<Vec<Recipe>, Error> {
    let mut recipes = Vec::new();
    let named = options.crates.iter().map(|spec| spec.name.as_str());
    let mut names: Vec<&str> = named.collect();
    names.sort_unstable();
    names.dedup();
    let all = names.is_empty();
    if all {
        names = Recipe::names();
    }
    for name in names {
        let recipe = Recipe::embedded(name).ok_or_else(|| Error::NoRecipe(name.to_owned()))??;
        recipes.push(recipe);
    }
    if all {
        let along = along()?;
        recipes.retain(|recipe| !along.contains(&recipe.name));
    }
    Ok(recipes)
}

/// The crates that are forked along another one.
///
/// # Errors
///
/// If a recipe is wrong.
pub(super) fn along() -> Result<Vec<String>, RecipeError> {
    let mut along = Vec::new();
    for recipe in Recipe::names().into_iter().filter_map(Recipe::embedded) {
        along.extend(recipe?.with);
    }
    Ok(along)
}

/// The releases of a crate that the options name or mean, with the checksums that cargo says.
fn of_crate(
    recipe: &Recipe,
    options: &Options,
    table: &Table,
) -> Result<BTreeMap<Version, Option<String>>, Error> {
    let mut found = BTreeMap::new();
    let specs = options
        .crates
        .iter()
        .filter(|spec| spec.name == recipe.name);
    let versions: Vec<_> = specs.filter_map(|spec| spec.version.clone()).collect();
    if !versions.is_empty() {
        found.extend(versions.into_iter().map(|version| (version, None)));
        return Ok(found);
    }
    if options.which == Which::Known {
        let known = table.releases(&recipe.name);
        found.extend(known.map(|(version, facts)| (version.clone(), Some(facts.checksum.clone()))));
        return Ok(found);
    }
    let mut below = None;
    loop {
        let next = list::newest(
            &recipe.name,
            &recipe.since,
            below.as_ref(),
            Path::new("."),
            options.offline,
        )?;
        let Some(next) = next else {
            return Ok(found);
        };
        below = Some(next.version.clone());
        found.insert(next.version, next.checksum);
        if options.which == Which::Newest {
            return Ok(found);
        }
    }
}
