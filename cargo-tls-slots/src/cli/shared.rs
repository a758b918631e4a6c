//! What the commands have in common: how results, errors and progress are printed.

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::ValueEnum;
use serde_json::Value;

use crate::progress::Progress;

/// The result of a command: its exit status, or an error that [`main`](super::main) prints.
///
/// An error becomes exit status 1 or 2, as the command's help says. A command that has an answer to
/// give, such as "does not fit", returns it as a status and not as an error.
pub(super) type Done = Result<ExitCode, Box<dyn Error>>;

/// How a result is written.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Format {
    /// For a person
    Table,
    /// For a program
    Json,
}

impl Format {
    /// Prints a result: the one of its two forms that was asked for.
    ///
    /// # Errors
    ///
    /// Those of [`print`].
    pub(super) fn print(
        self,
        table: impl FnOnce() -> String,
        json: impl FnOnce() -> Value,
    ) -> Result<(), Box<dyn Error>> {
        match self {
            Format::Table => print(&table()),
            Format::Json => print(&format!("{:#}\n", json())),
        }
    }
}

/// Writes a result to standard output.
///
/// # Errors
///
/// If it cannot be written. A reader that has read enough, as `head` does, is no error.
pub(super) fn print(text: &str) -> Result<(), Box<dyn Error>> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Where a command shows its steps; nowhere if it is to be quiet.
pub(super) fn progress(quiet: bool) -> Progress {
    match quiet {
        true => Progress::silent(),
        false => Progress::stderr(),
    }
}

/// An error as the command prints it: what failed, then each cause on lines of its own.
pub(super) fn error_text(error: &dyn Error) -> String {
    let mut text = format!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(
            "\n  because: {}",
            error.to_string().trim_end().replace('\n', "\n  ")
        );
        cause = error.source();
    }
    text
}
