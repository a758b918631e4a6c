//! `cargo tls-slots releases`.
//!
//! A command for those who work on the recipes: its table is a file of this repository. The
//! library's [`releases`](crate::releases) does the work.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::shared::{Done, print, progress};
use crate::fork::CrateSpec;
use crate::releases::{self, Options, Which};

/// Try upstream's releases: which of them the recipes fit
///
/// Forks and compiles releases of the crates that there are recipes for, and writes what came of it
/// into a table of this command's repository. Says at the end what does not fit, and fails then.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo tls-slots releases
      the newest release of each crate
  cargo tls-slots releases tokio log --all --own-tests
      every release of these two, and their own tests
  cargo tls-slots releases foldhash@0.1.5
      this one
  cargo tls-slots releases --lockfile ../project/Cargo.lock
      the newest ones, and what another project has locked")]
pub(super) struct ReleasesArgs {
    /// The crates, as NAME or NAME@VERSION [default: all that there are recipes for]
    #[arg(value_name = "NAME[@VERSION]")]
    crates: Vec<CrateSpec>,

    /// The newest release of each crate; so it is without --all and --known, too
    #[arg(long, conflicts_with_all = ["all", "known"])]
    newest: bool,

    /// Every release since the oldest that the recipe is meant for
    #[arg(long, conflicts_with = "known")]
    all: bool,

    /// The releases of the table
    #[arg(long)]
    known: bool,

    /// Also what this lock file holds, which is marked in the table; can be given again
    #[arg(long = "lockfile", value_name = "FILE")]
    lockfiles: Vec<PathBuf>,

    /// Only fork, do not compile
    #[arg(long, conflicts_with = "own_tests")]
    only_fork: bool,

    /// Run the unit tests of each release on its fork, too
    #[arg(long)]
    own_tests: bool,

    /// Also try some releases of each crate between a host and a module
    ///
    /// Runs tests of this command's repository, with an old, a middle and a new release of the
    /// table.
    #[arg(long)]
    boundary: bool,

    /// The table
    #[arg(
        long,
        value_name = "FILE",
        default_value = "cargo-tls-slots/releases.toml"
    )]
    table: PathBuf,

    /// The folder for everything that is built
    #[arg(long, value_name = "DIR", default_value = "target/releases")]
    work: PathBuf,

    /// Use only what is on this machine
    #[arg(long)]
    offline: bool,

    /// Say nothing but the result
    #[arg(long, short)]
    quiet: bool,
}

impl ReleasesArgs {
    /// Tries the releases, and says what does not fit.
    pub(super) fn run(self) -> Done {
        let tried = releases::run(&self.options())?;
        let problems: Vec<String> = tried.iter().flat_map(|one| one.problems()).collect();
        for problem in &problems {
            print(&format!("{problem}\n"))?;
        }
        let bad = tried.iter().filter(|one| !one.is_good()).count();
        if bad > 0 {
            return Err(format!("{bad} of {} releases do not fit", tried.len()).into());
        }
        print(&format!("{} releases fit\n", tried.len()))?;
        Ok(ExitCode::SUCCESS)
    }

    /// What these arguments ask the library for.
    fn options(self) -> Options {
        let which = match (self.all, self.known) {
            (true, _) => Which::All,
            (_, true) => Which::Known,
            _ => Which::Newest,
        };
        Options {
            crates: self.crates,
            which,
            lockfiles: self.lockfiles,
            compile: !self.only_fork,
            own_tests: self.own_tests,
            boundary: self.boundary,
            table: Some(self.table),
            offline: self.offline,
            progress: progress(self.quiet),
            ..Options::new(self.work)
        }
    }
}
