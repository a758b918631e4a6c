//! `cargo tls-slots build`.
//!
//! The result has a line for each file: `program PATH` or `module  PATH`. Progress, warnings and
//! errors go to standard error, so that a script can read the paths.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::shared::{Done, print, progress};
use crate::build::{self, ArtifactKind, BuildOptions};
use crate::fork::DEFAULT_OUT;

/// Build hosts and modules, each by a cargo of its own, with the patches in place
///
/// Makes the forks first if need be, in the version of tokio that the projects' lock files hold.
/// Each project is built in its own target folder and with its own lock file. Prints the
/// programs and shared libraries that were made, one path on a line.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo tls-slots build
      the project in the current folder
  cargo tls-slots build --release --manifest-path host --manifest-path modules/a
      a host and a module, optimised
  cargo tls-slots build -- --features extra
      with more arguments for cargo")]
pub(super) struct BuildArgs {
    /// A project to build; can be given again [default: ./Cargo.toml]
    #[arg(long = "manifest-path", value_name = "FILE")]
    cargo_tomls: Vec<PathBuf>,

    /// Build with optimisations
    #[arg(long, short)]
    release: bool,

    /// The folder of the forks
    #[arg(long, value_name = "DIR", default_value = DEFAULT_OUT)]
    fork_dir: PathBuf,

    /// Use only what is on this machine
    #[arg(long)]
    offline: bool,

    /// Say nothing but the result
    #[arg(long, short)]
    quiet: bool,

    /// More arguments for each `cargo build`
    #[arg(last = true, value_name = "CARGO ARGS")]
    cargo_args: Vec<String>,
}

impl BuildArgs {
    /// Builds the projects, and prints a line for each program and library.
    pub(super) fn run(self) -> Done {
        let mut lines = String::new();
        for artifact in build::build(&self.options())? {
            let kind = match artifact.kind {
                ArtifactKind::Executable => "program",
                ArtifactKind::Cdylib => "module ",
            };
            lines += &format!("{kind} {}\n", artifact.path.display());
        }
        print(&lines)?;
        Ok(ExitCode::SUCCESS)
    }

    /// What these arguments ask the library for; `watch` has the same arguments.
    pub(super) fn options(self) -> BuildOptions {
        let mut cargo_tomls = self.cargo_tomls;
        if cargo_tomls.is_empty() {
            cargo_tomls.push(PathBuf::from("Cargo.toml"));
        }
        BuildOptions {
            cargo_tomls,
            release: self.release,
            offline: self.offline,
            fork_dir: self.fork_dir,
            cargo_args: self.cargo_args,
            progress: progress(self.quiet),
        }
    }
}
