//! The measured projects: copied below the target folder, and built there.
//!
//! Two copies, as in the tests of this repository: the lock file differs between the fork and the
//! tokio of the registry, and lines of a manifest that end in `# fork` name what only the fork has.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cargo_tls_slots::cargo;
use cargo_tls_slots::fork::{self, CrateSpec, ForkOptions, Forked};
use cargo_tls_slots::with_causes;

use crate::Error;

/// Which tokio a project gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tokio {
    /// Upstream's, from the registry.
    Upstream,
    /// The fork.
    Fork,
}

/// How it is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Cargo's release profile as it is.
    Release,
    /// With fat LTO and one codegen unit.
    Fat,
}

impl Profile {
    /// Cargo's name for it.
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
    /// Its folder below `projects/`.
    pub project: &'a str,
    /// The tokio.
    pub tokio: Tokio,
    /// Cargo features.
    pub features: &'a str,
    /// The profile.
    pub profile: Profile,
    /// The target folder's name. What shares one shares the dependencies' builds, so projects that
    /// are supposed to know nothing of each other have different ones.
    pub target: &'a str,
}

impl Work {
    /// Forks tokio and copies the projects; cheap when nothing has changed.
    ///
    /// # Errors
    ///
    /// What failed.
    pub fn prepare(folder: &Path) -> Result<Self, Error> {
        fs::create_dir_all(folder)
            .map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
        let folder = folder.canonicalize().map_err(|error| error.to_string())?;
        let source = crate::folder().join("projects");
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

    /// The folder that everything is in.
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
    /// What cargo says.
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

/// Cargo, without what this process's own cargo has told it.
pub fn cargo() -> Command {
    let mut command = Command::new(cargo::program());
    cargo::isolate(&mut command);
    command
}

/// Runs it to its end; an error has all that it wrote.
///
/// # Errors
///
/// What cargo says.
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

/// Copies the projects. A file that is as it was is left alone: cargo looks at its time.
fn copy(from: &Path, to: &Path, tokio: Tokio) -> Result<(), Error> {
    copy_folder(from, to, tokio).map_err(|error| {
        format!(
            "cannot copy {} to {}: {error}",
            from.display(),
            to.display()
        )
    })
}

/// What only the fork's copy has: the manifest of the workspace names them with `# fork`.
const FORK_ONLY: [&str; 3] = ["module", "small", "stub"];

fn copy_folder(from: &Path, to: &Path, tokio: Tokio) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        let copy = to.join(&name);
        let top = path
            .parent()
            .is_some_and(|parent| parent.ends_with("projects"));
        if tokio == Tokio::Upstream && top && FORK_ONLY.iter().any(|only| name == *only) {
            continue;
        }
        if path.is_dir() {
            copy_folder(&path, &copy, tokio)?;
            continue;
        }
        let mut content = fs::read(&path)?;
        if name == "Cargo.lock" {
            // Cargo completes the copy by what the fork adds; it is made anew when the seed
            // changes.
            let mark = to.join(".seed");
            if fs::read(&mark).ok().as_ref() == Some(&content) && copy.is_file() {
                continue;
            }
            fs::write(&mark, &content)?;
        } else if name == "Cargo.toml" && tokio == Tokio::Upstream {
            let text = String::from_utf8_lossy(&content);
            let kept: String = text
                .lines()
                .filter(|line| !line.ends_with("# fork"))
                .map(|line| format!("{line}\n"))
                .collect();
            content = kept.into_bytes();
        }
        if fs::read(&copy).ok().as_ref() != Some(&content) {
            fs::write(&copy, content)?;
        }
    }
    Ok(())
}
