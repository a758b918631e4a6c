//! Which releases a run forks, and which it leaves as published without a look at their sources.
//!
//! | the caller named | the lock file holds | forked |
//! | --- | --- | --- |
//! | crates | anything | those, and what their recipes *need* if the lock file holds it |
//! | none | crates with recipes | all releases of them |
//! | none | none of those, or there is no lock file | tokio |
//!
//! The release of a crate that was named without one comes from the first of these that says
//! something:
//!
//! 1. the lock file: all releases that it holds;
//! 2. what the project's `Cargo.toml`s ask for, if there is no lock file or it lacks the crate;
//! 3. the recipe's default, or the newest.
//!
//! A crate of the user's own, or from a repository, is never asked of the registry by its name
//! alone: a stranger could have published another crate of that name there.
//!
//! What a crate *needs* is in its recipe: the state of `rayon-core` rests on that of
//! `crossbeam-epoch`, so one without the other would be shared by half.

use std::collections::BTreeMap;
use std::path::PathBuf;

use semver::{Comparator, Version, VersionReq};

use super::content::{OUR_CRATES, TOKIO};
use super::error::Error;
use super::left::{Left, Why};
use super::locked::{Choice, Locked, Source};
use super::method::Method;
use super::options::{CrateSpec, ForkOptions};
use crate::project::used::Declared;
use crate::recipe::Recipe;
use crate::upstream::release::compatible;

/// A release that is to be forked.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// The crate.
    pub(super) name: String,
    /// Its release. `None` is the newest that `requirement` allows.
    pub(super) version: Option<Version>,
    /// What the project asks for, where no release is known.
    pub(super) requirement: Option<String>,
    /// The checksum that a lock file has for it, and which file.
    pub(super) checksum: Option<(String, PathBuf)>,
    /// Whether a lock file chose the release.
    pub(super) from_lock: bool,
}

/// What a run is about.
#[derive(Default)]
pub(super) struct Chosen {
    /// What is to be forked.
    pub(super) asked: Vec<Asked>,
    /// What is left as published.
    pub(super) left: Vec<Left>,
}

/// Chooses the releases that are forked.
///
/// `kept` are crates that the project is patched to already, and stays patched to.
///
/// # Errors
///
/// [`Error::Ours`] and [`Error::Recipe`].
pub(super) fn choose(
    options: &ForkOptions,
    locked: &Locked,
    kept: &[CrateSpec],
) -> Result<Chosen, Error> {
    let mut named = options.crates.iter();
    if let Some(ours) = named.find(|spec| OUR_CRATES.contains(&&*spec.name)) {
        return Err(Error::Ours(ours.name.clone()));
    }
    let mut chosen = Chosen::default();
    let mut specs = match options.crates.as_slice() {
        [] => all_of(locked),
        named => with_needed(named.to_vec(), locked)?,
    };
    for spec in kept {
        if !specs.iter().any(|other| other.name == spec.name) {
            specs.push(spec.clone());
        }
    }
    let forced = options.write.as_ref().is_some_and(|write| write.force);
    for spec in without_parts(specs)? {
        chosen.add(&spec, &Method::of(&spec.name)?, locked, forced);
    }
    Ok(chosen)
}

/// What is forked when nothing is named: the locked crates that there are recipes for, or tokio.
fn all_of(locked: &Locked) -> Vec<CrateSpec> {
    let names = Recipe::names().into_iter().filter(|name| locked.has(name));
    let mut specs: Vec<CrateSpec> = names.map(CrateSpec::named).collect();
    if specs.is_empty() {
        specs.push(CrateSpec::named(TOKIO));
    }
    // As the result is read from the top: tokio before the others.
    specs.sort_by_key(|spec| spec.name != TOKIO);
    specs
}

/// The crates that are named, and those of the lock file that their state rests on, directly or
/// through others. They come after the named ones.
fn with_needed(mut specs: Vec<CrateSpec>, locked: &Locked) -> Result<Vec<CrateSpec>, Error> {
    let mut at = 0;
    while at < specs.len() {
        if let Some(recipe) = Recipe::embedded(&specs[at].name) {
            for name in recipe?.needs {
                if locked.has(&name) && specs.iter().all(|spec| spec.name != name) {
                    specs.push(CrateSpec::named(name));
                }
            }
        }
        at += 1;
    }
    Ok(specs)
}

/// The crates without those that come along with others of them in any case. One that was named
/// with a release stays.
fn without_parts(specs: Vec<CrateSpec>) -> Result<Vec<CrateSpec>, Error> {
    let mut parts = Vec::new();
    for spec in &specs {
        parts.extend(Method::of(&spec.name)?.with().to_vec());
    }
    let mut whole: Vec<CrateSpec> = Vec::new();
    for spec in specs {
        let is_part = spec.version.is_none() && parts.contains(&spec.name);
        if !is_part && !whole.contains(&spec) {
            whole.push(spec);
        }
    }
    Ok(whole)
}

impl Chosen {
    /// Adds the releases of one crate.
    fn add(&mut self, spec: &CrateSpec, method: &Method, locked: &Locked, forced: bool) {
        let name = &spec.name;
        let ask = |version: Option<&Version>, requirement: Option<String>| Asked {
            name: name.clone(),
            version: version.cloned(),
            requirement,
            checksum: version.and_then(|version| locked.checksum(name, version)),
            from_lock: false,
        };
        if spec.version.is_some() {
            return self.asked.push(ask(spec.version.as_ref(), None));
        }
        let choices = locked.choices(name);
        if !choices.is_empty() {
            for choice in choices {
                self.add_choice(name, choice, locked, forced);
            }
            return;
        }
        let named = locked
            .project
            .as_ref()
            .and_then(|project| project.project());
        let declared = named.and_then(|(named, _)| named.declared.get(name));
        let git = declared.and_then(|declared| declared.git.clone());
        if locked.is_own(name) {
            self.left.push(Left::new(name, None, Why::Path(Vec::new())));
        } else if let Some(git) = git {
            self.left
                .push(Left::new(name, None, Why::Git(git, Vec::new())));
        } else {
            let default = method.default_version();
            let wanted = declared.map_or(Vec::new(), |declared| releases(declared, default));
            match wanted.is_empty() {
                true => self.asked.push(ask(default, None)),
                false => self.asked.extend(wanted.into_iter().map(|one| match one {
                    None => ask(default, None),
                    requirement => ask(None, requirement),
                })),
            }
        }
    }

    /// Adds a release of a lock file. A patch of the user's own that is to give way does not count.
    fn add_choice(&mut self, name: &str, choice: Choice, locked: &Locked, forced: bool) {
        let version = choice.version;
        let project = locked.project.as_ref();
        let is_patched = || {
            project.is_some_and(|project| project.serving(name, Some(&version)).next().is_some())
        };
        let why = match choice.source {
            Source::CratesIo => None,
            _ if forced && is_patched() => None,
            Source::Path => Some(Why::Path(Vec::new())),
            Source::Git(repository) => Some(Why::Git(repository, Vec::new())),
            Source::Registry(registry) => Some(Why::Registry(registry)),
        };
        match why {
            Some(why) => self.left.push(Left::new(name, Some(&version), why)),
            None => self.asked.push(Asked {
                name: name.to_owned(),
                version: Some(version),
                requirement: None,
                checksum: choice.checksum,
                from_lock: true,
            }),
        }
    }
}

/// The releases that a project without a lock file asks for: a requirement for each that cargo
/// would choose, or `None` where the recipe's `default` is one that the project allows.
///
/// Requirements for releases that are compatible with each other are met by one release.
fn releases(declared: &Declared, default: Option<&Version>) -> Vec<Option<String>> {
    let mut ranges = BTreeMap::<Option<String>, Vec<&str>>::new();
    for requirement in &declared.requirements {
        let parsed = VersionReq::parse(requirement).unwrap_or_default();
        let range = parsed.comparators.first().map(range);
        ranges.entry(range).or_default().push(requirement);
    }
    // What allows everything asks for no release of its own.
    if ranges.len() > 1 {
        ranges.remove(&None);
    }
    let wanted = ranges.into_values().map(|list| {
        let allows = |version: &Version| {
            let mut parsed = list.iter().map(|one| VersionReq::parse(one));
            parsed.all(|one| one.is_ok_and(|one| one.matches(version)))
        };
        (!default.is_some_and(allows)).then(|| list.join(", "))
    });
    wanted.collect()
}

/// What tells ranges of releases apart that are not compatible.
fn range(comparator: &Comparator) -> String {
    let (minor, patch) = (comparator.minor, comparator.patch);
    let lowest = Version::new(comparator.major, minor.unwrap_or(0), patch.unwrap_or(0));
    compatible(&lowest)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    const SUM: &str = "c0ffee";

    /// A folder with a lock file of these packages, without a project.
    fn lock(packages: &[(&str, &str)]) -> (tempfile::TempDir, ForkOptions) {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("Cargo.lock");
        let packages = packages.iter().map(|(name, version)| {
            format!("[[package]]\nname = '{name}'\nversion = '{version}'\nchecksum = '{SUM}'\n")
        });
        fs::write(&path, packages.collect::<String>()).unwrap();
        let options = ForkOptions {
            lockfile: Some(path),
            ..ForkOptions::new(Path::new("forks"))
        };
        (place, options)
    }

    fn asked(named: &[&str], packages: &[(&str, &str)]) -> Vec<String> {
        let (_place, mut options) = lock(packages);
        options.crates = named.iter().map(|name| name.parse().unwrap()).collect();
        let locked = Locked::of(&options).unwrap();
        let chosen = choose(&options, &locked, &[]).unwrap();
        let label = |one: Asked| match one.version {
            Some(version) if one.from_lock => format!("{} {version}", one.name),
            _ => one.name,
        };
        chosen.asked.into_iter().map(label).collect()
    }

    #[test]
    fn without_names_a_lock_file_says_what_is_forked() {
        assert_eq!(asked(&[], &[]), ["tokio"]);
        assert_eq!(
            asked(
                &[],
                &[("log", "0.4.35"), ("serde", "1.0.0"), ("tokio", "1.54.1")]
            ),
            ["tokio 1.54.1", "log 0.4.35"]
        );
        assert_eq!(asked(&[], &[("log", "0.4.35")]), ["log 0.4.35"]);
        // What belongs to another comes with it.
        assert_eq!(
            asked(&[], &[("tokio", "1.54.1"), ("tokio-macros", "2.7.2")]),
            ["tokio 1.54.1"]
        );
    }

    #[test]
    fn all_releases_of_a_crate_are_forked() {
        let two = [("foldhash", "0.2.0"), ("foldhash", "0.1.5")];
        assert_eq!(asked(&[], &two), ["foldhash 0.1.5", "foldhash 0.2.0"]);
        assert_eq!(
            asked(&["foldhash"], &two),
            ["foldhash 0.1.5", "foldhash 0.2.0"]
        );
        assert_eq!(
            asked(&["foldhash@0.1.4", "foldhash@0.2.0"], &[]),
            ["foldhash", "foldhash"]
        );
    }

    #[test]
    fn what_a_crate_rests_on_is_forked_along() {
        assert_eq!(asked(&["rayon-core"], &[]), ["rayon-core"]);
        assert_eq!(
            asked(
                &["rayon-core"],
                &[("crossbeam-epoch", "0.9.0"), ("log", "0.9.0")]
            ),
            ["rayon-core", "crossbeam-epoch 0.9.0"]
        );
    }

    #[test]
    fn without_a_lock_file_the_requirements_count() {
        let wanted = |requirements: &[&str]| {
            let declared = Declared {
                requirements: requirements.iter().map(|&one| one.to_owned()).collect(),
                git: None,
            };
            releases(&declared, Some(&Version::new(1, 54, 1)))
        };
        assert_eq!(wanted(&["^1.20"]), [None]);
        assert_eq!(wanted(&["=1.47.5"]), [Some("=1.47.5".to_owned())]);
        assert_eq!(
            wanted(&["=1.47.5", "^1.4"]),
            [Some("=1.47.5, ^1.4".to_owned())]
        );
        assert_eq!(wanted(&["^0.2.3", "^1"]), [Some("^0.2.3".to_owned()), None]);
        assert_eq!(
            wanted(&["=0.0.3", "=0.0.4"]),
            [Some("=0.0.3".to_owned()), Some("=0.0.4".to_owned())]
        );
        assert_eq!(wanted(&["*"]), [None]);
        assert_eq!(wanted(&["*", "~1.47"]), [Some("~1.47".to_owned())]);
    }
}
