//! The `Cargo.toml` of a project that forks are patched into: which of its patches are ours, and
//! which of the new ones it uses.
//!
//! A line of `[patch.crates-io]` is *ours* if it leads to a folder with our stamp, or to a folder
//! that is not there and is named as we name folders: forks are often not kept with the sources.
//! All other lines are the user's own. So are those of cargo's configuration files, unless they
//! lead to such a folder.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use semver::Version;

use super::content::{OUR_CRATES, TOKIO};
use super::error::Error;
use super::stamp::{STAMP, Stamp};
use crate::cargo_toml::path::without_dots;
use crate::cargo_toml::users::{self, PatchLine};
use crate::project::package::Package;
use crate::project::read::read_project;
use crate::project::used::{Named, Own};
use crate::upstream::lockfile::Lock;
use crate::upstream::release::compatible;

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
    /// The patches that cargo's configuration files have. No run changes these.
    configured: Vec<Patch>,
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
        let patches = patches(&text, &folder)
            .map_err(|reason| Error::EditCargoToml(cargo_toml.to_owned(), reason))?;
        Ok(Target {
            cargo_toml: cargo_toml.to_owned(),
            configured: configured(&folder),
            folder,
            text,
            patches,
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

    /// The patches of the user's own that serve a release: those that lead to a compatible one of
    /// the crate. A line whose release is not known serves all. No `version` stands for any.
    pub(super) fn serving<'a>(
        &'a self,
        name: &'a str,
        version: Option<&'a Version>,
    ) -> impl Iterator<Item = &'a PatchLine> {
        self.foreign()
            .filter(move |line| line.package == name && serves(line, version))
    }

    /// The patches of ours, wherever they stand: the crate, and the release that it leads to.
    pub(super) fn ours(&self) -> impl Iterator<Item = (&str, &Version)> {
        let all = self.patches.iter().chain(&self.configured);
        all.filter_map(|patch| Some((&*patch.line.package, patch.ours.as_ref()?)))
    }

    /// Whether a release is of the user's own: in the workspace, a path dependency, or what a patch
    /// of the user's leads to.
    pub(super) fn is_own(&self, name: &str, version: &Version) -> bool {
        let configured = self.configured.iter().filter(|one| one.ours.is_none());
        let mut configured = configured.map(|one| &one.line);
        let is_it = |own: &Own| own.version.as_ref().is_none_or(|own| own == version);
        self.project()
            .is_some_and(|(named, _)| named.own(name).any(is_it))
            || self.serving(name, Some(version)).next().is_some()
            || configured.any(|line| line.package == name && serves(line, Some(version)))
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
    /// is used if a `Cargo.toml` names it by its version, or a crate of the registry does.
    pub(super) fn uses(&self, name: &str, version: &Version) -> bool {
        let Some((named, lock)) = self.project() else {
            return true;
        };
        // A path is no use of the registry's.
        let declared = named.declared.get(name);
        let is_declared = declared.is_some_and(|one| !one.requirements.is_empty());
        let Some(lock) = lock else {
            return is_declared || name == TOKIO;
        };
        let mut locked = lock
            .packages
            .iter()
            .filter(|one| one.name == name)
            .peekable();
        if OUR_CRATES.contains(&name) {
            let is_patched = || {
                let mut lines = self.patches.iter().map(|one| &one.line);
                lines.any(|line| line.package == name) && named.own(name).next().is_none()
            };
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

/// The patches in the text of a file whose paths start from `folder`.
fn patches(text: &str, folder: &Path) -> Result<Vec<Patch>, String> {
    let lines = users::lines(text, folder)?.into_iter().map(|line| Patch {
        ours: release(&line),
        line,
    });
    Ok(lines.collect())
}

/// The patches in the configuration files that cargo reads for a project in `folder`. Paths in such
/// a file start from the folder that has `.cargo`, and the file may have no ending.
///
/// The source is "Hierarchical structure" and "`[patch]`" in cargo's reference of the
/// configuration. cargo says at the build what is wrong with a file.
fn configured(folder: &Path) -> Vec<Patch> {
    let of_folders = folder.ancestors().map(|folder| folder.join(".cargo"));
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".cargo")));
    let mut found = Vec::new();
    for place in of_folders.chain(home) {
        let files = ["config", "config.toml"].map(|name| fs::read_to_string(place.join(name)));
        if let (Some(text), Some(folder)) = (files.into_iter().find_map(Result::ok), place.parent())
        {
            found.extend(patches(&text, folder).unwrap_or_default());
        }
    }
    found
}

/// Whether a patch leads to a release that is compatible with `version`, or may do so.
fn serves(line: &PatchLine, version: Option<&Version>) -> bool {
    let package = line.path.as_ref().and_then(|folder| Package::read(folder));
    let own = package.and_then(|package| package.version());
    match (own, version) {
        (Some(own), Some(version)) => compatible(&own) == compatible(version),
        _ => true,
    }
}

/// The release of the crate that a line of ours leads to. `None` if the line is not ours.
fn release(line: &PatchLine) -> Option<Version> {
    let folder = line.path.as_ref()?;
    let name = folder.file_name()?.to_str()?;
    let by_name = || {
        if OUR_CRATES.contains(&name) {
            return Some(Version::new(0, 0, 0));
        }
        let version = name.strip_prefix(&*line.package)?.strip_prefix('-')?;
        version.parse().ok()
    };
    match folder.join(STAMP).is_file() {
        true => {
            let stamped = Stamp::read(folder).map(|stamp| stamp.version);
            stamped.or_else(by_name).or(Some(Version::new(0, 0, 0)))
        }
        false if folder.exists() => None,
        false => by_name(),
    }
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
