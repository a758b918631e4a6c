//! The measured projects: copied below the target folder, and built there.
//!
//! There are two copies, one for the fork and one for the tokio of the registry. Their lock files
//! differ, and lines of a `Cargo.toml` that end in `# fork` name what only the fork has.
//!
//! A copy is made because cargo writes into a project: the fork's patches change the lock file. A
//! file is copied only if it has changed, so a second run builds nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cargo_tls_slots::cargo;
use cargo_tls_slots::fork::{self, CrateSpec, ForkOptions, Forked};
use cargo_tls_slots::with_causes;

use crate::error::Error;
use crate::places;

/// The tokio that a project gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tokio {
    /// Upstream's, from the registry.
    Upstream,
    /// The fork.
    Fork,
}

/// How a project is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Cargo's release profile as it is.
    Release,
    /// With fat LTO and one codegen unit.
    Fat,
}

impl Profile {
    /// The profile's name, for cargo.
    pub fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Fat => "fat",
        }
    }
}

/// The place where projects are built.
#[derive(Debug)]
pub struct Work {
    folder: PathBuf,
    forked: Forked,
}

/// Something to build.
#[derive(Clone, Copy, Debug)]
pub struct Build<'a> {
    /// The project's folder below `projects/`.
    pub project: &'a str,
    /// The tokio that it gets.
    pub tokio: Tokio,
    /// The features to turn on, commas between.
    pub features: &'a str,
    /// How it is compiled.
    pub profile: Profile,
    /// The target folder's name. Projects with the same target folder share the builds of their
    /// dependencies. The final files of two builds there must have different names.
    pub target: &'a str,
}

impl Work {
    /// Forks tokio and copies the projects; cheap when nothing has changed.
    ///
    /// # Errors
    ///
    /// If the fork cannot be made, or a file cannot be copied.
    pub fn prepare(folder: &Path) -> Result<Self, Error> {
        fs::create_dir_all(folder)
            .map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
        let folder = folder.canonicalize().map_err(|error| error.to_string())?;
        let source = places::folder().join("projects");
        let mut options = ForkOptions::new(folder.join("forks"));
        options.lockfile = Some(source.join("Cargo.lock"));
        // Nothing else that the workloads use has state to share.
        options.crates = vec![CrateSpec {
            name: "tokio".to_owned(),
            version: None,
        }];
        let forked = fork::fork(&options).map_err(|error| with_causes(&error))?;
        let work = Self { folder, forked };
        for tokio in [Tokio::Upstream, Tokio::Fork] {
            copy(&source, &work.source(tokio), tokio)?;
        }
        Ok(work)
    }

    /// The folder that everything is built in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the copy of the projects for that tokio is.
    pub fn source(&self, tokio: Tokio) -> PathBuf {
        self.folder.join(match tokio {
            Tokio::Upstream => "upstream",
            Tokio::Fork => "fork",
        })
    }

    /// Builds a project, and returns the folder with its files.
    ///
    /// # Errors
    ///
    /// If cargo fails, with what it wrote.
    pub fn build(&self, build: Build<'_>) -> Result<PathBuf, Error> {
        let source = self.source(build.tokio);
        let target = self.folder.join("target").join(build.target);
        let mut command = cargo();
        command.current_dir(&source).arg("build");
        if build.tokio == Tokio::Fork {
            command.args(self.forked.cargo_config_args());
        }
        command
            .args(["--profile", build.profile.name()])
            .arg("--manifest-path")
            .arg(source.join(build.project).join("Cargo.toml"))
            .arg("--target-dir")
            .arg(&target);
        if !build.features.is_empty() {
            command.args(["--features", build.features]);
        }
        eprintln!("building {} ({})", build.project, build.target);
        run_cargo(&mut command)?;
        Ok(target.join(build.profile.name()))
    }
}

impl Work {
    /// Builds a project in cargo's release profile, without features; returns the folder with its
    /// files.
    ///
    /// # Errors
    ///
    /// If cargo fails, with what it wrote.
    pub fn release(&self, project: &str, tokio: Tokio, target: &str) -> Result<PathBuf, Error> {
        self.build(Build {
            project,
            tokio,
            features: "",
            profile: Profile::Release,
            target,
        })
    }
}

/// A cargo command, without what this process's own cargo says.
pub fn cargo() -> Command {
    let mut command = Command::new(cargo::program());
    cargo::isolate(&mut command);
    command
}

/// Runs a cargo command to its end.
///
/// # Errors
///
/// If cargo fails, with what it wrote.
pub fn run_cargo(command: &mut Command) -> Result<(), Error> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "cargo failed:\n{}",
        String::from_utf8_lossy(&output.stderr).trim_end()
    ))
}

/// What only the fork's copy has: lines of the workspace's `Cargo.toml` that end in `# fork` name
/// these folders.
const FORK_ONLY: [&str; 3] = ["module", "small", "stub"];

/// Copies the projects for one of the tokios.
fn copy(from: &Path, to: &Path, tokio: Tokio) -> Result<(), Error> {
    let edit = |path: &Path, content: Vec<u8>| edit(to, tokio, path, content);
    places::copy(from, to, &edit).map_err(|error| {
        format!(
            "cannot copy {} to {}: {error}",
            from.display(),
            to.display()
        )
    })
}

/// The copy of a file of the projects, if there is to be one.
fn edit(to: &Path, tokio: Tokio, path: &Path, content: Vec<u8>) -> io::Result<Option<Vec<u8>>> {
    let upstream = tokio == Tokio::Upstream;
    if upstream && FORK_ONLY.iter().any(|only| path.starts_with(only)) {
        return Ok(None);
    }
    if path.ends_with("Cargo.lock") {
        // cargo adds to the copy what the fork brings. The copy is made anew when the seed changes.
        let copied = to.join(path);
        let mark = copied.with_file_name(".seed");
        if fs::read(&mark).is_ok_and(|seed| seed == content) && copied.is_file() {
            return Ok(None);
        }
        if let Some(folder) = mark.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&mark, &content)?;
    } else if path.ends_with("Cargo.toml") && upstream {
        let text = String::from_utf8_lossy(&content);
        let kept = text.lines().filter(|line| !line.ends_with("# fork"));
        return Ok(Some(
            kept.flat_map(|line| [line, "\n"])
                .collect::<String>()
                .into_bytes(),
        ));
    }
    Ok(Some(content))
}
