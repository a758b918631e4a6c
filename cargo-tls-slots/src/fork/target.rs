//! The `Cargo.toml` of a project that forks are patched into: which of its patches are ours, and
//! which of the new ones it uses.
//!
//! A line of `[patch.crates-io]` is *ours* if it leads to a folder with our stamp, or to a folder
//! that is not there and is named as we name folders: forks are often not kept with the sources.
//! All other lines are the user's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use semver::Version;

use super::content::{OUR_CRATES, TOKIO};
use super::error::Error;
use super::stamp::{STAMP, Stamp};
use crate::cargo_toml::path::without_dots;
use crate::cargo_toml::users::{self, PatchLine};
use crate::project::read::read_project;
use crate::project::used::Named;
use crate::upstream::lockfile::Lock;

/// A project, by the `Cargo.toml` at the root of its workspace.
pub(super) struct Target {
    /// The file, by the path that was given.
    pub(super) cargo_toml: PathBuf,
    /// The file's folder, absolute.
    pub(super) folder: PathBuf,
    /// The file's text.
    pub(super) text: String,
    /// The patches that it has.
    pub(super) patches: Vec<Patch>,
    /// What cargo says of the project, once somebody asks. `None` if cargo cannot read it.
    project: OnceLock<Option<(Named, Option<Lock>)>>,
}

/// A patch of crates.io in a `Cargo.toml`.
pub(super) struct Patch {
    /// The line.
    pub(super) line: PatchLine,
    /// The release that it leads to, if the line is ours.
    pub(super) ours: Option<Version>,
}

impl Target {
    /// Reads a `Cargo.toml`.
    ///
    /// # Errors
    ///
    /// [`Error::Read`] and [`Error::EditCargoToml`].
    pub(super) fn open(cargo_toml: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(cargo_toml).map_err(Error::reading(cargo_toml))?;
        // The file itself, should the path be a link to it.
        let file = cargo_toml
            .canonicalize()
            .map_err(Error::reading(cargo_toml))?;
        let folder = file.parent().unwrap_or(Path::new("/")).to_owned();
        let lines = users::lines(&text, &folder)
            .map_err(|reason| Error::EditCargoToml(cargo_toml.to_owned(), reason))?;
        let patches = lines.into_iter().map(|line| Patch {
            ours: release(&line),
            line,
        });
        Ok(Target {
            cargo_toml: cargo_toml.to_owned(),
            folder,
            text,
            patches: patches.collect(),
            project: OnceLock::new(),
        })
    }

    /// The folder that its patches of ours lead into.
    pub(super) fn forks(&self) -> Option<PathBuf> {
        let ours = self.patches.iter().find(|patch| patch.ours.is_some())?;
        Some(without_dots(ours.line.path.as_ref()?.parent()?))
    }

    /// What the project names, and its lock file if it has one. `None` if cargo cannot read the
    /// project: it then says so at the next build.
    pub(super) fn project(&self) -> Option<&(Named, Option<Lock>)> {
        let read = || {
            let project = read_project(&self.folder).ok()?;
            let lock = project.lockfile().is_file().then(|| project.lock.clone());
            Some((Named::of(&project), lock))
        };
        self.project.get_or_init(read).as_ref()
    }

    /// The patches of the user's own.
    pub(super) fn foreign(&self) -> impl Iterator<Item = &PatchLine> {
        let foreign = self.patches.iter().filter(|patch| patch.ours.is_none());
        foreign.map(|patch| &patch.line)
    }

    /// Whether the project uses a release of a crate, or is about to.
    ///
    /// | the lock file | used |
    /// | --- | --- |
    /// | holds this release | yes |
    /// | holds others only | no |
    /// | does not hold the crate | if a `Cargo.toml` of the project names the crate |
    /// | is not there | the same; and tokio, which comes in through nearly every other crate |
    ///
    /// A crate of ours is in the lock file of whoever uses a fork, so that alone says nothing: it
    /// is used if a `Cargo.toml` names it, or a crate of the registry does.
    pub(super) fn uses(&self, name: &str, version: &Version) -> bool {
        let Some((named, lock)) = self.project() else {
            return true;
        };
        let is_declared = named.declared.contains_key(name);
        let Some(lock) = lock else {
            return is_declared || name == TOKIO;
        };
        let mut locked = lock
            .packages
            .iter()
            .filter(|one| one.name == name)
            .peekable();
        if OUR_CRATES.contains(&name) {
            let is_patched = || self.patches.iter().any(|one| one.line.package == name);
            return is_declared || locked.any(|one| one.is_from_crates_io() || is_patched());
        }
        match locked.peek() {
            Some(_) => locked.any(|one| one.version == *version),
            None => is_declared,
        }
    }
}

/// The fork folder that a project's patches lead into, if it has any of ours.
///
/// # Errors
///
/// [`Error::Read`] and [`Error::EditCargoToml`].
pub fn fork_folder(cargo_toml: &Path) -> Result<Option<PathBuf>, Error> {
    Ok(Target::open(cargo_toml)?.forks())
}

/// The release of the crate that a line of ours leads to. `None` if the line is not ours.
fn release(line: &PatchLine) -> Option<Version> {
    let folder = line.path.as_ref()?;
    if folder.join(STAMP).is_file() {
        let stamp = Stamp::read(folder);
        return Some(stamp.map_or(Version::new(0, 0, 0), |stamp| stamp.version));
    }
    if folder.exists() {
        return None;
    }
    let name = folder.file_name()?.to_str()?;
    if OUR_CRATES.contains(&name) {
        return Some(Version::new(0, 0, 0));
    }
    let version = name.strip_prefix(&*line.package)?.strip_prefix('-')?;
    version.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_ours_by_its_folder() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path();
        for folder in ["f/a", "mine/c"] {
            fs::create_dir_all(place.join(folder)).unwrap();
        }
        fs::write(place.join("f/a").join(STAMP), "crate = 'a'").unwrap();
        let text = "[patch.crates-io]\na = { path = 'f/a' }\nb = { path = 'f/b-1.2.3' }\n\
                    c = { path = 'mine/c' }\nd = { git = 'x' }\ne = { path = 'gone/e' }\n\
                    f_0_1 = { package = 'f', path = 'f/f-0.1.0' }\n\
                    tls-keys = { path = 'f/tls-keys' }\n";
        fs::write(place.join("Cargo.toml"), text).unwrap();
        let target = Target::open(&place.join("Cargo.toml")).unwrap();
        let ours = target.patches.iter().filter(|patch| patch.ours.is_some());
        let ours: Vec<&str> = ours.map(|patch| &*patch.line.key).collect();
        assert_eq!(ours, ["a", "b", "f_0_1", "tls-keys"]);
        let foreign: Vec<&str> = target.foreign().map(|line| &*line.key).collect();
        assert_eq!(foreign, ["c", "d", "e"]);
        assert_eq!(
            target.forks(),
            Some(place.canonicalize().unwrap().join("f"))
        );
    }
}
