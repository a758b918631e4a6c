//! `cargo tls-slots watch`.
//!
//! This is a command for two kinds of readers. A person reads what the compiler says, on standard
//! error. A program reads a line for each event, on standard output; the lines are described in the
//! help, and are flushed one by one.
//!
//! The command ends when the reader of the lines is gone, or by a signal. Nothing has to be cleaned
//! up then: an incomplete file in the folder of `--out` is removed at the next start.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::build::BuildArgs;
use super::shared::{Done, error_text};
use crate::watch::{Watch, WatchEvent, WatchOptions};

/// Build modules again whenever their sources change
///
/// Builds each project as `build` does, and then again when one of its files changes: those of its
/// package, of the packages that it depends on by path, and others that the compiler read. What the
/// compiler says is printed, and the project stays watched. Ctrl-C ends the command.
///
/// With --out, each built library is copied there under another name and then renamed. So a host
/// that watches the file (`tls_slots_load::Reload`) never finds half of it; cargo writes its own
/// file in place.
#[derive(Args)]
#[command(after_help = "\
Standard output has a line for each result, with the time in milliseconds at its end:
  built NAME PATH MS        NAME's file is new, and PATH is complete
  unchanged PROJECT MS      a file changed, and cargo had nothing to build
  failed PROJECT MS         the reason is on standard error; the last file stays

Examples:
  cargo tls-slots watch --out target/live
      the project in the current folder, published in target/live
  cargo tls-slots watch --release --out live --manifest-path modules/a --manifest-path modules/b
      two modules, optimised
  cargo tls-slots watch --out live -- --package a --features extra
      one package of a workspace, with more arguments for cargo")]
pub(super) struct WatchArgs {
    /// Copy each built library there, so that nobody reads half of it
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    #[command(flatten)]
    build: BuildArgs,
}

impl WatchArgs {
    /// Builds and watches, and prints a line for each event, until nobody reads the lines.
    pub(super) fn run(self) -> Done {
        let watch = Watch::new(WatchOptions {
            builds: vec![self.build.options()],
            out: self.out,
        })?;
        let stop = watch.stop();
        let mut failure = None;
        watch.run(|event| {
            if let WatchEvent::Failed { error, .. } = &event {
                eprintln!("{}", error_text(error));
            }
            let written = io::stdout().write_all(line(&event).as_bytes());
            if let Err(error) = written.and_then(|()| io::stdout().flush()) {
                // The reader of the lines is gone.
                stop.stop();
                if error.kind() != io::ErrorKind::BrokenPipe {
                    failure = Some(error);
                }
            }
        });
        match failure {
            Some(error) => Err(error.into()),
            None => Ok(ExitCode::SUCCESS),
        }
    }
}

/// The line of an event on standard output, as the help describes it.
fn line(event: &WatchEvent) -> String {
    match event {
        WatchEvent::Built {
            artifact,
            path,
            took,
        } => format!(
            "built {} {} {}\n",
            artifact.target,
            path.display(),
            took.as_millis()
        ),
        WatchEvent::Unchanged { cargo_toml, took } => {
            format!("unchanged {} {}\n", cargo_toml.display(), took.as_millis())
        }
        WatchEvent::Failed {
            cargo_toml, took, ..
        } => format!("failed {} {}\n", cargo_toml.display(), took.as_millis()),
    }
}
