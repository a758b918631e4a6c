//! Gets releases exactly as cargo would give them to any project.
//!
//! 1. A throw-away project depends on `=x.y.z` of each wanted crate, without default features:
//!    cargo gets these and what they cannot do without. Its lock file has what the user's has, so
//!    cargo chooses nothing anew, asks the registry for nothing that is here, and takes a release
//!    that was yanked.
//! 2. `cargo metadata` says where each package lies, and writes a lock file.
//! 3. The checksum of each is read from the lock file. A package without one does not come from a
//!    registry.
//!
//! One call of cargo is for all crates: each has a name of its own in the project, so that several
//! releases of one crate can stand beside each other. Only two releases that cargo counts as
//! compatible need two projects. Where the call fails, each crate is asked for alone, so one that
//! cannot be had does not stop the others.
//!
//! Where all versions are known, the registry cannot say anything new. cargo is then asked with
//! `--offline` first: a release that is on this machine needs no network, not even a dead one that
//! cargo would wait for.

use std::path::{Path, PathBuf};

use cargo_metadata::{Metadata, MetadataCommand};
use semver::Version;

use super::error::{UpstreamError, failure};
use super::lockfile::{CRATES_IO, Lock, LockedPackage};
use super::project::Project;

/// The platform for which cargo gets what the wanted crates depend on: the one for which most of
/// them depend on least. The crates themselves are the same for all.
const PLATFORM: &str = "wasm32-unknown-unknown";

/// A release on this machine's disk, in cargo's cache or in a vendored folder.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    /// The crate.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: Version,
    /// The registry's checksum of its archive.
    pub(crate) checksum: String,
    /// The package's folder. It is cargo's: nothing may be written there.
    pub(crate) folder: PathBuf,
}

/// A release to get.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// The crate.
    pub(crate) name: String,
    /// Which release. `None` is the newest that `requirement` allows, or what another wanted crate
    /// depends on.
    pub(crate) version: Option<Version>,
    /// What a project asks for, such as `^1.2`, where no version is known.
    pub(crate) requirement: Option<String>,
    /// The wanted crate that depends on this one, if one does: its place in the list. It comes
    /// before this one, and both are got in one call.
    pub(crate) along: Option<usize>,
    /// The features without which cargo would not get the crates that belong to it.
    pub(crate) features: Vec<String>,
    /// Its checksum, if the table of releases or a lock file says. cargo gets a release that was
    /// yanked only for a project whose lock file has it.
    pub(crate) checksum: Option<String>,
}

/// What cargo got, and what it could not get.
#[derive(Debug, Default)]
pub(crate) struct Got {
    /// The releases, each with its place in the list of those that were wanted.
    pub(crate) found: Vec<(usize, Upstream)>,
    /// The others, with the reason: the places of those that belong together.
    pub(crate) failed: Vec<(Vec<usize>, UpstreamError)>,
}

/// The range of releases that cargo takes for compatible with one: `1`, `0.2` or `0.0.3`.
pub(crate) fn compatible(version: &Version) -> String {
    match (version.major, version.minor) {
        (0, 0) => format!("0.0.{}", version.patch),
        (0, minor) => format!("0.{minor}"),
        (major, _) => major.to_string(),
    }
}

/// Gets releases. cargo runs in `folder`; `lock` is the user's lock file.
///
/// # Errors
///
/// [`UpstreamError::Project`] and [`UpstreamError::Start`]. All else is about single crates, and
/// part of the result.
pub(crate) fn get(
    wanted: &[Wanted],
    lock: &Lock,
    folder: &Path,
    offline: bool,
) -> Result<Got, UpstreamError> {
    let mut got = Got::default();
    for round in rounds(wanted) {
        let job = Job {
            wanted,
            lock,
            folder,
            offline,
        };
        job.get(&round, &mut got)?;
    }
    Ok(got)
}

/// Sorts the wanted crates into as few calls of cargo as need be, each a list of groups: a crate
/// and those along it. No two crates of one call are compatible releases of the same.
fn rounds(wanted: &[Wanted]) -> Vec<Vec<Vec<usize>>> {
    let mut rounds: Vec<Vec<Vec<usize>>> = Vec::new();
    let range = |index: &usize| {
        let version = wanted[*index].version.as_ref();
        (&wanted[*index].name, version.map(compatible))
    };
    for (root, one) in wanted.iter().enumerate() {
        if one.along.is_some() {
            continue;
        }
        let with = (root + 1..wanted.len()).filter(|index| wanted[*index].along == Some(root));
        let group: Vec<usize> = std::iter::once(root).chain(with).collect();
        let fits = |round: &&mut Vec<Vec<usize>>| {
            let taken: Vec<_> = round.iter().flatten().map(range).collect();
            group.iter().all(|index| !taken.contains(&range(index)))
        };
        match rounds.iter_mut().find(fits) {
            Some(round) => round.push(group),
            None => rounds.push(vec![group]),
        }
    }
    rounds
}

/// What all calls have in common.
#[derive(Clone, Copy)]
struct Job<'a> {
    wanted: &'a [Wanted],
    lock: &'a Lock,
    folder: &'a Path,
    offline: bool,
}

impl Job<'_> {
    /// Gets the groups of one round together, or else each alone.
    fn get(self, round: &[Vec<usize>], got: &mut Got) -> Result<(), UpstreamError> {
        let all = round.concat();
        match self.ask(&all, true) {
            Ok(found) => got.found.extend(found),
            Err(error @ (UpstreamError::Start(_) | UpstreamError::Project(_))) => {
                return Err(error);
            }
            // Nothing else can be had either.
            Err(error @ UpstreamError::Network(..)) => got.failed.push((all, error)),
            Err(first) => match round {
                // What the lock file has may not be here, or not be what the registry has.
                [group] => match self.ask(group, false) {
                    Ok(found) => got.found.extend(found),
                    Err(_) => got.failed.push((all, first)),
                },
                groups => {
                    for group in groups {
                        self.get(std::slice::from_ref(group), got)?;
                    }
                }
            },
        }
        Ok(())
    }

    /// Gets these crates in one call of cargo: with what the user's lock file and the recipes say
    /// of releases and checksums, or without.
    fn ask(
        self,
        these: &[usize],
        with_lock: bool,
    ) -> Result<Vec<(usize, Upstream)>, UpstreamError> {
        let wanted: Vec<&Wanted> = these.iter().map(|index| &self.wanted[*index]).collect();
        let label = label(&wanted);
        let lines = these
            .iter()
            .filter_map(|index| self.wanted[*index].line(*index));
        let project = Project::new(&lines.collect::<String>())?;
        if with_lock {
            project.write_lock(&lock_of(&wanted, &self.lock.packages))?;
        }
        let args = [
            "metadata",
            "--format-version",
            "1",
            "--filter-platform",
            PLATFORM,
        ];
        let is_exact = wanted.iter().all(|one| one.version.is_some());
        let mut output = project.cargo(&args, self.folder, self.offline || is_exact)?;
        if !output.status.success() && is_exact && !self.offline {
            output = project.cargo(&args, self.folder, false)?;
        }
        if !output.status.success() {
            let says = String::from_utf8_lossy(&output.stderr)
                .trim_end()
                .to_owned();
            return Err(failure(label, says, self.offline));
        }
        let answer = MetadataCommand::parse(String::from_utf8_lossy(&output.stdout))
            .map_err(|error| UpstreamError::Metadata(label.clone(), error))?;
        let lock = project.locked().ok_or(UpstreamError::Lock(label))?;
        these
            .iter()
            .map(|index| Ok((*index, locate(&self.wanted[*index], &answer, &lock)?)))
            .collect()
    }
}

/// The crates and their releases, for a message: those that were asked for by name or version.
fn label(wanted: &[&Wanted]) -> String {
    wanted
        .iter()
        .filter(|one| one.version.is_some() || one.along.is_none())
        .map(|one| one.label())
        .collect::<Vec<_>>()
        .join(" and ")
}

impl Wanted {
    /// The crate and its release, for a message.
    fn label(&self) -> String {
        match &self.version {
            Some(version) => format!("{} {version}", self.name),
            None => self.name.clone(),
        }
    }

    /// The line of a `Cargo.toml` that asks for it, under a name of its own, if it must be asked
    /// for.
    fn line(&self, index: usize) -> Option<String> {
        let version = match (&self.version, &self.requirement) {
            (Some(version), _) => format!("={version}"),
            (None, _) if self.along.is_some() => return None,
            (None, Some(requirement)) => requirement.clone(),
            (None, None) => "*".to_owned(),
        };
        Some(format!(
            "wanted-{index} = {{ package = \"{}\", version = \"{version}\", \
             default-features = false, features = {:?} }}\n",
            self.name, self.features
        ))
    }
}

/// A lock file with the packages of the user's that come from crates.io, and the wanted releases
/// whose checksums are known. cargo adds the rest, and compares the checksums with the registry's.
fn lock_of(wanted: &[&Wanted], locked: &[LockedPackage]) -> String {
    let mut lock = String::from("version = 4\n");
    let mut add = |name: &str, version: &Version, source: &str, sum: &str, with: &[String]| {
        lock += &locked_text(name, version, source, sum, with);
    };
    for one in locked.iter().filter(|one| one.is_from_crates_io()) {
        let source = one.source.as_deref().unwrap_or(CRATES_IO);
        if let Some(checksum) = &one.checksum {
            add(&one.name, &one.version, source, checksum, &one.dependencies);
        }
    }
    for (index, one) in wanted.iter().enumerate() {
        let (Some(version), Some(checksum)) = (&one.version, &one.checksum) else {
            continue;
        };
        let is_it = |name: &str, other: &Version| one.name == *name && version == other;
        let in_lock =
            |other: &LockedPackage| other.checksum.is_some() && is_it(&other.name, &other.version);
        let before = |other: &&Wanted| {
            let sum = other.checksum.is_some();
            sum && other
                .version
                .as_ref()
                .is_some_and(|it| is_it(&other.name, it))
        };
        if !locked.iter().any(in_lock) && !wanted[..index].iter().any(before) {
            let rest = locked.iter().find(|one| is_it(&one.name, &one.version));
            let dependencies = rest.map_or(&[][..], |rest| &rest.dependencies);
            add(&one.name, version, CRATES_IO, checksum, dependencies);
        }
    }
    lock
}

/// A package of a lock file, as text.
pub(crate) fn locked_text(
    name: &str,
    version: &Version,
    source: &str,
    checksum: &str,
    dependencies: &[String],
) -> String {
    format!(
        "[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nsource = \"{source}\"\n\
         checksum = \"{checksum}\"\ndependencies = {dependencies:?}\n"
    )
}

/// Where cargo has put one wanted release, and the checksum by which it knows it.
///
/// # Errors
///
/// [`UpstreamError::Patched`] if the crate does not come from a registry: forking a fork, or
/// somebody else's, would not be the release that was asked for.
fn locate(wanted: &Wanted, metadata: &Metadata, lock: &Lock) -> Result<Upstream, UpstreamError> {
    let label = wanted.label();
    let requirement = wanted.requirement.as_ref();
    let requirement = requirement.and_then(|text| semver::VersionReq::parse(text).ok());
    let fits = |version: &Version| match &wanted.version {
        Some(wanted) => wanted == version,
        None => requirement.as_ref().is_none_or(|one| one.matches(version)),
    };
    let package = metadata
        .packages
        .iter()
        .find(|package| package.name == wanted.name && fits(&package.version))
        .ok_or_else(|| UpstreamError::Lock(label.clone()))?;
    if package.source.is_none() {
        return Err(UpstreamError::Patched(label));
    }
    let checksum = lock
        .packages
        .iter()
        .find(|locked| locked.name == wanted.name && locked.version == package.version)
        .and_then(|locked| locked.checksum.clone())
        .ok_or(UpstreamError::Patched(label))?;
    Ok(Upstream {
        name: wanted.name.clone(),
        version: package.version.clone(),
        checksum,
        folder: package
            .manifest_path
            .parent()
            .map(|folder| folder.as_std_path().to_owned())
            .unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compatible_releases_of_one_crate_are_asked_for_apart() {
        let wanted = |name: &str, version: &str, along| Wanted {
            name: name.to_owned(),
            version: Some(version.parse().unwrap()),
            along,
            ..Wanted::default()
        };
        let all = [
            wanted("a", "1.2.3", None),
            wanted("b", "0.1.0", Some(0)),
            wanted("a", "0.2.1", None),
            wanted("a", "1.4.0", None),
            wanted("c", "0.0.3", None),
        ];
        let expected = [vec![vec![0, 1], vec![2], vec![4]], vec![vec![3]]];
        assert_eq!(rounds(&all), expected);
        assert_eq!(compatible(&Version::new(0, 0, 3)), "0.0.3");
    }
}
