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

use std::path::Path;

use super::choose::choose;
use super::content::{self, OUR_CRATES, TOKIO};
use super::error::Error;
use super::known_left::KnownLeft;
use super::left::Left;
use super::locked::Locked;
use super::options::ForkOptions;
use super::plan::{Group, Plan};
use super::stamp::Stamp;
use super::target::{Patch, Target};
use super::there;
use crate::cargo_toml::path::without_dots;
use crate::parallel;

/// Says in a sentence each what [`fork`](super::fork) would change. Nothing is written.
///
/// With [`ForkOptions::crates`], only these crates must be forked; the patches that are there are
/// looked at in any case.
///
/// # Errors
///
/// [`Error::Lock`], [`Error::Read`] and [`Error::EditCargoToml`] for files that cannot be read.
pub fn check(options: &ForkOptions) -> Result<Vec<String>, Error> {
    let locked = Locked::of(options)?;
    let out = std::path::absolute(&options.out).map_err(Error::reading(&options.out))?;
    if locked.is_empty() {
        return Ok(vec![
            "there is no Cargo.lock to compare the forks with; cargo makes one at the first build"
                .to_owned(),
        ]);
    }
    let mut problems = Vec::new();
    if let Some(project) = &locked.project {
        let ours = project.patches.iter().filter(|patch| patch.ours.is_some());
        let of_patches = parallel::map(ours.collect(), |patch| patch_problem(patch, &locked));
        problems.extend(of_patches.into_iter().flatten());
    }
    let chosen = choose(options, &locked, &[])?;
    let mut plan = Plan::of(chosen, &options.crates, &locked)?;
    plan.leave_known(&KnownLeft::read(&out));
    let is_named = |name: &str| options.crates.iter().any(|spec| spec.name == name);
    plan.groups
        .retain(|group| locked.has(&group.release.name) || is_named(&group.release.name));
    let project = locked.project.as_ref();
    let of_forks = parallel::map(plan.groups, |group| fork_problem(&group, project, &out));
    problems.extend(of_forks.into_iter().flatten());
    let must_fit = |one: &&Left| {
        !one.is_harmless() && (options.strict || one.name == TOKIO || is_named(&one.name))
    };
    problems.extend(plan.left.iter().filter(must_fit).map(Left::problem));
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

/// What is wrong with the fork of a release that the lock file holds.
fn fork_problem(group: &Group, project: Option<&Target>, out: &Path) -> Option<String> {
    let name = &group.release.name;
    let label = Plan::label(std::slice::from_ref(group));
    let Some(crates) = there::group(group, &[], out) else {
        let version = group.release.version.as_ref()?;
        let folder = out.join(content::folder(name, version));
        return Some(match folder.exists() {
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
