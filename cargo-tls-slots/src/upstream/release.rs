//! Gets a release exactly as cargo would give it to any project.
//!
//! 1. A throw-away project depends on `=x.y.z` of each wanted crate, without default features:
//!    cargo gets these and what they cannot do without.
//! 2. `cargo metadata` says where each package lies, and writes a lock file.
//! 3. If a release was yanked, the same again, with a lock file that holds it: cargo then takes it.
//! 4. The checksum of each is read from the lock file. A package without one does not come from a
//!    registry.

use std::path::{Path, PathBuf};
use std::process::Output;

use cargo_metadata::{Metadata, MetadataCommand};
use semver::Version;

use super::error::{UpstreamError, failure};
use super::lockfile::LockedPackage;
use super::project::Project;

/// A release on this machine's disk, in cargo's cache or in a vendored folder.
#[derive(Debug)]
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
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// The crate.
    pub(crate) name: String,
    /// Which release. `None` is the newest one, or what another wanted crate depends on.
    pub(crate) version: Option<Version>,
    /// Whether another wanted crate depends on it, so that it need not be asked for.
    pub(crate) along: bool,
    /// The features without which cargo would not get the crates that belong to it.
    pub(crate) features: Vec<String>,
    /// Its checksum, if a pin or a lock file says. cargo gets a release that was yanked only for
    /// a project whose lock file has it.
    pub(crate) checksum: Option<String>,
}

impl Wanted {
    /// The crate and its release, for a message.
    fn label(&self) -> String {
        match &self.version {
            Some(version) => format!("{} {version}", self.name),
            None => self.name.clone(),
        }
    }

    /// The line of a `Cargo.toml` that asks for it, if it must be asked for.
    fn dependency(&self) -> Option<String> {
        let version = match &self.version {
            Some(version) => format!("={version}"),
            None if self.along => return None,
            None => "*".to_owned(),
        };
        Some(format!(
            "{} = {{ version = \"{version}\", default-features = false, features = {:?} }}\n",
            self.name, self.features
        ))
    }
}

/// Gets releases, in the order of `wanted`. cargo runs in `folder`.
///
/// # Errors
///
/// Any variant of [`UpstreamError`]. The first failure is the only one: cargo resolves all of them
/// together or none.
pub(crate) fn get(
    wanted: &[Wanted],
    folder: &Path,
    offline: bool,
) -> Result<Vec<Upstream>, UpstreamError> {
    let dependencies: String = wanted.iter().filter_map(Wanted::dependency).collect();
    let project = Project::new(&dependencies)?;
    let label = wanted
        .iter()
        .filter(|one| one.version.is_some() || !one.along)
        .map(Wanted::label)
        .collect::<Vec<_>>()
        .join(" and ");
    let metadata = || project.cargo(&["metadata", "--format-version", "1"], folder, offline);
    let mut output = metadata()?;
    if !output.status.success() && is_yanked(&output) {
        project.write_lock(&lock_of(wanted))?;
        output = metadata()?;
    }
    if !output.status.success() {
        let says = String::from_utf8_lossy(&output.stderr)
            .trim_end()
            .to_owned();
        return Err(failure(label, says, offline));
    }
    let answer = MetadataCommand::parse(String::from_utf8_lossy(&output.stdout))
        .map_err(|error| UpstreamError::Metadata(label.clone(), error))?;
    let lock = project.locked().ok_or(UpstreamError::Lock(label))?;
    wanted
        .iter()
        .map(|one| locate(one, &answer, &lock))
        .collect()
}

/// Whether cargo failed because a release was yanked.
fn is_yanked(output: &Output) -> bool {
    String::from_utf8_lossy(&output.stderr).contains("is yanked")
}

/// A lock file that holds the wanted releases whose checksums are known. cargo adds the rest, and
/// compares the checksums with the registry's.
fn lock_of(wanted: &[Wanted]) -> String {
    let mut lock = String::from("version = 4\n");
    for one in wanted {
        if let (Some(version), Some(checksum)) = (&one.version, &one.checksum) {
            lock += &format!(
                "[[package]]\nname = \"{}\"\nversion = \"{version}\"\n\
                 source = \"registry+https://github.com/rust-lang/crates.io-index\"\n\
                 checksum = \"{checksum}\"\n",
                one.name
            );
        }
    }
    lock
}

/// Where cargo has put one wanted release, and the checksum by which it knows it.
///
/// # Errors
///
/// [`UpstreamError::Patched`] if the crate does not come from a registry: forking a fork, or
/// somebody else's, would not be the release that was asked for.
fn locate(
    wanted: &Wanted,
    metadata: &Metadata,
    lock: &[LockedPackage],
) -> Result<Upstream, UpstreamError> {
    let label = wanted.label();
    let package = metadata
        .packages
        .iter()
        .find(|package| {
            package.name == wanted.name
                && wanted
                    .version
                    .as_ref()
                    .is_none_or(|version| *version == package.version)
        })
        .ok_or_else(|| UpstreamError::Lock(label.clone()))?;
    if package.source.is_none() {
        return Err(UpstreamError::Patched(label));
    }
    let checksum = lock
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
