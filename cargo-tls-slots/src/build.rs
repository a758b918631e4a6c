//! Builds hosts and modules, each by its own cargo invocation, with the patches injected.
//!
//! A host and a module are different projects: each has its own lock file and its own target
//! folder, as it would have on different machines. All that they must agree on is the tokio that
//! they are patched to, so a version that differs between their lock files is an error here,
//! before anything is built.
//!
//! The patches go in by `cargo --config patch.crates-io.…`: no manifest has to be changed. A
//! lock file that was made without them stays valid, as the fork has upstream's version; cargo
//! only drops the registry's checksum of the forked crates from it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use cargo_metadata::{Message, Metadata, MetadataCommand, TargetKind};

use crate::cargo;
use crate::fork::{self, ForkOptions, Forked};
use crate::progress::Progress;
use crate::recipe::Recipe;
use crate::upstream::lockfile::LockedPackage;

/// What to build, and how.
#[derive(Clone, Debug)]
pub struct BuildOptions {
    /// The manifests of the projects, or their folders, built one after another.
    pub manifests: Vec<PathBuf>,
    /// Whether to build with optimisations, `--release`.
    pub release: bool,
    /// Whether to do without the network.
    pub offline: bool,
    /// The folder of the forks; made or brought up to date first.
    pub fork_dir: PathBuf,
    /// More arguments for each `cargo build`, such as `--locked` or `--target-dir`.
    pub cargo_args: Vec<String>,
    /// Where the steps are shown.
    pub progress: Progress,
}

impl BuildOptions {
    /// Builds `manifests` in the dev profile, silently, with the forks in `fork_dir`.
    pub fn new(
        manifests: impl IntoIterator<Item = impl Into<PathBuf>>,
        fork_dir: impl Into<PathBuf>,
    ) -> Self {
        BuildOptions {
            manifests: manifests.into_iter().map(Into::into).collect(),
            release: false,
            offline: false,
            fork_dir: fork_dir.into(),
            cargo_args: Vec::new(),
            progress: Progress::silent(),
        }
    }
}

/// A file that a build made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// The manifest in [`BuildOptions::manifests`] that it comes from.
    pub manifest: PathBuf,
    /// The package's name.
    pub package: String,
    /// The target's name.
    pub target: String,
    /// What it is.
    pub kind: ArtifactKind,
    /// Where it is, absolute.
    pub path: PathBuf,
    /// Whether it was there already, and nothing had to be built.
    pub fresh: bool,
}

/// What an [`Artifact`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArtifactKind {
    /// A program: a host.
    Executable,
    /// A shared library: a module.
    Cdylib,
}

/// Why a build failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A manifest is not there.
    #[error("there is no manifest {0}")]
    NoManifest(PathBuf),
    /// The forks could not be made.
    #[error(transparent)]
    Fork(#[from] fork::Error),
    /// Two projects want different releases of a forked crate.
    #[error(
        "{first} has {name} {first_version} in its Cargo.lock, but {second} has {second_version}; \
         a host and its modules need the same: \
         run `cargo update -p {name} --precise {first_version}` for the second"
    )]
    Versions {
        /// The crate.
        name: String,
        /// A manifest.
        first: PathBuf,
        /// Its release.
        first_version: Box<semver::Version>,
        /// Another manifest.
        second: PathBuf,
        /// Its release.
        second_version: Box<semver::Version>,
    },
    /// cargo could not be started.
    #[error("cannot start cargo; is it in PATH?")]
    Start(#[source] io::Error),
    /// cargo cannot read the project.
    #[error("cargo cannot read the project {manifest}:\n{stderr}")]
    Project {
        /// Its manifest.
        manifest: PathBuf,
        /// What cargo wrote to standard error.
        stderr: String,
    },
    /// The project was built with a tokio that is not the fork.
    #[error(
        "{manifest} was built with the registry's tokio {found}, not with the fork of {forked}: \
         its manifest must allow {forked}; if it does, run `cargo update -p tokio@{found} \
         --precise {forked}` there"
    )]
    Unpatched {
        /// The project's manifest.
        manifest: PathBuf,
        /// The release that cargo chose.
        found: semver::Version,
        /// The release that is forked.
        forked: semver::Version,
    },
    /// What cargo says cannot be understood.
    #[error("cannot read what cargo says about {0}")]
    Messages(PathBuf, #[source] io::Error),
    /// The build failed.
    #[error("cargo could not build {manifest}:\n{stderr}")]
    Failed {
        /// The project's manifest.
        manifest: PathBuf,
        /// What cargo and rustc wrote to standard error.
        stderr: String,
    },
}

/// One project, before it is built.
pub(crate) struct Project {
    manifest: PathBuf,
    /// Absolute, and without links.
    pub(crate) folder: PathBuf,
    /// Of its workspace, without what is resolved.
    pub(crate) metadata: Metadata,
    lock: Vec<LockedPackage>,
}

/// Makes the forks if they are not there, then builds each project.
///
/// cargo runs in the project's own folder, so the project's `.cargo/config.toml` holds, and in
/// the project's own target folder, unless the environment says otherwise.
///
/// # Errors
///
/// Each variant of [`Error`] is a step that failed; what cargo wrote is part of it.
///
/// # Examples
///
/// ```no_run
/// use cargo_tls_slots::build::{ArtifactKind, BuildOptions, build};
///
/// let built = build(&BuildOptions::new(["host", "modules/a"], "target/forks"))?;
/// let host = built.iter().find(|artifact| artifact.kind == ArtifactKind::Executable);
/// # Ok::<(), cargo_tls_slots::build::Error>(())
/// ```
pub fn build(options: &BuildOptions) -> Result<Vec<Artifact>, Error> {
    let result = run(options);
    if result.is_err() {
        options.progress.clear();
    }
    result
}

fn run(options: &BuildOptions) -> Result<Vec<Artifact>, Error> {
    let projects = options
        .manifests
        .iter()
        .map(|manifest| read_project(manifest))
        .collect::<Result<Vec<_>, _>>()?;
    let Some(first) = projects.first() else {
        return Ok(Vec::new());
    };
    let with_tokio = common_versions(&projects)?;
    // Without names, `fork` takes the crates of the lock files that there are recipes for. A version
    // that no lock file holds is the recipe's default.
    let mut locks: Vec<PathBuf> = projects
        .iter()
        .map(|project| lockfile(&project.metadata))
        .collect();
    locks.swap(0, with_tokio.unwrap_or(0));
    let mut locks = locks.into_iter().filter(|path| path.is_file());
    let forked = fork::fork(&ForkOptions {
        lockfile: locks.next(),
        more_lockfiles: locks.collect(),
        manifest_path: Some(first.manifest.clone()),
        offline: options.offline,
        folder: first.folder.clone(),
        progress: options.progress.clone(),
        ..ForkOptions::new(&options.fork_dir)
    })?;
    let mut artifacts = Vec::new();
    for project in &projects {
        artifacts.extend(build_project(options, project, &forked)?);
    }
    Ok(artifacts)
}

/// Checks what [`build`] checks before it builds anything: that the projects' lock files agree.
pub(crate) fn common(options: &BuildOptions) -> Result<(), Error> {
    let projects = options
        .manifests
        .iter()
        .map(|manifest| read_project(manifest))
        .collect::<Result<Vec<_>, _>>()?;
    common_versions(&projects).map(drop)
}

fn lockfile(metadata: &Metadata) -> PathBuf {
    metadata
        .workspace_root
        .join("Cargo.lock")
        .into_std_path_buf()
}

pub(crate) fn read_project(manifest: &Path) -> Result<Project, Error> {
    let manifest = match manifest.is_dir() {
        true => manifest.join("Cargo.toml"),
        false => manifest.to_owned(),
    };
    let absolute = manifest
        .canonicalize()
        .map_err(|_| Error::NoManifest(manifest.clone()))?;
    let folder = absolute.parent().unwrap_or(Path::new("/")).to_owned();
    let output = cargo::command(&folder)
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .arg("--manifest-path")
        .arg(&absolute)
        .output()
        .map_err(Error::Start)?;
    let failed = |stderr: String| Error::Project {
        manifest: manifest.clone(),
        stderr,
    };
    if !output.status.success() {
        return Err(failed(text(&output.stderr)));
    }
    let metadata =
        MetadataCommand::parse(text(&output.stdout)).map_err(|error| failed(error.to_string()))?;
    let lock = lockfile(&metadata);
    let lock = match lock.is_file() {
        true => LockedPackage::read(&lock).map_err(fork::Error::from)?,
        false => Vec::new(),
    };
    Ok(Project {
        manifest,
        folder,
        metadata,
        lock,
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end().to_owned()
}

/// Sees to it that the projects' lock files hold the same release of each crate that is forked, and
/// returns the index of a project whose lock file holds tokio.
fn common_versions(projects: &[Project]) -> Result<Option<usize>, Error> {
    let mut with_tokio = None;
    for name in Recipe::names() {
        let recipe = Recipe::embedded(name).into_iter().flatten().next();
        let is_meant = |package: &&LockedPackage| {
            package.name == name
                && match name {
                    "tokio" => package.version.major == 1,
                    _ => recipe
                        .as_ref()
                        .is_some_and(|recipe| recipe.supports(&package.version)),
                }
        };
        let mut chosen: Option<(usize, &semver::Version)> = None;
        for (index, project) in projects.iter().enumerate() {
            let Some(package) = project.lock.iter().find(is_meant) else {
                continue;
            };
            match chosen {
                None => chosen = Some((index, &package.version)),
                Some((_, version)) if *version == package.version => {}
                Some((first, version)) => {
                    return Err(Error::Versions {
                        name: name.to_owned(),
                        first: projects[first].manifest.clone(),
                        first_version: Box::new(version.clone()),
                        second: project.manifest.clone(),
                        second_version: Box::new(package.version.clone()),
                    });
                }
            }
        }
        if name == "tokio" {
            with_tokio = chosen.map(|(index, _)| index);
        }
    }
    Ok(with_tokio)
}

/// The crates that a project names, in its manifests and those of its path dependencies, or has
/// in its lock file. cargo warns of a patch that is none of these.
fn used_crates(project: &Project) -> BTreeSet<String> {
    let mut used: BTreeSet<String> = project.lock.iter().map(|one| one.name.clone()).collect();
    let mut to_read: Vec<PathBuf> = Vec::new();
    for package in &project.metadata.packages {
        for dependency in &package.dependencies {
            used.insert(dependency.name.clone());
            to_read.extend(
                dependency
                    .path
                    .iter()
                    .map(|path| path.clone().into_std_path_buf()),
            );
        }
    }
    let mut seen = BTreeSet::new();
    while let Some(folder) = to_read.pop() {
        if !seen.insert(folder.clone()) {
            continue;
        }
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
        let Ok(manifest) = toml::from_str::<toml::Table>(&manifest) else {
            continue;
        };
        named_crates(&manifest, &folder, &mut used, &mut to_read);
    }
    used
}

fn named_crates(
    table: &toml::Table,
    folder: &Path,
    used: &mut BTreeSet<String>,
    paths: &mut Vec<PathBuf>,
) {
    for (key, value) in table {
        let Some(value) = value.as_table() else {
            continue;
        };
        match key.as_str() {
            "dependencies" | "build-dependencies" => {
                for (name, dependency) in value {
                    let part = |key: &str| dependency.get(key).and_then(toml::Value::as_str);
                    used.insert(part("package").unwrap_or(name).to_owned());
                    paths.extend(part("path").map(|path| folder.join(path)));
                }
            }
            "target" => {
                for platform in value.values().filter_map(toml::Value::as_table) {
                    named_crates(platform, folder, used, paths);
                }
            }
            _ => {}
        }
    }
}

fn build_project(
    options: &BuildOptions,
    project: &Project,
    forked: &Forked,
) -> Result<Vec<Artifact>, Error> {
    let label = project.manifest.display();
    options.progress.step(&format!("building {label}"));
    let used = used_crates(project);
    // tokio may come in through any dependency, which only the lock file would tell.
    let patches = forked.config_args(|name| name == "tokio" || used.contains(name));

    let mut command = cargo::command(&project.folder);
    command
        .arg("build")
        .args(patches)
        .args(["--message-format", "json-render-diagnostics"])
        .arg("--manifest-path")
        .arg(project.folder.join("Cargo.toml"));
    if options.release {
        command.arg("--release");
    }
    if options.offline {
        command.arg("--offline");
    }
    let mut child = command
        .args(&options.cargo_args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(Error::Start)?;

    // cargo's words, as they come; kept, to be shown whole if the build fails.
    let stderr = child.stderr.take();
    let progress = options.progress.clone();
    let words = std::thread::spawn(move || {
        let mut all = String::new();
        let mut shown = String::new();
        for line in stderr
            .map(BufReader::new)
            .into_iter()
            .flat_map(BufRead::lines)
        {
            let Ok(line) = line else { break };
            match status(&line) {
                Some(status) => progress.detail(status),
                None => shown = shown + &line + "\n",
            }
            all = all + &line + "\n";
        }
        (all, shown)
    });
    let read = read_artifacts(project, child.stdout.take());
    if read.is_err() {
        // Nobody reads it any more; it must not wait for that.
        let _ = child.kill();
    }
    let status = child.wait().map_err(Error::Start)?;
    let (all, shown) = words.join().unwrap_or_default();
    if !status.success() {
        return Err(Error::Failed {
            manifest: project.manifest.clone(),
            stderr: all.trim_end().to_owned(),
        });
    }
    // Warnings.
    if !shown.trim().is_empty() {
        options.progress.line(shown.trim_end());
    }
    let (artifacts, unpatched) =
        read.map_err(|source| Error::Messages(project.manifest.clone(), source))?;
    let fork = forked.crates.iter().find(|one| one.name == "tokio");
    if let (Some(found), Some(fork)) = (unpatched, fork) {
        return Err(Error::Unpatched {
            manifest: project.manifest.clone(),
            found,
            forked: fork.version.clone(),
        });
    }
    let unchanged = artifacts.iter().all(|artifact| artifact.fresh);
    options.progress.done(&match unchanged {
        true => format!("{label} is up to date"),
        false => format!("built {label}"),
    });
    Ok(artifacts)
}

/// A line of cargo's that only says how far it is, such as `   Compiling tokio v1.54.1`.
fn status(line: &str) -> Option<&str> {
    let text = line.trim_start();
    let word = text.split_whitespace().next()?;
    let known = [
        "Adding",
        "Blocking",
        "Building",
        "Checking",
        "Compiling",
        "Dirty",
        "Downgrading",
        "Downloaded",
        "Downloading",
        "Finished",
        "Fresh",
        "Locking",
        "Removing",
        "Running",
        "Updating",
        "Upgrading",
    ];
    (text.len() < line.len() && known.contains(&word)).then_some(text)
}

/// The artifacts of the project itself, and the version of a registry's tokio 1, if one was used.
fn read_artifacts(
    project: &Project,
    stdout: Option<std::process::ChildStdout>,
) -> io::Result<(Vec<Artifact>, Option<semver::Version>)> {
    let members: BTreeMap<_, _> = project
        .metadata
        .packages
        .iter()
        .map(|package| (&package.id, package.name.to_string()))
        .collect();
    let mut artifacts = Vec::new();
    let mut unpatched = None;
    let Some(stdout) = stdout else {
        return Ok((artifacts, unpatched));
    };
    for message in Message::parse_stream(BufReader::new(stdout)) {
        let Message::CompilerArtifact(artifact) = message? else {
            continue;
        };
        unpatched = unpatched.or_else(|| registry_tokio(&artifact.package_id.repr));
        let Some(package) = members.get(&artifact.package_id) else {
            continue;
        };
        let mut push = |kind, path: &Path| {
            artifacts.push(Artifact {
                manifest: project.manifest.clone(),
                package: package.clone(),
                target: artifact.target.name.clone(),
                kind,
                path: path.to_owned(),
                fresh: artifact.fresh,
            });
        };
        if let Some(path) = &artifact.executable {
            push(ArtifactKind::Executable, path.as_std_path());
        } else if artifact.target.kind.contains(&TargetKind::CDyLib) {
            let library = |path: &&cargo_metadata::camino::Utf8PathBuf| {
                matches!(path.extension(), Some("so" | "dylib" | "dll"))
            };
            if let Some(path) = artifact.filenames.iter().find(library) {
                push(ArtifactKind::Cdylib, path.as_std_path());
            }
        }
    }
    Ok((artifacts, unpatched))
}

/// The version of tokio 1 in a package id such as `registry+https://…#tokio@1.54.1`.
fn registry_tokio(id: &str) -> Option<semver::Version> {
    let (source, package) = id.rsplit_once('#')?;
    let version: semver::Version = package.strip_prefix("tokio@")?.parse().ok()?;
    (version.major == 1 && !source.starts_with("path+")).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registrys_tokio_is_known_by_its_id() {
        let tokio = |id| registry_tokio(id).map(|version| version.to_string());
        assert_eq!(
            tokio("registry+https://x/y#tokio@1.54.1").as_deref(),
            Some("1.54.1")
        );
        assert_eq!(tokio("registry+https://x/y#tokio@0.2.25"), None);
        assert_eq!(tokio("registry+https://x/y#tokio-util@1.0.0"), None);
        assert_eq!(tokio("path+file:///forks/tokio#1.54.1"), None);
    }

    #[test]
    fn only_cargos_own_lines_are_steps() {
        assert_eq!(status("   Compiling a v1.0.0"), Some("Compiling a v1.0.0"));
        assert_eq!(
            status("    Finished `dev` profile"),
            Some("Finished `dev` profile")
        );
        assert_eq!(status("warning: unused"), None);
        assert_eq!(status("Compiling is what it says"), None);
        assert_eq!(status("   = note: x"), None);
        assert_eq!(status(""), None);
    }

    #[test]
    fn named_crates_are_found_in_every_table() {
        let table: toml::Table = "[dependencies]\na = '1'\nb = { package = 'c', path = '../c' }\n\
             [build-dependencies]\nd = '1'\n[target.'cfg(unix)'.dependencies]\ne = '1'\n\
             [dev-dependencies]\nf = '1'\n"
            .parse()
            .unwrap();
        let (mut used, mut paths) = (BTreeSet::new(), Vec::new());
        named_crates(&table, Path::new("/x/y"), &mut used, &mut paths);
        assert_eq!(Vec::from_iter(used), ["a", "c", "d", "e"]);
        assert_eq!(paths, [Path::new("/x/y/../c")]);
    }
}
