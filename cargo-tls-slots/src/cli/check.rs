//! `cargo tls-slots check`.
//!
//! The status is the answer: 0, 1 and 2 as the help says. A CI job needs nothing else; the text is
//! for whoever looks at the job.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::shared::{Done, Format};
use crate::check;

/// Compare modules with the host that is to load them
///
/// Reads what host and modules say about themselves (compiler, profile, forked crates with their
/// versions, features and cfgs, shared keys) and compares it as the host's loader would, without
/// loading anything. Files of another architecture can be compared as well.
#[derive(Args)]
#[command(after_help = "\
Exit status:
  0  every module fits
  1  a module does not fit: build it as the text says
  2  a file cannot be read, or is no host or no module

Examples:
  cargo tls-slots check host/target/debug/host module/target/debug/libmodule.so
      a host and a module, as they were built
  cargo tls-slots check host modules/*.so --format json
      for a program: a status, a reason and a list of differences for each module")]
pub(super) struct CheckArgs {
    /// The program that is to load the modules
    host: PathBuf,

    /// The modules
    #[arg(required = true, value_name = "MODULE")]
    modules: Vec<PathBuf>,

    /// How the result is written
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
}

impl CheckArgs {
    /// Compares the modules with the host, and prints a verdict for each.
    pub(super) fn run(self) -> Done {
        let report = check::check(&self.host, &self.modules)?;
        self.format.print(|| report.render(), || report.json())?;
        Ok(ExitCode::from(report.status()))
    }
}
