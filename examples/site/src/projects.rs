//! The four cargo projects of the demo, and their builds.
//!
//! Problem: all four must get the same forked tokio, and otherwise know nothing of each other: no
//! common workspace, no common lock file, no common target folder. So each is a build of its own,
//! with the patch lines for the fork injected by the library behind `cargo tls-slots`.

use std::path::{Path, PathBuf};

use cargo_tls_slots::build::{ArtifactKind, BuildOptions, build};
use cargo_tls_slots::progress::Progress;
use cargo_tls_slots::with_causes;

/// The module's names: their folders, and the host's options.
const MODULES: [&str; 3] = ["markdown", "math", "style"];

/// The demo's projects, and how to build them.
#[derive(Debug)]
pub(crate) struct Projects<'a> {
    /// The folder of `host`, `modules` and `contract`.
    pub(crate) folder: &'a Path,
    /// The target folder, in which each project gets one of its own.
    pub(crate) target: &'a Path,
    pub(crate) release: bool,
    pub(crate) offline: bool,
}

/// What the builds made.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) host: PathBuf,
    /// The modules' names and files.
    pub(crate) modules: Vec<(&'static str, PathBuf)>,
    /// How many of the four had to be built.
    pub(crate) changed: usize,
}

impl Projects<'_> {
    /// Forks tokio if need be, and builds the host and then the modules.
    pub(crate) fn build(&self) -> Result<Built, String> {
        let mut changed = 0;
        let host = self.project("host", "host", ArtifactKind::Executable, &mut changed)?;
        let mut modules = Vec::new();
        for name in MODULES {
            let folder = format!("modules/{name}");
            let file = self.project(name, &folder, ArtifactKind::Cdylib, &mut changed)?;
            modules.push((name, file));
        }
        Ok(Built {
            host,
            modules,
            changed,
        })
    }

    /// How the project in `folder` is built.
    fn options(&self, name: &str, folder: &str) -> Result<BuildOptions, String> {
        let manifest = self.folder.join(folder).join("Cargo.toml");
        let target = self.target.join("site-build").join(name);
        let target = target
            .to_str()
            .ok_or("the target folder's path is not UTF-8")?;
        Ok(BuildOptions {
            release: self.release,
            offline: self.offline,
            // The lock files are part of the demo: its projects agree on every version that both
            // sides see, and no build may change that.
            cargo_args: ["--locked", "--target-dir", target]
                .map(str::to_owned)
                .to_vec(),
            progress: Progress::stderr(),
            ..BuildOptions::new([manifest], self.target.join("forks"))
        })
    }

    /// How each of the modules is built.
    pub(crate) fn modules(&self) -> Result<Vec<BuildOptions>, String> {
        let options = |name: &&str| self.options(name, &format!("modules/{name}"));
        MODULES.iter().map(options).collect()
    }

    /// Builds the project in `folder`, and returns the file of the given kind.
    fn project(
        &self,
        name: &str,
        folder: &str,
        kind: ArtifactKind,
        changed: &mut usize,
    ) -> Result<PathBuf, String> {
        let artifacts = build(&self.options(name, folder)?)
            .map_err(|error| format!("cannot build {folder}: {}", with_causes(&error)))?;
        *changed += usize::from(artifacts.iter().any(|artifact| !artifact.fresh));
        let artifact = artifacts.into_iter().find(|artifact| artifact.kind == kind);
        let artifact = artifact.ok_or_else(|| format!("the build of {folder} made no {kind:?}"))?;
        Ok(artifact.path)
    }
}
