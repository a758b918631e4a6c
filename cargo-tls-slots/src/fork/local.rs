//! The state of crates that a fork does not reach: those of the user's own, and those from a
//! repository.
//!
//! A patch replaces crates of a registry only. The text of these crates is the user's to change,
//! and the change is small: a static becomes `tls_keys::process_local!`. So the user is told which
//! statics, by the same search that forks crates without a recipe.

use std::path::Path;

use cargo_metadata::{Metadata, MetadataCommand};
use semver::Version;

use super::content;
use super::left::{Left, Why};
use super::target::Target;
use crate::by_rule::report::{Sharing, State};
use crate::source::tree::Tree;
use crate::{by_rule, cargo};

/// Adds to what is left of such crates their state, if their sources are on this machine.
pub(super) fn add_state(left: &mut [Left], project: &Target) {
    let mut resolved = None;
    for one in left {
        let (Why::Path(state) | Why::Git(_, state) | Why::Patched(_, state)) = &mut one.why else {
            continue;
        };
        let named = project.project();
        let own = named.and_then(|(named, _)| {
            let mut own = named.own(&one.name);
            own.find(|own| one.version.is_none() || own.version == one.version)
        });
        let own = own.map(|own| own.folder.clone());
        let elsewhere = || {
            let metadata = resolved.get_or_insert_with(|| resolve(project)).as_ref();
            let packages = &metadata?.packages;
            let mut fits = packages.iter().filter(|package| {
                package.name == one.name
                    && one.version.as_ref().is_none_or(|it| *it == package.version)
            });
            let folder = fits.find_map(|package| package.manifest_path.parent())?;
            Some(folder.as_std_path().to_owned())
        };
        if let Some(folder) = own.or_else(elsewhere) {
            *state = state_in(&one.name, &folder);
        }
    }
}

/// The packages of a project as cargo knows them now. `None` if that needs the network, or would
/// change the lock file.
fn resolve(project: &Target) -> Option<Metadata> {
    let args = ["metadata", "--offline", "--locked", "--format-version", "1"];
    let output = cargo::command(&project.folder).args(args).output().ok()?;
    MetadataCommand::parse(String::from_utf8(output.stdout).ok()?).ok()
}

/// The state of the crate `name` in a folder: what would be shared by rule, and what could not be.
/// Nothing if its sources cannot be read.
fn state_in(name: &str, folder: &Path) -> Vec<State> {
    let mut tree = Tree::new();
    if content::read_tree(folder, "", &mut tree).is_err() {
        return Vec::new();
    }
    let version = Version::new(0, 0, 0);
    let Ok(report) = by_rule::apply::apply(name, &version, &mut tree) else {
        return Vec::new();
    };
    let is_state = |state: &State| state.sharing != Sharing::Stays;
    let mut states: Vec<State> = report.states.into_iter().filter(is_state).collect();
    for state in &mut states {
        state.file = folder.join(&state.file).display().to_string();
    }
    states
}
