//! `cargo tls-slots inspect`.
//!
//! This is for two occasions: to see what a build really has (which features, which cfgs), and to
//! compare two files by a program of one's own, from the JSON.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::shared::{Done, Format};
use crate::inspect;

/// Print what a host or module says about itself
///
/// Which compiler built it and how, which forked crates are in it, in which versions and with which
/// features and cfgs, and which thread-locals and statics it may share: all that `check` compares.
/// Nothing is loaded.
#[derive(Args)]
#[command(after_help = "\
Exit status:
  0  it is there
  2  the file cannot be read, or is no host and no module

Examples:
  cargo tls-slots inspect module/target/debug/libmodule.so
      for a person
  cargo tls-slots inspect host/target/debug/host --format json
      for a program")]
pub(super) struct InspectArgs {
    /// The host or module
    file: PathBuf,

    /// How the result is written
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
}

impl InspectArgs {
    /// Reads the file, and prints what it says.
    pub(super) fn run(self) -> Done {
        let image = inspect::read(&self.file)?;
        self.format.print(|| image.render(), || image.json())?;
        Ok(ExitCode::SUCCESS)
    }
}
