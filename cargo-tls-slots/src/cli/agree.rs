//! `cargo tls-slots agree`.
//!
//! The problem: a value of a crate that nobody has forked crosses between host and module, and a
//! feature on one side has changed what is in it. A lock file holds no features, so one lock file
//! for both does not help.
//!
//! The way: a forked crate says in each image what it was built from. So the crate is forked, in
//! every project that is named, in one version. If it has no state, the fork does nothing else.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::fork::ForkArgs;
use super::shared::Done;
use crate::fork::CrateSpec;

/// Have host and modules compare the crates whose types cross between them
///
/// Forks the crates and patches the projects to the forks, which say what they were built from:
/// version, sources, features, cfgs, and the versions of their dependencies. A module that differs
/// is then refused when it is loaded, with both sides named. Without this, only types whose names,
/// sizes or compiler's ids differ are refused.
///
/// For a crate of your own, write `tls_keys::agree!();` into it instead.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo tls-slots agree serde_json
      in this project; run it in the host and in each module
  cargo tls-slots agree serde_json bytes --manifest-path host/Cargo.toml --manifest-path module/Cargo.toml
      in both, in the versions that each project's Cargo.lock has")]
pub(super) struct AgreeArgs {
    /// The crates, as NAME or NAME@VERSION
    #[arg(value_name = "NAME[@VERSION]", required = true)]
    crates: Vec<CrateSpec>,

    /// A project; can be given several times [default: the current folder's]
    #[arg(long, value_name = "FILE")]
    manifest_path: Vec<PathBuf>,

    /// Use only what is on this machine
    #[arg(long)]
    offline: bool,

    /// Say nothing but the result
    #[arg(long, short)]
    quiet: bool,
}

impl AgreeArgs {
    /// Forks the crates for each project, and writes the patch lines.
    pub(super) fn run(self) -> Done {
        let projects = match self.manifest_path.is_empty() {
            true => vec![None],
            false => self.manifest_path.into_iter().map(Some).collect(),
        };
        for project in projects {
            let crates = self.crates.clone();
            ForkArgs::written(crates, project, self.offline, self.quiet).run()?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
