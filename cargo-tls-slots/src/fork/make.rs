//! Makes the forks, step by step.
//!
//! | step | needs | touches |
//! | --- | --- | --- |
//! | decide what is made | lock files, recipes | |
//! | look whether it is there | stamps, and the files they list | |
//! | get the releases | cargo, perhaps the network | cargo's cache |
//! | make all files in memory | | |
//! | write the folders | the lock of the fork folder | the fork folder |
//!
//! A run that fails before the last step has changed nothing. The lock is taken only for that step:
//! a run that waits for the network does not keep others waiting.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use semver::Version;

use super::content;
use super::error::Error;
use super::folder;
use super::forked::{Forked, ForkedCrate, Outcome};
use super::options::ForkOptions;
use super::pins::pins;
use super::plan::{Kind, Plan, plan};
use super::stamp::Stamp;
use crate::by_rule::report::Report;
use crate::source::tree::Tree;
use crate::upstream::release;

/// Makes the forks, or finds that they are there.
///
/// A release comes from cargo, with the configuration that holds in [`ForkOptions::folder`]. With
/// forks that are up to date neither cargo nor the network is used.
///
/// # Errors
///
/// Each variant of [`Error`] is a step that failed. Nothing is written before all of the
/// releases are there and the recipes fit them.
///
/// # Examples
///
/// ```no_run
/// use cargo_tls_slots::fork::{ForkOptions, fork};
///
/// let forked = fork(&ForkOptions::new("target/forks"))?;
/// std::process::Command::new("cargo")
///     .arg("build")
///     .args(forked.cargo_config_args())
///     .status()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn fork(options: &ForkOptions) -> Result<Forked, Error> {
    let result = run(options);
    if result.is_err() {
        options.progress.clear();
    }
    result
}

/// [`fork`], whose caller puts the progress away if it fails.
fn run(options: &ForkOptions) -> Result<Forked, Error> {
    let plans = plan(options)?;
    let out = std::path::absolute(&options.out).map_err(Error::writing(&options.out))?;
    for plan in &plans {
        folder::check_ours(&out.join(&plan.name))?;
    }
    let there = plans.iter().map(|plan| up_to_date(plan, &out));
    if let Some(crates) = there.collect::<Option<Vec<_>>>() {
        return finish(&out, crates);
    }

    let labels: Vec<String> = plans.iter().filter_map(Plan::label).collect();
    let label = labels.join(" and ");
    options.progress.step(&format!("getting {label}"));
    let wanted: Vec<_> = plans.iter().filter_map(Plan::wanted).collect();
    let got = release::get(&wanted, &options.folder, options.offline)?;

    // All in memory: nothing is written before everything fits.
    options.progress.step(&format!("forking {label}"));
    let made = make(&plans, got, &out, options)?;

    fs::create_dir_all(&out).map_err(Error::writing(&out))?;
    let _lock = folder::lock(&out, &options.progress)?;
    let mut crates = Vec::new();
    for (plan, one) in plans.iter().zip(made) {
        let Made {
            tree,
            version,
            checksum,
            pins,
        } = one;
        let stamp = Stamp::new(&plan.name, version.clone(), checksum, pins, &tree);
        let outcome = folder::write(&out, &plan.name, &tree, &stamp)?;
        crates.push(forked_crate(plan, version, out.join(&plan.name), outcome));
    }
    options.progress.done(&format!("forked {label}"));
    finish(&out, crates)
}

/// A crate that is made, in memory.
struct Made {
    tree: Tree,
    version: Version,
    /// Upstream's. Our own crates have none.
    checksum: Option<String>,
    pins: BTreeMap<String, String>,
}

/// Makes what is planned from what cargo `got`: one release for each plan that is not for a crate
/// of ours, in the plans' order.
fn make(
    plans: &[Plan],
    got: Vec<release::Upstream>,
    out: &Path,
    options: &ForkOptions,
) -> Result<Vec<Made>, Error> {
    let mut got = got.into_iter();
    let mut made = Vec::new();
    for plan in plans {
        made.push(match &plan.kind {
            Kind::Ours(_) => {
                let (tree, version) = content::ours(&plan.name)?;
                Made {
                    tree,
                    version,
                    checksum: None,
                    pins: BTreeMap::new(),
                }
            }
            Kind::Upstream(release) => {
                let Some(got) = got.next() else {
                    break;
                };
                release.check(&got)?;
                let pins = pins(release, &got, &out.join(&plan.name), options)?;
                Made {
                    tree: content::forked(&release.method, &got, &pins)?,
                    version: got.version,
                    checksum: Some(got.checksum),
                    pins,
                }
            }
        });
    }
    Ok(made)
}

/// The crate of a plan, if nothing has to be done for it: its folder was made by this command, from
/// the release that is planned, with the dependencies that the lock file has now, and is as it was
/// made.
fn up_to_date(plan: &Plan, out: &Path) -> Option<ForkedCrate> {
    let dir = out.join(&plan.name);
    let stamp = Stamp::read(&dir)?;
    let fits = match &plan.kind {
        Kind::Ours(version) => *version == stamp.version,
        Kind::Upstream(release) => {
            let version = release.version.as_ref();
            let locked = release.locked.as_ref();
            version.is_none_or(|version| *version == stamp.version)
                && locked.is_none_or(|(sum, _)| stamp.checksum.as_ref() == Some(sum))
                && stamp.pins.iter().all(|(name, pinned)| {
                    let locked = release.neighbours.dependencies.get(name);
                    locked.is_none_or(|locked| locked.to_string() == *pinned)
                })
        }
    };
    let fits = fits && stamp.name == plan.name && stamp.holds(&dir);
    fits.then(|| forked_crate(plan, stamp.version, dir, Outcome::UpToDate))
}

/// The result about a crate whose folder is written.
fn forked_crate(plan: &Plan, version: Version, dir: PathBuf, outcome: Outcome) -> ForkedCrate {
    ForkedCrate {
        name: plan.name.clone(),
        version,
        patched: plan.patched,
        outcome,
        report: Report::of(&dir),
        dir,
    }
}

/// The result of a run, with one spelling of each folder, whatever links lead to it: cargo tells
/// packages apart by path.
fn finish(out: &Path, mut crates: Vec<ForkedCrate>) -> Result<Forked, Error> {
    let dir = out.canonicalize().map_err(Error::reading(out))?;
    for one in &mut crates {
        one.dir = dir.join(&one.name);
    }
    Ok(Forked { dir, crates })
}
