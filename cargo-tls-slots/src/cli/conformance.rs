//! `cargo tls-slots conformance`.
//!
//! A whole run takes hours, and `--quick` some minutes. The command fails if a test regressed, or
//! if the list of exceptions is out of date: see [`conformance`](crate::conformance).

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use semver::Version;

use super::shared::{Done, print, progress};
use crate::conformance::{self, Mode, Options, Suite};

/// Run tokio's own tests on the fork
///
/// Forks tokio, and runs the tests that upstream's package carries: untouched, on the fork without
/// and with `external-tls`, and from inside a module. Prints a table, and fails if a test fails
/// that passes on untouched upstream in the same run, or if the list of exceptions is out of
/// date.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo tls-slots conformance
      tokio's integration tests in every mode
  cargo tls-slots conformance --quick
      some of them, self-hosted and in a module: a few minutes
  cargo tls-slots conformance --suite lib,doc,unstable,loom --out conformance/results.toml
      the other suites, with the results kept in a file")]
pub(super) struct ConformanceArgs {
    /// The modes, commas between [default: all that a suite has]
    #[arg(long, value_name = "MODES", value_delimiter = ',')]
    mode: Vec<Mode>,

    /// The suites, commas between
    #[arg(
        long,
        value_name = "SUITES",
        value_delimiter = ',',
        default_value = "integration"
    )]
    suite: Vec<Suite>,

    /// The releases of tokio, commas between
    #[arg(long, value_name = "VERSIONS", value_delimiter = ',',
          default_value = conformance::DEFAULT_VERSION)]
    version: Vec<Version>,

    /// Only this file of the integration tests; can be given again
    #[arg(long = "test", value_name = "FILE")]
    files: Vec<String>,

    /// A few files of the integration tests, self-hosted and in a module
    #[arg(long, conflicts_with_all = ["mode", "suite", "files"])]
    quick: bool,

    /// Keep the results in this TOML file, and as RESULTS.md beside it
    ///
    /// What the file says about other suites and modes stays.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// The folder for everything that is built
    #[arg(long, value_name = "DIR", default_value = "target/conformance")]
    work: PathBuf,

    /// How many tests run at a time [default: one per processor]
    #[arg(long, short, value_name = "N")]
    jobs: Option<usize>,

    /// Use only what is on this machine
    #[arg(long)]
    offline: bool,

    /// Say nothing but the result
    #[arg(long, short)]
    quiet: bool,
}

impl ConformanceArgs {
    /// Runs the suites, keeps the results if asked to, and prints the table.
    pub(super) fn run(self) -> Done {
        let out = self.out.clone();
        let report = conformance::run(&self.options())?;
        if let Some(file) = &out {
            report.write(file)?;
        }
        print(&report.render())?;
        match report.is_good() {
            true => Ok(ExitCode::SUCCESS),
            false => Err(format!(
                "the fork does not do what upstream does: {} regressions, {} exceptions out of date",
                report.regressions().count(),
                report.stale.len()
            )
            .into()),
        }
    }

    /// What these arguments ask the library for.
    fn options(self) -> Options {
        let mut options = match self.quick {
            true => Options::quick(self.work),
            false => Options {
                suites: self.suite,
                files: self.files,
                ..Options::new(self.work)
            },
        };
        if !self.mode.is_empty() {
            options.modes = self.mode;
        }
        options.versions = self.version;
        options.jobs = self.jobs.unwrap_or(options.jobs);
        options.offline = self.offline;
        options.progress = progress(self.quiet);
        options
    }
}
