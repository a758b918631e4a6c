//! What a build is told, and what it makes.
//!
//! Options are a struct with public fields. Callers start with [`BuildOptions::new`] and change
//! what they need, as the command line, [`watch`](crate::watch) and the demo's driver do.

use std::path::PathBuf;

use crate::progress::Progress;

/// What to build, and how.
///
/// # Examples
///
/// A host and a module, optimised, with a target folder of their own:
///
/// ```
/// use cargo_tls_slots::build::BuildOptions;
///
/// let options = BuildOptions {
///     release: true,
///     cargo_args: vec!["--target-dir".to_owned(), "target/shipped".to_owned()],
///     ..BuildOptions::new(["host", "module"], "target/forks")
/// };
/// assert_eq!(options.cargo_tomls.len(), 2);
/// ```
#[derive(Clone, Debug)]
pub struct BuildOptions {
    /// The `Cargo.toml`s of the projects, or the folders that they are in. The projects are built
    /// one after another.
    pub cargo_tomls: Vec<PathBuf>,
    /// Whether to build with optimisations, `--release`.
    pub release: bool,
    /// Whether cargo must do without the network.
    pub offline: bool,
    /// The folder of the forks, which are made or brought up to date first.
    pub fork_dir: PathBuf,
    /// More arguments for each `cargo build`, such as `--locked` or `--target-dir`.
    pub cargo_args: Vec<String>,
    /// Where the steps are shown.
    pub progress: Progress,
}

impl BuildOptions {
    /// Builds `cargo_tomls` in the dev profile, silently, with the forks in `fork_dir`.
    pub fn new(
        cargo_tomls: impl IntoIterator<Item = impl Into<PathBuf>>,
        fork_dir: impl Into<PathBuf>,
    ) -> Self {
        BuildOptions {
            cargo_tomls: cargo_tomls.into_iter().map(Into::into).collect(),
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
    /// The project's `Cargo.toml`, as in [`BuildOptions::cargo_tomls`].
    pub cargo_toml: PathBuf,
    /// The package's name.
    pub package: String,
    /// The target's name: that of the program, or that of the library.
    pub target: String,
    /// Whether the file is a program or a library.
    pub kind: ArtifactKind,
    /// The absolute path of the file.
    pub path: PathBuf,
    /// Whether the file was there already, and nothing had to be built.
    ///
    /// cargo says so. Where another cargo has built the file a moment before, it is fresh too,
    /// though this caller may not have seen it yet.
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
