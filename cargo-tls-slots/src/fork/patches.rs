//! The patch lines of a project: which stay, which are new, and which go.
//!
//! After a run, the lines of ours are those that the project uses, all of them into one fork
//! folder. So a run makes what the project is patched to already too, in the folder of this run,
//! and a line that nothing uses any more goes: cargo would warn of it at each build. Lines of the
//! user's own stay, and so do the releases that they serve.

use std::fs;
use std::path::Path;

use semver::Version;

use super::content::OUR_CRATES;
use super::error::Error;
use super::forked::{Forked, ForkedCrate};
use super::left::{Left, Why};
use super::locked::Locked;
use super::options::{CrateSpec, ForkOptions};
use super::plan::{Plan, Release};
use super::target::{Patch, Target};
use crate::cargo_toml::users::{self, PatchLine};
use crate::replace_file::replace_file;
use crate::upstream::release::compatible;

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

/// Takes the releases out of a plan that a patch of the user's own serves: they are left, unless
/// such patches are to give way.
///
/// # Errors
///
/// [`Error::Taken`] with all such lines, if they are in the way: of a crate that was `named`, of a
/// crate of ours, or of all that there is to fork. [`Error::Twice`].
pub(super) fn leave_taken(
    target: &Target,
    plan: &mut Plan,
    options: &ForkOptions,
) -> Result<(), Error> {
    check_single(target, plan, &options.out)?;
    if options.write.as_ref().is_some_and(|write| write.force) {
        return Ok(());
    }
    let named = &options.crates;
    let is_named = |name: &str| named.iter().any(|spec| spec.name == name);
    let (mut left, mut taken) = (Vec::new(), Vec::new());
    let text = |line: &PatchLine| line.text.clone();
    for group in std::mem::take(&mut plan.groups) {
        let Release { name, version, .. } = &group.release;
        let lines = target.serving(name, version.as_ref());
        let lines: Vec<String> = lines.map(text).collect();
        match lines.first() {
            None => plan.groups.push(group),
            Some(_) if is_named(name) => taken.extend(lines),
            Some(line) => {
                let why = Why::Patched(line.clone(), Vec::new());
                left.push(Left::new(name, version.as_ref(), why));
            }
        }
    }
    for one in &mut plan.left {
        let (Why::Path(state) | Why::Git(_, state)) = &one.why else {
            continue;
        };
        let mut lines = target.serving(&one.name, one.version.as_ref());
        match lines.next() {
            None => {}
            Some(line) if is_named(&one.name) => taken.push(text(line)),
            Some(line) => one.why = Why::Patched(text(line), state.clone()),
        }
    }
    plan.left.append(&mut left);
    for ours in &plan.ours {
        if target.uses(&ours.name, &ours.version) {
            taken.extend(target.serving(&ours.name, None).map(text));
        }
    }
    if plan.groups.is_empty() {
        taken.extend(plan.left.iter().filter_map(|one| match &one.why {
            Why::Patched(line, _) => Some(line.clone()),
            _ => None,
        }));
    }
    match taken.is_empty() {
        true => Ok(()),
        false => Err(Error::Taken {
            cargo_toml: target.cargo_toml.clone(),
            lines: taken,
        }),
    }
}

/// Sees to it that a project has no crate of its own that the forks bring along from another
/// folder.
fn check_single(target: &Target, plan: &Plan, out: &Path) -> Result<(), Error> {
    let Some((named, _)) = target.project() else {
        return Ok(());
    };
    let here = |folder: &Path| folder.canonicalize().ok();
    for ours in &plan.ours {
        let twice = named.own(&ours.name).find(|own| {
            own.version.as_ref() == Some(&ours.version)
                && here(&own.folder) != here(&out.join(&ours.name))
        });
        if let Some(own) = twice {
            return Err(Error::Twice {
                cargo_toml: target.cargo_toml.clone(),
                package: format!("{} {}", ours.name, ours.version),
                folder: own.folder.clone(),
            });
        }
    }
    Ok(())
}

/// Puts the patches to `forked` into the project's `Cargo.toml`, with paths relative to it, and
/// returns whether the file had to be changed.
///
/// # Errors
///
/// [`Error::EditCargoToml`] or [`Error::Write`].
pub(super) fn write(target: &Target, forked: &Forked, named: &[CrateSpec]) -> Result<bool, Error> {
    let is_named = |one: &ForkedCrate| named.iter().any(|spec| spec.name == one.name);
    let mut new = forked.lines(|one| is_named(one) || target.uses(&one.name, &one.version));
    let is_replaced = |line: &PatchLine| {
        let mut crates = forked.crates.iter().filter(|one| one.patched);
        crates.any(|one| {
            let mut serving = target.serving(&one.name, Some(&one.version));
            new.iter().any(|new| new.path == one.dir) && serving.any(|other| other == line)
        })
    };
    let (old, stay): (Vec<&Patch>, Vec<&Patch>) =
        (target.patches.iter()).partition(|patch| patch.ours.is_some() || is_replaced(&patch.line));
    let old: Vec<String> = old.iter().map(|patch| patch.line.key.clone()).collect();
    for line in &mut new {
        // The user's own line for another release has the crate's name.
        if stay.iter().any(|patch| patch.line.key == line.key)
            && let Some(one) = forked.crates.iter().find(|one| one.dir == line.path)
        {
            let range = compatible(&one.version).replace('.', "_");
            line.key = format!("{}_{range}", line.package);
        }
    }
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
