//! Whether a lock file, the patch lines and the forks are in step, for a CI job or a build script.
//!
//! The question must be answered without a network and in a moment, so cargo resolves nothing and
//! no source is read but those of the forks.
//!
//! | out of step | found by |
//! | --- | --- |
//! | a patch leads to a folder that is missing, changed, or of another command | the stamp |
//! | a patch is not used | `[[patch.unused]]`, or the lock file does not hold the crate |
//! | a patch is to another release than the lock file holds | the lock file |
//! | a crate with a recipe is neither forked nor known to be left | the lock file, the fork folder |
//! | a fork is not patched in | the patch lines |
//! | patches lead into several folders of forks | the patch lines |
//! | a crate of ours beside the forks is missing or changed | the stamp |
//! | a crate that was named is not there at all | the lock file, the fork folder |

use std::path::{Path, PathBuf};

use super::choose::choose;
use super::content::{self, OUR_CRATES, TOKIO};
use super::error::Error;
use super::known_left::KnownLeft;
use super::left::Left;
use super::locked::Locked;
use super::options::ForkOptions;
use super::plan::{Group, Ours, Plan};
use super::stamp::Stamp;
use super::target::{Patch, Target};
use super::there;
use crate::cargo_toml::path::without_dots;
use crate::parallel;

/// Something that is out of step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutOfStep {
    /// A sentence.
    pub says: String,
    /// Whether `fork --write` helps.
    pub write_helps: bool,
}

impl OutOfStep {
    /// What `fork --write` puts right.
    fn to_write(says: String) -> Self {
        OutOfStep {
            says,
            write_helps: true,
        }
    }

    /// What the user must put right in another way.
    fn to_think(says: String) -> Self {
        OutOfStep {
            says,
            write_helps: false,
        }
    }
}

/// Says in a sentence each what is out of step. Nothing is written.
///
/// With [`ForkOptions::crates`], only these crates must be forked; the patches that are there are
/// looked at in any case.
///
/// # Errors
///
/// [`Error::Lock`], [`Error::Read`] and [`Error::EditCargoToml`] for files that cannot be read.
pub fn check(options: &ForkOptions) -> Result<Vec<OutOfStep>, Error> {
    let locked = Locked::of(options)?;
    let out = std::path::absolute(&options.out).map_err(Error::reading(&options.out))?;
    if locked.is_empty() {
        let says =
            "there is no Cargo.lock to compare the forks with; cargo makes one at the first build";
        return Ok(vec![OutOfStep::to_think(says.to_owned())]);
    }
    let mut problems = Vec::new();
    if let Some(project) = &locked.project {
        let ours = project.patches.iter().filter(|patch| patch.ours.is_some());
        let of_patches = parallel::map(ours.collect(), |patch| {
            patch_problem(patch, &locked).or_else(|| elsewhere(patch, &out))
        });
        let of_patches = of_patches.into_iter().flatten();
        problems.extend(of_patches.map(OutOfStep::to_write));
    }
    let chosen = choose(options, &locked, &[])?;
    let mut plan = Plan::of(chosen, &options.crates, &locked)?;
    plan.leave_known(&KnownLeft::read(&out));
    let is_named = |name: &str| options.crates.iter().any(|spec| spec.name == name);
    plan.groups
        .retain(|group| locked.has(&group.release.name) || is_named(&group.release.name));
    let project = locked.project.as_ref();
    let has_forks = plan.groups.iter().any(|group| is_there(group, &out));
    let is_nowhere = |group: &Group| {
        let release = &group.release;
        release.version.is_none() && !locked.has(&release.name)
    };
    let of_forks = parallel::map(plan.groups, |group| {
        let says = fork_problem(&group, project, &out)?;
        Some(match is_nowhere(&group) && !is_there(&group, &out) {
            true => OutOfStep::to_think(format!("{says}, and Cargo.lock does not hold it")),
            false => OutOfStep::to_write(says),
        })
    });
    problems.extend(of_forks.into_iter().flatten());
    if has_forks {
        let of_ours = parallel::map(plan.ours, |ours| ours_problem(&ours, project, &out));
        let of_ours = of_ours.into_iter().flatten();
        problems.extend(of_ours.map(OutOfStep::to_write));
    }
    let must_fit = |one: &&Left| {
        !one.is_harmless() && (options.strict || one.name == TOKIO || is_named(&one.name))
    };
    let left = plan.left.iter().filter(must_fit).map(Left::problem);
    problems.extend(left.map(OutOfStep::to_think));
    Ok(problems)
}

/// What is wrong with a patch of ours.
fn patch_problem(patch: &Patch, locked: &Locked) -> Option<String> {
    let name = &patch.line.package;
    let folder = without_dots(patch.line.path.as_ref()?);
    let shown = folder.display();
    let Some(stamp) = Stamp::read(&folder) else {
        return Some(format!(
            "{name} is patched to {shown}, where there is no fork"
        ));
    };
    if !stamp.is_of_this_command() {
        return Some(format!(
            "{shown} was made by another version of this command"
        ));
    }
    if !stamp.holds(&folder) {
        return Some(format!("{shown} is not as `fork` has written it"));
    }
    let version = &stamp.version;
    if locked.is_unused(name, version) {
        return Some(format!(
            "the patch of {name} {version} is not used: the project does not allow this release, \
             or does not depend on {name}"
        ));
    }
    if OUR_CRATES.contains(&&**name) {
        return None;
    }
    let releases = locked.choices(name);
    if releases.iter().any(|one| one.version == *version) {
        return None;
    }
    Some(match releases.last() {
        None => format!("{name} is patched, and Cargo.lock does not hold it"),
        Some(other) => format!(
            "{name} is patched to the fork of {version}, and Cargo.lock holds {}",
            other.version
        ),
    })
}

/// What is wrong with a patch of ours that is in order itself, beside the others: it leads into
/// another folder than `out`.
fn elsewhere(patch: &Patch, out: &Path) -> Option<String> {
    let folder = without_dots(patch.line.path.as_ref()?.parent()?);
    (real(&folder) != real(out)).then(|| {
        format!(
            "{} is patched to a fork in {}, and the forks that are looked at are in {}",
            patch.line.package,
            folder.display(),
            out.display()
        )
    })
}

/// A folder by the path without links, if it is there.
fn real(folder: &Path) -> PathBuf {
    let plain = || without_dots(folder);
    folder.canonicalize().unwrap_or_else(|_| plain())
}

/// Whether there is a folder for a release that is looked for.
fn is_there(group: &Group, out: &Path) -> bool {
    let release = &group.release;
    match &release.version {
        Some(version) => out.join(content::folder(&release.name, version)).exists(),
        None => there::newest(release, out).is_some(),
    }
}

/// What is wrong with a crate of ours that lies beside the forks. What a patch leads to has been
/// looked at already.
fn ours_problem(ours: &Ours, project: Option<&Target>, out: &Path) -> Option<String> {
    let folder = out.join(&ours.name);
    let is_it = |patch: &Patch| {
        let path = patch.line.path.as_ref();
        path.is_some_and(|path| real(path) == real(&folder))
    };
    if project.is_some_and(|project| project.patches.iter().any(is_it))
        || there::ours(ours, out).is_some()
    {
        return None;
    }
    let shown = folder.display();
    Some(match folder.exists() {
        true => format!("{shown} is not as `fork` has written it"),
        false => format!("the forks need {}, and there is no {shown}", ours.name),
    })
}

/// What is wrong with the fork of a release that the lock file holds.
fn fork_problem(group: &Group, project: Option<&Target>, out: &Path) -> Option<String> {
    let name = &group.release.name;
    let label = Plan::label(std::slice::from_ref(group));
    let Some(crates) = there::group(group, &[], out) else {
        return Some(match is_there(group, out) {
            true => format!("the fork of {label} is not up to date"),
            false => format!("{label} is not forked"),
        });
    };
    let fork = crates.first()?;
    let is_it =
        |patch: &Patch| patch.line.package == *name && patch.ours.as_ref() == Some(&fork.version);
    match project {
        Some(project) if !project.patches.iter().any(is_it) => Some(format!(
            "{} is forked, and {} does not patch it",
            group.labels()[0],
            project.cargo_toml.display()
        )),
        _ => None,
    }
}
