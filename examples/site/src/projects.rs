//! The four cargo projects of the demo, and their builds.
//!
//! The problem: all four must get the same forked tokio, and otherwise know nothing of each other:
//! no common workspace, no common lock file, no common build.
//!
//! The way: each is built by a cargo of its own, with the patch lines for the fork injected by the
//! library behind `cargo tls-slots`.
//!
//! The four builds use the target folder that this program lies in, where cargo finds what an
//! earlier build has compiled. Each program and library gets its own copy of tokio from there, but
//! tokio is compiled once. With `--separate`, each build has a target folder of its own, as on four
//! machines. Nothing else changes.

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
    /// The target folder of this program.
    pub(crate) target: &'a Path,
    /// Whether each project has a target folder of its own.
    pub(crate) separate: bool,
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
        let cargo_toml = self.folder.join(folder).join("Cargo.toml");
        let target = match self.separate {
            true => self.target.join("site-build").join(name),
            false => self.target.to_owned(),
        };
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
            ..BuildOptions::new([cargo_toml], self.target.join("forks"))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Where each of the four builds puts its files.
    fn target_folders(separate: bool) -> Vec<String> {
        let projects = Projects {
            folder: Path::new("demo"),
            target: Path::new("target"),
            separate,
            release: false,
            offline: true,
        };
        let mut builds = projects.modules().expect("the path is UTF-8");
        builds.push(projects.options("host", "host").expect("the path is UTF-8"));
        let folder = |build: &BuildOptions| build.cargo_args.last().cloned();
        builds.iter().filter_map(folder).collect()
    }

    #[test]
    fn the_projects_share_a_target_folder_unless_they_are_separate() {
        assert_eq!(target_folders(false), ["target"; 4]);
        assert_eq!(
            target_folders(true),
            ["markdown", "math", "style", "host"].map(|name| format!("target/site-build/{name}"))
        );
    }
}
