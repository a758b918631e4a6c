//! Whether the unit tests of a release pass on its fork.
//!
//! The tests are those that upstream has published with the release. Each test program links the
//! host's half, so it is its own host and the sharing is on. A published package need not hold what
//! its tests use. So a failure counts only if the same test passes on the untouched release.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::choose::Release;
use super::options::Options;
use super::place::{Place, upstream_folder};
use crate::cargo_toml::read;
use crate::causes::with_causes;
use crate::conformance::options::Context;
use crate::conformance::outcome::Outcome;
use crate::conformance::suite::{self, Suite};
use crate::conformance::suites::{self, Package};
use crate::conformance::work;
use crate::fork::Forked;
use crate::release_table::Answer;

/// How many names of tests are quoted.
const QUOTED: usize = 3;

/// Runs the unit tests of the fork.
///
/// # Errors
///
/// If something fails that says nothing about the fork.
pub(super) fn answer(
    options: &Options,
    release: &Release,
    place: &Place,
    forked: &Forked,
) -> Result<Answer, String> {
    let hosted = self_hosted(release, place, forked)?;
    let fork = run(options, release, place, &hosted, true);
    let (passed, failed) = match &fork {
        Ok(outcomes) => {
            let failed = outcomes.iter().filter(|(_, outcome)| outcome.is_failure());
            let failed: Vec<&str> = failed.map(|(name, _)| name.as_str()).collect();
            (
                outcomes
                    .values()
                    .filter(|one| **one == Outcome::Passed)
                    .count(),
                failed,
            )
        }
        Err(_) => (0, Vec::new()),
    };
    if fork.is_ok() && failed.is_empty() {
        return Ok(match passed {
            0 => Answer::None("the package has no unit tests".to_owned()),
            _ => Answer::Yes(format!("{passed} passed")),
        });
    }
    let untouched = place.folder.join("untouched");
    let patches = [(release.recipe.name.as_str(), ".")];
    work::copy_to_test(
        &upstream_folder(options, release)?,
        &untouched,
        &patches,
        |_, _| None,
    )
    .map_err(|error| with_causes(&error))?;
    let Ok(upstream) = run(options, release, place, &untouched, false) else {
        return Ok(Answer::None(
            "the package's tests do not compile, upstream's neither".to_owned(),
        ));
    };
    if let Err(why) = fork {
        return Ok(Answer::No(why));
    }
    let same = |name: &&str| upstream.get(*name).is_some_and(Outcome::is_failure);
    let (same, new): (Vec<&str>, Vec<&str>) = failed.into_iter().partition(same);
    Ok(match new.is_empty() {
        true => Answer::Yes(format!("{passed} passed, {} fail upstream too", same.len())),
        false => {
            let names = new
                .iter()
                .take(QUOTED)
                .copied()
                .collect::<Vec<_>>()
                .join(", ");
            Answer::No(format!("{passed} passed, {} failed: {names}", new.len()))
        }
    })
}

/// A copy of the forks in which the crate links the host's half. Returns the crate's folder.
fn self_hosted(release: &Release, place: &Place, forked: &Forked) -> Result<PathBuf, String> {
    let name = &release.recipe.name;
    let tree = place.folder.join("self-hosted");
    let mut folder = None;
    for one in &forked.crates {
        let to = tree.join(one.folder());
        let copied = match one.name == *name {
            false => work::copy(&one.dir, &to, |_, _| None),
            true => {
                let root = root(&one.dir);
                let copied = work::copy_to_test(&one.dir, &to, &[(name, ".")], |path, text| {
                    if path == Path::new("Cargo.toml") {
                        let slots = "[dependencies.tls-slots]\npath = \"../tls-slots\"\n";
                        Some(format!("{text}\n{slots}"))
                    } else {
                        (path == root).then(|| format!("{text}\nextern crate tls_slots as _;\n"))
                    }
                });
                folder = Some(to);
                copied
            }
        };
        copied.map_err(|error| with_causes(&error))?;
    }
    folder.ok_or_else(|| format!("{name} is not among its forks"))
}

/// The path of a package's root, inside of its folder.
fn root(package: &Path) -> PathBuf {
    let text = std::fs::read_to_string(package.join("Cargo.toml")).unwrap_or_default();
    let table: toml::Table = text.parse().unwrap_or_default();
    PathBuf::from(read::library_root(&table))
}

/// Builds and runs the unit tests in `folder`.
fn run(
    options: &Options,
    release: &Release,
    place: &Place,
    folder: &Path,
    shares: bool,
) -> Result<BTreeMap<String, Outcome>, String> {
    let context = Context {
        jobs: 1,
        offline: options.offline,
        progress: options.progress.clone(),
        logs: place.folder.join("logs"),
    };
    let record = release
        .recipe
        .record
        .as_ref()
        .and_then(|record| record.feature.clone());
    let mut features: Vec<String> = record.filter(|_| shares).into_iter().collect();
    if release.recipe.name == "tokio" {
        features.push(suite::FEATURES.to_owned());
    }
    let package = Package {
        folder,
        features: &features.join(","),
        target: place.target.clone(),
        name: format!("tests-{}", if shares { "fork" } else { "upstream" }),
    };
    let tests = suites::run(&context, Suite::Lib, &package, &[]);
    Ok(tests.map_err(|error| with_causes(&error))?.outcomes)
}
