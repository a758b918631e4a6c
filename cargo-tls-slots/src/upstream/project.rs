//! Throw-away projects, by which cargo is asked.
//!
//! The project lies in the system's folder for temporary files, with `[workspace]` in its
//! `Cargo.toml` so that no project around it interferes. cargo is started in the *user's* folder
//! all the same: it looks for its configuration from there upwards.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use tempfile::TempDir;

use super::error::UpstreamError;
use super::lockfile::Lock;
use crate::cargo;

/// The name of each throw-away project, whose version is 0.0.0.
pub(super) const NAME: &str = "tls-slots-fork";

/// A project in a temporary folder, which goes when the value is dropped.
pub(super) struct Project {
    folder: TempDir,
}

impl Project {
    /// Writes a project with these dependencies, lines of TOML.
    ///
    /// # Errors
    ///
    /// [`UpstreamError::Project`].
    pub(super) fn new(dependencies: &str) -> Result<Self, UpstreamError> {
        let folder = tempfile::Builder::new()
            .prefix("tls-slots-fork-")
            .tempdir()
            .map_err(UpstreamError::Project)?;
        let project = Project { folder };
        project.write("lib.rs", "")?;
        let head = format!(
            "[package]\nname = \"{NAME}\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\
             [lib]\npath = \"lib.rs\"\n[workspace]\n[dependencies]\n"
        );
        project.write("Cargo.toml", &(head + dependencies))?;
        Ok(project)
    }

    /// Gives the project a lock file.
    ///
    /// # Errors
    ///
    /// [`UpstreamError::Project`].
    pub(super) fn write_lock(&self, text: &str) -> Result<(), UpstreamError> {
        self.write("Cargo.lock", text)
    }

    fn write(&self, name: &str, text: &str) -> Result<(), UpstreamError> {
        fs::write(self.path(name), text).map_err(UpstreamError::Project)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs cargo for this project in `folder`, whose configuration then holds.
    ///
    /// # Errors
    ///
    /// [`UpstreamError::Start`]. What cargo itself says of a failure is in the output.
    pub(super) fn cargo(
        &self,
        args: &[&str],
        folder: &Path,
        offline: bool,
    ) -> Result<Output, UpstreamError> {
        let mut command = cargo::command(folder);
        command
            .args(args)
            .arg("--manifest-path")
            .arg(self.path("Cargo.toml"));
        if offline {
            command.arg("--offline");
        }
        command.output().map_err(UpstreamError::Start)
    }

    /// The lock file that cargo has written, if it can be read.
    pub(super) fn locked(&self) -> Option<Lock> {
        let text = fs::read_to_string(self.path("Cargo.lock")).ok()?;
        Lock::parse(&text).ok()
    }
}
