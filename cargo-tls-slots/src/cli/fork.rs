//! `cargo tls-slots fork`.
//!
//! The library's [`fork`](crate::fork) does the work. Here are the defaults that make the short
//! forms useful: which crates, which versions, and which `Cargo.toml` gets the patch lines. The
//! last is found out before anything is made, so that a wrong `--write` leaves no folder behind.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::shared::{Done, print, progress};
use crate::by_rule::report;
use crate::cargo;
use crate::fork::{self, CrateSpec, DEFAULT_OUT, ForkOptions};

/// Make the forked crates, and print the patch lines for them
///
/// Gets the upstream release through cargo, so mirrors, vendored sources and checksums are those
/// of any dependency. Applies the recipe to it, lays our own files over it, and writes ordinary
/// crates: one folder for each, side by side. An edit that does not fit the release, or state in
/// it that the recipe says nothing about, is an error that names file, line and static.
///
/// A crate that there is no recipe for is forked by rule: every static and thread-local that is
/// state is shared. What became of each is said, and kept in the fork as tls-slots-report.toml.
///
/// A folder that is up to date is left alone, without any network; one that is not gets only the
/// files that differ. A folder that this command did not make is never touched.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo tls-slots fork
      the crates of this project's Cargo.lock that there are recipes for, into tls-slots-forks/
  cargo tls-slots fork tokio@1.47.5 --out forks
      this very version, into forks/
  cargo tls-slots fork env_logger ctrlc
      these two, for which there is no recipe
  cargo tls-slots fork --write
      also put the patch lines into this workspace's Cargo.toml
  cargo tls-slots fork --offline --lockfile ../host/Cargo.lock
      the version that another project uses, from what is on this machine")]
pub(super) struct ForkArgs {
    /// What to fork, as NAME or NAME@VERSION [default: the crates of the lock file that there are
    /// recipes for]
    ///
    /// Without a version: that of the lock file, or else the one the recipe was made with. A crate
    /// without a recipe is forked as well: all of its state is shared, and what is not is named.
    #[arg(value_name = "NAME[@VERSION]")]
    crates: Vec<CrateSpec>,

    /// The folder that the forks go to
    #[arg(long, value_name = "DIR", default_value = DEFAULT_OUT)]
    out: PathBuf,

    /// Take versions from this lock file instead of the current workspace's
    #[arg(long, value_name = "FILE")]
    lockfile: Option<PathBuf>,

    /// The project whose workspace is meant, instead of the current folder's
    #[arg(long, value_name = "FILE")]
    manifest_path: Option<PathBuf>,

    /// Put the patch lines into a Cargo.toml [default: the workspace's own]
    ///
    /// The paths are relative to that file; what else the file holds stays as it is.
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    write: Option<Option<PathBuf>>,

    /// Use only what is on this machine
    #[arg(long)]
    offline: bool,

    /// Say nothing but the result
    #[arg(long, short)]
    quiet: bool,
}

impl ForkArgs {
    /// Makes the forks, and prints the patch lines.
    pub(super) fn run(self) -> Done {
        let progress = progress(self.quiet);
        // Before anything is made: which file would be written?
        let to_write = match &self.write {
            None => None,
            Some(Some(path)) => Some(path.clone()),
            Some(None) => Some(
                cargo::workspace_cargo_toml(Path::new("."), self.manifest_path.as_deref()).ok_or(
                    "there is no Cargo.toml around the current folder; name one after --write",
                )?,
            ),
        };
        let forked = fork::fork(&ForkOptions {
            crates: self.crates,
            out: self.out,
            lockfile: self.lockfile,
            more_lockfiles: Vec::new(),
            manifest_path: self.manifest_path,
            offline: self.offline,
            folder: PathBuf::from("."),
            progress: progress.clone(),
        })?;
        for one in &forked.crates {
            if let Some(report) = &one.report {
                progress.line(&report.to_string());
                let file = one.dir.join(report::FILE);
                progress.line(&format!("  all of it: {}", file.display()));
            }
        }
        if let Some(file) = to_write {
            progress.line(&match forked.write_patches(&file)? {
                true => format!("patched {}", file.display()),
                false => format!("{} has the patches already", file.display()),
            });
        }
        print(&forked.patch_lines())?;
        Ok(ExitCode::SUCCESS)
    }
}
