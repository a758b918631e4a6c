//! The forks that the projects are patched to.
//!
//! Four lock files stand beside the fixtures, and each says what is forked: of `Cargo.lock` tokio
//! alone, of the others every crate that there is a recipe for. All sets of forks lie in one
//! folder, so that what they have in common (tls-slots, tls-keys) is compiled once. A [`Place`] has
//! forks of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use cargo_tls_slots::fork::{self, ForkOptions, Forked};
use cargo_tls_slots::{cargo, with_causes};
use serde_json::Value;

use crate::building::Preparing;
use crate::process;
use crate::sources::{fixtures, other_release, scratch, write};

/// The longest that cargo may take to name a project's packages.
const METADATA: Duration = Duration::from_secs(120);

/// Which lock file a project has, and with it which forks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lock {
    /// Of the scenarios about tokio: `Cargo.lock`.
    Tokio,
    /// Of the builds that differ in one thing: `compat.lock`.
    Compat,
    /// Of the scenarios about other crates: `crates.lock`.
    Crates,
    /// Of the scenarios about two releases of a crate: `twins.lock`.
    Twins,
}

impl Lock {
    /// That of a fixture, by the fixture's name.
    pub(crate) fn of(fixture: &str) -> Self {
        match fixture.split('_').next() {
            Some("compat") => Self::Compat,
            Some("crates") => Self::Crates,
            Some("twins") => Self::Twins,
            _ => Self::Tokio,
        }
    }

    /// Its name in `tests/fixtures`.
    fn name(self) -> &'static str {
        match self {
            Self::Tokio => "Cargo.lock",
            Self::Compat => "compat.lock",
            Self::Crates => "crates.lock",
            Self::Twins => "twins.lock",
        }
    }

    /// Its text in `tests/fixtures`, but for tokio if [another release](other_release) is to be
    /// tried.
    pub(crate) fn read(self) -> String {
        let text =
            fs::read_to_string(fixtures().join(self.name())).expect("the lock file is there");
        let has_tokio = [Self::Tokio, Self::Compat].contains(&self);
        match other_release().filter(|_| has_tokio) {
            None => text,
            Some(release) => with_package(&text, "tokio", release, None),
        }
    }

    /// Makes the forks in the folder `out`, from a lock file of this kind. `only`: of these crates,
    /// if there are any.
    pub(crate) fn fork_to(self, out: &Path, lockfile: &Path, only: &[&str]) -> Forked {
        let mut options = ForkOptions::new(out);
        let only = match self {
            Self::Tokio if only.is_empty() => &["tokio"],
            _ => only,
        };
        let crates = only.iter().map(|name| match other_release() {
            Some(release) if *name == "tokio" => format!("tokio@{release}"),
            _ => name.to_string(),
        });
        let crates = crates.map(|text| text.parse().expect("a crate and its release"));
        options.crates = crates.collect();
        options.lockfile = Some(lockfile.to_owned());
        fork::fork(&options)
            .unwrap_or_else(|error| panic!("the fork failed: {}", with_causes(&error)))
    }

    /// The forks of all projects that are in no place of their own, made once per process.
    pub(crate) fn forked(self, _: &Preparing) -> &'static Forked {
        static TOKIO: LazyLock<Forked> = LazyLock::new(|| Lock::Tokio.fork());
        static COMPAT: LazyLock<Forked> = LazyLock::new(|| Lock::Compat.fork());
        static CRATES: LazyLock<Forked> = LazyLock::new(|| Lock::Crates.fork());
        static TWINS: LazyLock<Forked> = LazyLock::new(|| Lock::Twins.fork());
        match self {
            Self::Tokio => &TOKIO,
            Self::Compat => &COMPAT,
            Self::Crates => &CRATES,
            Self::Twins => &TWINS,
        }
    }

    fn fork(self) -> Forked {
        let lockfile = scratch().join(self.name());
        write(&lockfile, self.read().as_bytes());
        self.fork_to(&scratch().join("forks"), &lockfile, &[])
    }
}

/// Another package in the lock file: name, version, and the registry's checksum.
pub type Locked = (&'static str, &'static str, &'static str);

/// Sources and forks of their own, as on another machine or of another day.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Its folder, below the target folder's `fixtures`.
    pub folder: &'static str,
    /// What the lock file has in other versions. The forks are made from it, too.
    pub locked: &'static [Locked],
    /// What is forked here, if the forks of all other projects will not do: the crates that a build
    /// links, and tokio where cargo asks for its feature; all of the lock file if none is named.
    pub forks: Option<&'static [&'static str]>,
    /// Crates that are patched to a copy of the registry's folder, as who vendors one crate does.
    pub vendored: &'static [&'static str],
    /// Changes a text file of the forks or of the fixtures, or the lock file: its path below the
    /// forks' folder or below `fixtures`, or `Cargo.lock`, and its text.
    pub edit: Option<fn(&Path, &str) -> String>,
}

impl Place {
    /// That folder, with everything as it is elsewhere.
    pub const fn at(folder: &'static str) -> Self {
        Self {
            folder,
            locked: &[],
            forks: None,
            vendored: &[],
            edit: None,
        }
    }

    /// The lock file: that one of the fixtures, but for what this place has in other versions, and
    /// edited.
    pub(crate) fn lock(&self, lock: Lock) -> Vec<u8> {
        let mut text = lock.read();
        for (name, version, checksum) in self.locked {
            text = with_package(&text, name, version, Some(checksum));
        }
        if let Some(edit) = self.edit {
            text = edit(Path::new("Cargo.lock"), &text);
        }
        text.into_bytes()
    }

    /// Copies the vendored crates from where cargo has unpacked them, unless that was done. Gives
    /// the patches to the copies, beside the `patches` that the project in that folder has.
    pub(crate) fn vendor(&self, _: &Preparing, project: &Path, patches: &[String]) -> Vec<String> {
        let mut more = Vec::new();
        for name in self.vendored {
            let to = scratch().join(self.folder).join("vendor").join(name);
            // The project's lock file names the registry's package until the first build only.
            if !to.is_dir() {
                let new = to.with_extension("new");
                let from = unpacked(name, project, patches);
                edit_folder(&from, &new, Path::new(""), |_, text| text.to_owned());
                fs::rename(&new, &to).expect("a folder of ours");
            }
            more.push("--config".to_owned());
            more.push(format!("patch.crates-io.{name}.path={to:?}"));
        }
        more
    }

    /// Its forks. Cheap once they are there.
    pub(crate) fn forked(&self, preparing: &Preparing, lock: Lock) -> Forked {
        let Some(forks) = self.forks else {
            return lock.forked(preparing).clone();
        };
        let root = scratch().join(self.folder);
        let file = root.join("Cargo.lock");
        write(&file, &self.lock(lock));
        let Some(edit) = self.edit else {
            return lock.fork_to(&root.join("forks"), &file, forks);
        };
        // A fork that was changed would be made anew each time.
        let mut forked = lock.fork_to(&root.join("unedited"), &file, forks);
        let to = root.join("forks");
        edit_folder(&forked.dir, &to, Path::new(""), edit);
        for one in &mut forked.crates {
            one.dir = to.join(one.folder());
        }
        forked.dir = to;
        forked
    }
}

/// The folder of a package that a project locks.
fn unpacked(name: &str, project: &Path, patches: &[String]) -> PathBuf {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut command = Command::new(cargo::program());
    cargo::isolate(&mut command);
    command
        .current_dir(project)
        .args(["metadata", "--format-version=1", "--all-features"])
        .args(["--filter-platform", &target])
        .args(patches);
    let ended = process::run(&mut command, METADATA);
    ended.assert_success();
    let metadata: Value = serde_json::from_str(&ended.stdout).expect("cargo writes JSON");
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let mut paths = packages
        .filter(|package| package["name"] == name)
        .filter_map(|package| package["manifest_path"].as_str());
    let cargo_toml = Path::new(paths.next().expect("it is locked"));
    assert_eq!(paths.next(), None, "{name} is locked twice");
    cargo_toml.parent().expect("a folder").to_owned()
}

/// A lock file's text with another release of a package, which must be there. What the release
/// depends on, cargo finds out.
fn with_package(text: &str, name: &str, version: &str, checksum: Option<&str>) -> String {
    let head = format!("[[package]]\nname = \"{name}\"\n");
    let is_it = |package: &&str| package.starts_with(&head);
    assert!(
        text.split("\n\n").any(|package| is_it(&package)),
        "{name} is not in the fixtures' lock file"
    );
    let checksum = checksum.map(|checksum| format!("\nchecksum = \"{checksum}\""));
    let other = format!(
        "{head}version = \"{version}\"\n\
         source = \"registry+https://github.com/rust-lang/crates.io-index\"{}",
        checksum.unwrap_or_default()
    );
    let packages = text.split("\n\n").map(|package| match is_it(&package) {
        true => &*other,
        false => package,
    });
    packages.collect::<Vec<_>>().join("\n\n")
}

/// Copies the folder's files, edited.
fn edit_folder(from: &Path, to: &Path, below: &Path, edit: fn(&Path, &str) -> String) {
    for entry in fs::read_dir(from.join(below)).expect("a fork can be read") {
        let entry = entry.expect("a fork can be read");
        let path = below.join(entry.file_name());
        if entry.path().is_dir() {
            edit_folder(from, to, &path, edit);
            continue;
        }
        let content = fs::read(entry.path()).expect("a fork can be read");
        match std::str::from_utf8(&content) {
            Ok(text) => write(&to.join(&path), edit(&path, text).as_bytes()),
            Err(_) => write(&to.join(&path), &content),
        }
    }
}
