//! Gets releases and forks them, in memory.
//!
//! cargo is called once for all releases, and once for all versions that no lock file has chosen.
//! The rest is done on all processors.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use semver::Version;

use super::content::{self, Failed, Needs};
use super::error::Error;
use super::left::{Left, Why};
use super::locked::Locked;
use super::method::Method;
use super::options::ForkOptions;
use super::pins::{self, Pins};
use super::plan::{Group, Ours, Plan, Release};
use super::stamp::Stamp;
use crate::parallel;
use crate::source::tree::Tree;
use crate::upstream::release::{self, Got, Upstream};

/// A crate's folder, in memory.
pub(super) struct Made {
    /// The folder's name.
    pub(super) folder: String,
    /// Whether a project names the crate in `[patch.crates-io]`.
    pub(super) patched: bool,
    /// The folder's files.
    pub(super) tree: Tree,
    /// What the folder says about itself.
    pub(super) stamp: Stamp,
}

impl Made {
    /// A crate of ours.
    ///
    /// # Errors
    ///
    /// [`Error::EditCargoToml`].
    pub(super) fn ours(ours: &Ours) -> Result<Self, Error> {
        let (tree, version) = content::ours(&ours.name)?;
        Ok(Made {
            folder: ours.name.clone(),
            patched: ours.patched,
            stamp: Stamp::new(&ours.name, version, &tree),
            tree,
        })
    }

    /// A fork.
    fn fork(got: &Upstream, patched: bool, needs: Needs, tree: Tree) -> Self {
        let mut stamp = Stamp::new(&got.name, got.version.clone(), &tree);
        stamp.checksum = Some(got.checksum.clone());
        stamp.along = needs.along;
        stamp.pins = needs.pins;
        Made {
            folder: content::folder(&got.name, &got.version),
            patched,
            tree,
            stamp,
        }
    }
}

/// Gets and forks `groups`. Each becomes its folders, or the reason why it is left.
///
/// # Errors
///
/// [`Error::Checksum`], [`Error::Read`], [`Error::Pin`], and [`Error::Upstream`] if cargo
/// cannot be started.
pub(super) fn make(
    groups: &[Group],
    locked: &Locked,
    out: &Path,
    options: &ForkOptions,
) -> Result<Vec<Result<Vec<Made>, Left>>, Error> {
    if groups.is_empty() {
        return Ok(Vec::new());
    }
    let label = Plan::label(groups);
    options.progress.step(&format!("getting {label}"));
    let got = get(groups, locked, options)?;

    if got.iter().any(Result::is_ok) {
        options.progress.step(&format!("forking {label}"));
    }
    let mut pins = Vec::new();
    for (releases, group) in got.iter().zip(groups) {
        for (got, release) in releases.iter().flatten().zip(group.releases()) {
            release.check(got)?;
            let folder = out.join(content::folder(&got.name, &got.version));
            let of_release = Pins::of(release, got, &folder, &options.pins)?;
            for moved in &of_release.moved {
                options.progress.line(moved);
            }
            pins.push(of_release);
        }
    }
    let mut pins = pins::resolved(pins, &options.folder, options.offline)?.into_iter();

    let mut jobs: Vec<Job<'_>> = Vec::new();
    for (releases, group) in got.iter().zip(groups) {
        let releases = releases.as_deref().unwrap_or_default();
        let along = releases.iter().skip(1);
        let along: BTreeMap<String, Version> = along
            .map(|one| (one.name.clone(), one.version.clone()))
            .collect();
        for (index, (got, release)) in releases.iter().zip(group.releases()).enumerate() {
            jobs.push(Job {
                got,
                release,
                is_root: index == 0,
                needs: Needs {
                    pins: pins.next().unwrap_or_default(),
                    along: if index == 0 {
                        along.clone()
                    } else {
                        BTreeMap::new()
                    },
                },
            });
        }
    }
    let mut made = parallel::map(jobs, Job::run).into_iter();
    let of_group = |releases: Result<Vec<Upstream>, Left>| {
        let releases = match releases {
            Ok(releases) => releases,
            Err(left) => return Ok(Err(left)),
        };
        // All of its results are taken, whatever the first of them is.
        let results: Vec<_> = made.by_ref().take(releases.len()).collect();
        let mut all = Vec::new();
        for result in results {
            match result {
                Ok(made) => all.push(made),
                Err(Trouble::Left(left)) => return Ok(Err(*left)),
                Err(Trouble::Error(error)) => return Err(error),
            }
        }
        Ok(Ok(all))
    };
    got.into_iter().map(of_group).collect()
}

/// Asks cargo for the releases of all groups. Each group's are in its own order.
fn get(
    groups: &[Group],
    locked: &Locked,
    options: &ForkOptions,
) -> Result<Vec<Result<Vec<Upstream>, Left>>, Error> {
    let mut wanted = Vec::new();
    let mut group_of = Vec::new();
    for (index, group) in groups.iter().enumerate() {
        let root = wanted.len();
        for (at, release) in group.releases().enumerate() {
            wanted.push(release.wanted((at > 0).then_some(root)));
            group_of.push(index);
        }
    }
    let Got { mut found, failed } =
        release::get(&wanted, &locked.all(), &options.folder, options.offline)?;
    found.sort_by_key(|(place, _)| *place);
    let mut results: Vec<Result<Vec<Upstream>, Left>> = vec![Ok(Vec::new()); groups.len()];
    for (place, release) in found {
        if let Ok(list) = &mut results[group_of[place]] {
            list.push(release);
        }
    }
    for (places, error) in failed {
        let why = Why::Unreachable(Arc::new(error));
        for place in places {
            let root = &groups[group_of[place]].release;
            results[group_of[place]] =
                Err(Left::new(&root.name, root.version.as_ref(), why.clone()));
        }
    }
    Ok(results)
}

/// One release to be forked in memory.
struct Job<'a> {
    got: &'a Upstream,
    release: &'a Release,
    /// Whether it is a release that was asked for, and not one along it.
    is_root: bool,
    needs: Needs,
}

/// Why there is no fork of a release.
enum Trouble {
    Left(Box<Left>),
    Error(Error),
}

impl Job<'_> {
    /// Forks the release.
    fn run(self) -> Result<Made, Trouble> {
        let Job { got, release, .. } = self;
        match content::forked(&release.method, got, &self.needs) {
            Ok(tree) => Ok(Made::fork(got, self.is_root, self.needs, tree)),
            Err(Failed::Error(error)) => Err(Trouble::Error(error)),
            Err(Failed::Misfit(problems)) => {
                let problems = problems.iter().map(ToString::to_string).collect();
                let why = match release.method {
                    Method::Recipe(_) => Why::Unfit(problems),
                    Method::Rule => Why::Unforkable(problems),
                };
                Err(Trouble::Left(Box::new(release.left(&got.version, why))))
            }
        }
    }
}
