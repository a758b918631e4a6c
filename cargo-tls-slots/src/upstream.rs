//! Gets an upstream release exactly as cargo would give it to any project.
//!
//! A throw-away project depends on `=x.y.z`, and `cargo metadata` says where the package lies.
//! Alternatives rejected: downloading the archive ourselves would not know the user's mirrors,
//! vendored sources, credentials or `--offline`; `cargo vendor` copies the whole graph.
//!
//! cargo runs in the user's folder, so that folder's `.cargo/config.toml` holds.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Output;

use cargo_metadata::{Metadata, MetadataCommand};
use semver::Version;
use tempfile::TempDir;

use crate::cargo;
use crate::lockfile::LockedPackage;

/// A release on this machine's disk.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) name: String,
    pub(crate) version: Version,
    /// The registry's checksum of it.
    pub(crate) checksum: String,
    pub(crate) folder: PathBuf,
}

/// Why a release could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpstreamError {
    /// The project that asks for the release could not be written.
    #[error("cannot write a temporary project")]
    Project(#[source] io::Error),
    /// cargo could not be started.
    #[error("cannot start cargo; is it in PATH?")]
    Start(#[source] io::Error),
    /// The registry has no such release.
    #[error("the registry has no {0}; name a release that exists, as in `tokio@1.54.1`")]
    Unknown(String, #[source] Cargo),
    /// The release was yanked, and no lock file holds it.
    #[error(
        "{0} was yanked; name another release, or use --lockfile with a Cargo.lock that holds it"
    )]
    Yanked(String, #[source] Cargo),
    /// The release is not on this machine, and `--offline` was given.
    #[error("cannot find {0} on this machine; run once without --offline, or vendor it")]
    Offline(String, #[source] Cargo),
    /// The registry could not be reached.
    #[error("cannot download {0}; check the network, or use --offline if it was downloaded before")]
    Network(String, #[source] Cargo),
    /// cargo failed for another reason.
    #[error("cargo could not get {0}")]
    Failed(String, #[source] Cargo),
    /// cargo's answer was not understood.
    #[error("cannot read what cargo says about {0}")]
    Metadata(String, #[source] cargo_metadata::Error),
    /// The lock file that cargo wrote was not understood.
    #[error("cannot read the lock file that cargo wrote for {0}")]
    Lock(String),
    /// The user's cargo configuration replaces the crate.
    #[error(
        "{0} does not come from a registry: the cargo configuration of this folder patches it; \
         run `cargo tls-slots fork` where it does not"
    )]
    Patched(String),
}

/// What cargo wrote to standard error.
#[derive(Debug, thiserror::Error)]
#[error("cargo says:\n{0}")]
pub struct Cargo(String);

/// A release to get.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) name: String,
    /// Which one; `None` is the newest, or what another wanted one brings along.
    pub(crate) version: Option<Version>,
    /// Whether another wanted one brings it along.
    pub(crate) along: bool,
    /// The features without which cargo would not get the crates that belong to it.
    pub(crate) features: Vec<String>,
    /// Its checksum, if a pin or a lock file says. cargo gets a release that was yanked only for
    /// a project whose lock file has it.
    pub(crate) checksum: Option<String>,
}

/// Gets releases, in the order of `wanted`.
pub(crate) fn get(
    wanted: &[Wanted],
    folder: &Path,
    offline: bool,
) -> Result<Vec<Upstream>, UpstreamError> {
    let project = project()?;
    let manifest = project.path().join("Cargo.toml");
    let mut text = String::from(PROJECT);
    for one in wanted {
        let version = match &one.version {
            Some(version) => format!("={version}"),
            None if one.along => continue,
            None => "*".to_owned(),
        };
        text += &format!(
            "{} = {{ version = \"{version}\", default-features = false, features = {:?} }}\n",
            one.name, one.features
        );
    }
    fs::write(&manifest, text).map_err(UpstreamError::Project)?;

    let label = wanted
        .iter()
        .filter_map(|one| match &one.version {
            Some(version) => Some(format!("{} {version}", one.name)),
            None => (!one.along).then(|| one.name.clone()),
        })
        .collect::<Vec<_>>()
        .join(" and ");
    let mut output = metadata(&manifest, folder, offline)?;
    if !output.status.success() && is_yanked(&output) {
        let lock = lock_of(wanted);
        fs::write(project.path().join("Cargo.lock"), lock).map_err(UpstreamError::Project)?;
        output = metadata(&manifest, folder, offline)?;
    }
    if !output.status.success() {
        let says = String::from_utf8_lossy(&output.stderr)
            .trim_end()
            .to_owned();
        return Err(failure(label, says, offline));
    }
    let answer = MetadataCommand::parse(String::from_utf8_lossy(&output.stdout))
        .map_err(|error| UpstreamError::Metadata(label.clone(), error))?;
    let lock = fs::read_to_string(project.path().join("Cargo.lock"))
        .ok()
        .and_then(|text| LockedPackage::parse(&text).ok())
        .ok_or_else(|| UpstreamError::Lock(label.clone()))?;
    wanted
        .iter()
        .map(|one| locate(one, &answer, &lock))
        .collect()
}

/// The versions that cargo would choose for dependencies with these requirements, by package. One for
/// which there is none, in the registry or on this machine, is left out.
pub(crate) fn resolve(
    required: &BTreeMap<String, String>,
    folder: &Path,
    offline: bool,
) -> Result<BTreeMap<String, Version>, UpstreamError> {
    let all: Vec<_> = required.iter().collect();
    if let Some(chosen) = choose(&all, folder, offline)? {
        return Ok(chosen);
    }
    let mut chosen = BTreeMap::new();
    for one in all {
        chosen.extend(choose(&[one], folder, offline)?.unwrap_or_default());
    }
    Ok(chosen)
}

/// [`resolve`], for all or none.
fn choose(
    required: &[(&String, &String)],
    folder: &Path,
    offline: bool,
) -> Result<Option<BTreeMap<String, Version>>, UpstreamError> {
    let project = project()?;
    let manifest = project.path().join("Cargo.toml");
    let mut text = String::from(PROJECT);
    for (name, version) in required {
        text += &format!("{name} = {{ version = {version:?}, default-features = false }}\n");
    }
    fs::write(&manifest, text).map_err(UpstreamError::Project)?;
    // Only the index is needed for this, not the packages.
    let mut command = cargo::command(folder);
    command
        .args(["generate-lockfile", "--manifest-path"])
        .arg(&manifest);
    if offline {
        command.arg("--offline");
    }
    if !command
        .output()
        .map_err(UpstreamError::Start)?
        .status
        .success()
    {
        return Ok(None);
    }
    let packages = fs::read_to_string(project.path().join("Cargo.lock"))
        .ok()
        .and_then(|text| LockedPackage::parse(&text).ok())
        .unwrap_or_default();
    let own = Version::new(0, 0, 0);
    Ok(LockedPackage::dependencies_of(
        &packages,
        "tls-slots-fork",
        &own,
    ))
}

/// What each throw-away project's manifest starts with.
const PROJECT: &str = "[package]\nname = \"tls-slots-fork\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\
                       [lib]\npath = \"lib.rs\"\n[workspace]\n[dependencies]\n";

/// The folder of a throw-away project.
fn project() -> Result<TempDir, UpstreamError> {
    let project = tempfile::Builder::new()
        .prefix("tls-slots-fork-")
        .tempdir()
        .map_err(UpstreamError::Project)?;
    fs::write(project.path().join("lib.rs"), "").map_err(UpstreamError::Project)?;
    Ok(project)
}

fn metadata(manifest: &Path, folder: &Path, offline: bool) -> Result<Output, UpstreamError> {
    let mut command = cargo::command(folder);
    command
        .args(["metadata", "--format-version", "1", "--manifest-path"])
        .arg(manifest);
    if offline {
        command.arg("--offline");
    }
    command.output().map_err(UpstreamError::Start)
}

fn is_yanked(output: &Output) -> bool {
    String::from_utf8_lossy(&output.stderr).contains("is yanked")
}

/// A lock file that holds the wanted releases. cargo adds the rest.
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

fn locate(
    wanted: &Wanted,
    metadata: &Metadata,
    lock: &[LockedPackage],
) -> Result<Upstream, UpstreamError> {
    let label = match &wanted.version {
        Some(version) => format!("{} {version}", wanted.name),
        None => wanted.name.clone(),
    };
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

/// Sorts a failure by what cargo says. A wording this does not know is [`UpstreamError::Failed`],
/// which shows cargo's own words.
fn failure(label: String, says: String, offline: bool) -> UpstreamError {
    let has = |words: &[&str]| words.iter().any(|word| says.contains(word));
    let source = Cargo(says.clone());
    if offline
        && has(&[
            "offline",
            "failed to select a version",
            "no matching package",
            "unable to update",
        ])
    {
        UpstreamError::Offline(label, source)
    } else if has(&["is yanked"]) {
        UpstreamError::Yanked(label, source)
    } else if has(&[
        "failed to select a version for the requirement",
        "no matching package",
        "could not be found in registry index",
    ]) {
        UpstreamError::Unknown(label, source)
    } else if has(&[
        "download",
        "network",
        "Could not resolve",
        "Couldn't connect",
        "failed to query",
        "failed to fetch",
        "Timeout",
        "spurious",
    ]) {
        UpstreamError::Network(label, source)
    } else {
        UpstreamError::Failed(label, source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sort(says: &str, offline: bool) -> String {
        failure("tokio 1.54.99".to_owned(), says.to_owned(), offline).to_string()
    }

    #[test]
    fn failures_say_what_to_do() {
        let unknown =
            "error: failed to select a version for the requirement `tokio = \"=1.54.99\"`";
        assert!(sort(unknown, false).contains("the registry has no tokio 1.54.99"));
        assert!(sort(unknown, true).contains("run once without --offline"));
        assert!(sort("version 1.54.99 is yanked", false).contains("was yanked"));
        assert!(sort("Could not resolve host: x", false).contains("check the network"));
        assert!(sort("something else", false).contains("cargo could not get"));
    }
}
