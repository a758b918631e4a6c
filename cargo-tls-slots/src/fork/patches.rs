//! The patch lines of a project: which stay, which are new, and which go.
//!
//! After a run, the lines of ours are those that the project uses, all of them into one fork
//! folder. So a run makes what the project is patched to already too, in the folder of this run,
//! and a line that nothing uses any more goes: cargo would warn of it at each build. Lines of the
//! user's own stay.

use std::fs;

use semver::Version;

use super::content::OUR_CRATES;
use super::error::Error;
use super::forked::{Forked, ForkedCrate};
use super::left::{Left, Why};
use super::locked::Locked;
use super::options::CrateSpec;
use super::plan::Plan;
use super::target::Target;
use crate::cargo_toml::users;
use crate::replace_file::replace_file;

/// The upstream crates that a project is patched to, and still uses.
pub(super) fn kept(target: &Target, locked: &Locked) -> Vec<CrateSpec> {
    let mut kept: Vec<CrateSpec> = Vec::new();
    for patch in &target.patches {
        let (name, Some(version)) = (&patch.line.package, &patch.ours) else {
            continue;
        };
        let spec = match locked.has(name) {
            // The releases that the lock file holds now.
            true => CrateSpec::named(name),
            false if target.uses(name, version) => CrateSpec {
                name: name.clone(),
                version: (*version != Version::new(0, 0, 0)).then(|| version.clone()),
            },
            false => continue,
        };
        if !OUR_CRATES.contains(&&**name) && !kept.contains(&spec) {
            kept.push(spec);
        }
    }
    kept
}

/// Sees to it that no line of the user's own patches a crate of the plan.
///
/// # Errors
///
/// [`Error::Taken`] with all such lines.
pub(super) fn check_free(target: &Target, plan: &Plan) -> Result<(), Error> {
    let from_elsewhere = |one: &&Left| matches!(one.why, Why::Path(_) | Why::Git(..));
    let left = plan.left.iter().filter(from_elsewhere);
    let ours = plan
        .ours
        .iter()
        .filter(|one| target.uses(&one.name, &one.version));
    let names: Vec<&str> = plan
        .groups
        .iter()
        .map(|group| &*group.release.name)
        .chain(left.map(|one| &*one.name))
        .chain(ours.map(|one| &*one.name))
        .collect();
    let taken = target
        .foreign()
        .filter(|line| names.contains(&&*line.package));
    let lines: Vec<String> = taken.map(|line| line.text.clone()).collect();
    match lines.is_empty() {
        true => Ok(()),
        false => Err(Error::Taken {
            cargo_toml: target.cargo_toml.clone(),
            lines,
        }),
    }
}

/// Puts the patches to `forked` into the project's `Cargo.toml`, with paths relative to it, and
/// returns whether the file had to be changed.
///
/// # Errors
///
/// [`Error::EditCargoToml`] or [`Error::Write`].
pub(super) fn write(target: &Target, forked: &Forked, named: &[CrateSpec]) -> Result<bool, Error> {
    let is_named = |one: &ForkedCrate| named.iter().any(|spec| spec.name == one.name);
    let new = forked.lines(|one| is_named(one) || target.uses(&one.name, &one.version));
    let is_replaced = |package: &str| new.iter().any(|line| line.package == package);
    let old = target.patches.iter();
    let old = old.filter(|patch| patch.ours.is_some() || is_replaced(&patch.line.package));
    let old: Vec<String> = old.map(|patch| patch.line.key.clone()).collect();
    let text = users::patch(&target.text, &target.folder, &old, &new)
        .map_err(|reason| Error::EditCargoToml(target.cargo_toml.clone(), reason))?;
    if text == target.text {
        return Ok(false);
    }
    let writing = Error::writing(&target.cargo_toml);
    let file = fs::canonicalize(&target.cargo_toml).map_err(&writing)?;
    replace_file(&file, text.as_bytes()).map_err(writing)?;
    Ok(true)
}
