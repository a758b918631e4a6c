//! Which crates a run forks.
//!
//! | the caller named | the lock file holds | forked |
//! | --- | --- | --- |
//! | crates | anything | those, and what their recipes *need* if the lock file holds it |
//! | none | crates with recipes, in releases that these support | all of them |
//! | none | tokio, in a release that is not supported | tokio: its recipe then says so |
//! | none | nothing of that, or there is none | tokio |
//!
//! What a crate *needs* is in its recipe: the state of `rayon-core` rests on that of
//! `crossbeam-epoch`, so one without the other would be shared by half.

use super::error::Error;
use super::method::Method;
use super::options::CrateSpec;
use crate::recipe::Recipe;
use crate::upstream::lockfile::LockedPackage;

/// What is forked when there is nothing else to go by.
const TOKIO: &str = "tokio";

/// The crates that were `named`, and what they need; or, without names, those that the locked
/// `packages` suggest.
///
/// # Errors
///
/// [`Error::Recipe`].
pub(super) fn crates(
    named: &[CrateSpec],
    packages: &[LockedPackage],
) -> Result<Vec<CrateSpec>, Error> {
    match named {
        [] => all_of(packages),
        named => with_needed(named.to_vec(), packages),
    }
}

/// What is forked when nothing is named: the locked crates that there are recipes for, or tokio.
///
/// A crate of which only releases are locked that its recipe is not meant for is left out, but for
/// tokio: a program may well hold an old `log` that nothing of it shares.
fn all_of(packages: &[LockedPackage]) -> Result<Vec<CrateSpec>, Error> {
    let mut specs = Vec::new();
    let mut along = Vec::new();
    for name in Recipe::names() {
        let method = Method::of(name)?;
        let (mut all, mut supported) = (0, 0);
        for package in packages.iter().filter(|package| package.name == name) {
            all += 1;
            supported += usize::from(method.supports(&package.version));
        }
        if supported > 0 || (all > 0 && name == TOKIO) {
            specs.push(CrateSpec::named(name));
        }
        along.extend(method.with().to_vec());
    }
    specs.retain(|spec| !along.contains(&spec.name));
    // As the folder is read from the top: tokio before the others.
    specs.sort_by_key(|spec| spec.name != TOKIO);
    if specs.is_empty() {
        specs.push(CrateSpec::named(TOKIO));
    }
    Ok(specs)
}

/// The crates that are named, and those of the lock file that their state rests on, directly or
/// through others. They come after the named ones.
fn with_needed(
    mut specs: Vec<CrateSpec>,
    packages: &[LockedPackage],
) -> Result<Vec<CrateSpec>, Error> {
    let mut at = 0;
    while at < specs.len() {
        if let Some(recipe) = Recipe::embedded(&specs[at].name) {
            for name in recipe?.needs {
                let locked = packages.iter().any(|package| package.name == name);
                if locked && specs.iter().all(|spec| spec.name != name) {
                    specs.push(CrateSpec::named(name));
                }
            }
        }
        at += 1;
    }
    Ok(specs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, version: &str) -> LockedPackage {
        LockedPackage {
            name: name.to_owned(),
            version: version.parse().unwrap(),
            checksum: None,
            dependencies: Vec::new(),
        }
    }

    fn names(specs: Vec<CrateSpec>) -> Vec<String> {
        specs.into_iter().map(|spec| spec.name).collect()
    }

    #[test]
    fn without_names_a_lock_file_says_what_is_forked() {
        let names = |lock: &[(&str, &str)]| {
            let packages = lock.iter().map(|(name, version)| package(name, version));
            names(all_of(&packages.collect::<Vec<_>>()).unwrap())
        };
        assert_eq!(names(&[]), ["tokio"]);
        assert_eq!(
            names(&[("log", "0.4.35"), ("serde", "1.0.0"), ("tokio", "1.54.1")]),
            ["tokio", "log"]
        );
        assert_eq!(names(&[("log", "0.4.35")]), ["log"]);
        // What belongs to another comes with it; a release that is not supported is no reason to
        // fail, unless it is of tokio.
        assert_eq!(names(&[("tokio-macros", "2.7.2")]), ["tokio"]);
        assert_eq!(names(&[("log", "0.3.9")]), ["tokio"]);
        assert_eq!(names(&[("tokio", "1.40.0")]), ["tokio"]);
    }

    #[test]
    fn what_a_crate_rests_on_is_forked_along() {
        let names = |lock: &[&str]| {
            let specs = vec!["rayon-core".parse().unwrap()];
            let lock: Vec<_> = lock.iter().map(|name| package(name, "0.9.0")).collect();
            names(with_needed(specs, &lock).unwrap())
        };
        assert_eq!(names(&[]), ["rayon-core"]);
        assert_eq!(
            names(&["crossbeam-epoch", "log"]),
            ["rayon-core", "crossbeam-epoch"]
        );
    }
}
