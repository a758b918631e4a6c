//! Tries one release.

use std::fs;

use super::choose::Release;
use super::compile;
use super::options::Options;
use super::own_tests;
use super::place::Place;
use super::tried::Tried;
use crate::causes::with_causes;
use crate::fork::{self, CrateSpec, ForkOptions, Forked, Left, Why};
use crate::release_table::{Answer, Facts};
use crate::upstream::lockfile::CRATES_IO;
use crate::upstream::release::locked_text;

/// Forks the release, compiles it, and runs its tests, as far as the options want that and the step
/// before has succeeded. `facts` is what is known of it.
pub(super) fn attempt(options: &Options, release: &Release, place: &Place, facts: Facts) -> Tried {
    let mut tried = Tried {
        name: release.recipe.name.clone(),
        version: release.version.clone(),
        facts,
        along: Vec::new(),
        trouble: None,
    };
    tried.facts.lockfile |= release.lockfile;
    let old = tried.facts.clone();
    if let Err(why) = steps(options, release, place, &mut tried) {
        tried.facts = old;
        tried.trouble = Some(why);
    }
    tried
}

/// The steps of [`attempt`]. An error is something that says nothing about the release.
fn steps(
    options: &Options,
    release: &Release,
    place: &Place,
    tried: &mut Tried,
) -> Result<(), String> {
    let facts = &mut tried.facts;
    if let Some(reason) = release.recipe.stateless(&release.version) {
        *facts = Facts {
            checksum: release.checksum.clone().unwrap_or_default(),
            lockfile: facts.lockfile,
            forks: Answer::None(reason.to_owned()),
            ..Facts::default()
        };
        return Ok(());
    }
    let forked = match forked(options, release, place) {
        Ok(forked) => forked,
        Err(fork::Error::Left(left)) => {
            if let Some(Why::Unreachable(error)) = left.first().map(|left| &left.why) {
                return Err(with_causes(&**error));
            }
            // What was found earlier was about another recipe.
            *facts = Facts {
                checksum: release.checksum.clone().unwrap_or_default(),
                lockfile: facts.lockfile,
                forks: Answer::No(
                    left.iter()
                        .flat_map(problems)
                        .collect::<Vec<_>>()
                        .join("; "),
                ),
                ..Facts::default()
            };
            return Ok(());
        }
        Err(error) => return Err(with_causes(&error)),
    };
    facts.forks = Answer::yes();
    let along = |name: &String| release.recipe.with.contains(name);
    for one in &forked.crates {
        let (name, version) = (one.name.clone(), one.version.clone());
        let checksum = one.checksum.clone().unwrap_or_default();
        if name == release.recipe.name {
            facts.checksum = checksum;
        } else if along(&name) {
            facts.with.insert(name.clone(), version.clone());
            tried.along.push((name, version, checksum));
        }
    }
    if options.compile {
        facts.compiles = compile::answer(options, release, place, &forked)?;
    }
    if options.own_tests {
        facts.own_tests = own_tests::answer(options, release, place, &forked)?;
    }
    Ok(())
}

/// What does not fit: each place, and what is wrong there.
fn problems(left: &Left) -> Vec<String> {
    match &left.why {
        Why::Unfit(problems) => problems.clone(),
        _ => vec![left.to_string()],
    }
}

/// Forks the release into the work folder.
///
/// The lock file of the run holds this release and nothing else: cargo gets a release that was
/// yanked only if a lock file holds it, and no project around the current folder has a say.
fn forked(options: &Options, release: &Release, place: &Place) -> Result<Forked, fork::Error> {
    let name = &release.recipe.name;
    let lock = place.folder.join("Cargo.lock");
    let mut text = String::from("version = 4\n");
    if let Some(checksum) = &release.checksum {
        text += &locked_text(name, &release.version, CRATES_IO, checksum, &[]);
    }
    fs::create_dir_all(&place.folder)
        .and_then(|()| fs::write(&lock, text))
        .map_err(|error| fork::Error::Write(lock.clone(), error))?;
    fork::fork(&ForkOptions {
        crates: vec![CrateSpec {
            name: name.clone(),
            // The lock file says it, and the checksum too.
            version: release.checksum.is_none().then(|| release.version.clone()),
        }],
        lockfile: Some(lock),
        offline: options.offline,
        ..ForkOptions::new(&place.forks)
    })
}
