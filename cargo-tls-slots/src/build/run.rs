//! The steps of a build, for all projects: read them, compare their lock files, fork, compile.

use std::path::PathBuf;

use super::compile::build_project;
use super::error::Error;
use super::options::{Artifact, BuildOptions};
use super::versions::common_versions;
use crate::fork::{self, ForkOptions};
use crate::project::read::{Project, read_project};

/// Makes the forks if they are not there, then builds each project.
///
/// cargo runs in the project's own folder, so the project's `.cargo/config.toml` holds, and in
/// the project's own target folder, unless the environment says otherwise.
///
/// # Errors
///
/// Each variant of [`Error`] is a step that failed; what cargo wrote is part of the error.
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

/// [`build`], without the last step: to take the progress off the terminal before an error.
fn run(options: &BuildOptions) -> Result<Vec<Artifact>, Error> {
    let projects = read_all(options)?;
    let Some(first) = projects.first() else {
        return Ok(Vec::new());
    };
    let with_tokio = common_versions(&projects)?;
    // Without names, `fork` takes the crates of the lock files that there are recipes for. A lock
    // file with tokio comes first: the others may hold none.
    let mut locks: Vec<PathBuf> = projects.iter().map(Project::lockfile).collect();
    locks.swap(0, with_tokio.unwrap_or(0));
    let mut locks = locks.into_iter().filter(|path| path.is_file());
    let forked = fork::fork(&ForkOptions {
        lockfile: locks.next(),
        more_lockfiles: locks.collect(),
        manifest_path: Some(first.cargo_toml.clone()),
        offline: options.offline,
        folder: first.folder.clone(),
        progress: options.progress.clone(),
        ..ForkOptions::new(&options.fork_dir)
    })?;
    let left = forked.left.iter().filter(|one| !one.is_harmless()).count();
    if left > 0 {
        options.progress.line(&format!(
            "{left} crates are left as published; `cargo tls-slots fork` says which, and why"
        ));
    }
    let mut artifacts = Vec::new();
    for project in &projects {
        artifacts.extend(build_project(options, project, &forked)?);
    }
    Ok(artifacts)
}

/// Checks that the projects' lock files agree, as [`build`] does before it builds anything.
///
/// # Errors
///
/// [`Error::Versions`] if they do not, and the errors of [`read_project`].
pub(crate) fn check_versions(options: &BuildOptions) -> Result<(), Error> {
    common_versions(&read_all(options)?).map(drop)
}

/// Reads the projects of the options, in their order.
fn read_all(options: &BuildOptions) -> Result<Vec<Project>, Error> {
    let projects = options.cargo_tomls.iter();
    projects.map(|path| Ok(read_project(path)?)).collect()
}
