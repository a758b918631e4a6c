//! Reads a project: its metadata, by cargo, and its lock file.
//!
//! `cargo metadata --no-deps --offline` tells the workspace, its packages and the target folder,
//! and resolves nothing. So it needs no network, changes no lock file, and works before the forks
//! are there that a `[patch]` of the project may point to.

use std::path::{Path, PathBuf};

use cargo_metadata::{Metadata, MetadataCommand};

use super::error::ProjectError as Error;
use crate::cargo;
use crate::upstream::lockfile::Lock;

/// A project, before it is built.
pub(crate) struct Project {
    /// The `Cargo.toml`, by the path that was given.
    pub(crate) cargo_toml: PathBuf,
    /// The folder of the `Cargo.toml`, absolute and without links.
    pub(crate) folder: PathBuf,
    /// The metadata of the project's workspace, without what cargo resolves.
    pub(crate) metadata: Metadata,
    /// What the lock file holds; nothing if there is none.
    pub(crate) lock: Lock,
}

impl Project {
    /// Where the lock file of the project's workspace is, or would be.
    pub(crate) fn lockfile(&self) -> PathBuf {
        lockfile(&self.metadata)
    }
}

/// The lock file belongs to the workspace, which may be a folder further up.
fn lockfile(metadata: &Metadata) -> PathBuf {
    metadata
        .workspace_root
        .join("Cargo.lock")
        .into_std_path_buf()
}

/// Reads the project whose `Cargo.toml`, or whose folder, this is.
///
/// # Errors
///
/// Each variant of [`Error`].
pub(crate) fn read_project(path: &Path) -> Result<Project, Error> {
    let cargo_toml = match path.is_dir() {
        true => path.join("Cargo.toml"),
        false => path.to_owned(),
    };
    let absolute = cargo_toml
        .canonicalize()
        .map_err(|_| Error::NoCargoToml(cargo_toml.clone()))?;
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
    let failed = |stderr: String| Error::Unreadable {
        cargo_toml: cargo_toml.clone(),
        stderr,
    };
    if !output.status.success() {
        return Err(failed(text(&output.stderr)));
    }
    let metadata =
        MetadataCommand::parse(text(&output.stdout)).map_err(|error| failed(error.to_string()))?;
    let lock = lockfile(&metadata);
    let lock = match lock.is_file() {
        true => Lock::read(&lock)?,
        false => Lock::default(),
    };
    Ok(Project {
        cargo_toml,
        folder,
        metadata,
        lock,
    })
}

/// What cargo wrote, for an error.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end().to_owned()
}
