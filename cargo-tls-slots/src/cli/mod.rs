//! The command line: results on standard output, everything else on standard error.
//!
//! Each command has a file: its arguments with their help, what it does, and how its result is
//! printed. What commands have in common is in `shared.rs`. The work itself is in the library,
//! whose functions print nothing but progress.
//!
//! To add a command: a file with a struct of arguments and its `run`, a variant of `Command`, and
//! a line in [`main`]. The tests in `tests/` compare the help and the output with what stands in
//! them; `SNAPSHOTS=overwrite` writes them anew.
//!
//! | exit status | when |
//! | --- | --- |
//! | 0 | the command did what it was asked |
//! | 1 | it did not; for `check` and `audit`: the answer is "no" |
//! | 2 | the arguments make no sense; for `check`, `inspect` and `audit`: there is no answer |

mod agree;
mod audit;
mod build;
mod check;
mod conformance;
mod fork;
mod inspect;
mod releases;
mod shared;
mod watch;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::type_ids;

/// The arguments of the command.
#[derive(Parser)]
#[command(
    name = "cargo tls-slots",
    bin_name = "cargo tls-slots",
    version,
    about = "One tokio runtime across a program and the modules it loads",
    long_about = "One tokio runtime across a program (the host) and the shared libraries that it \
                  loads (modules).\n\n\
                  Host and modules are built apart and share no crate, so each would have a tokio \
                  of its own. `fork` makes the tokio that uses the host's state instead, from the \
                  release that cargo gets and a recipe that this command carries. `build` builds \
                  projects with it, without a change to their Cargo.toml. `check` tells from the \
                  built files whether modules fit their host.",
    after_help = "Examples:\n  \
                  cargo tls-slots fork --write        fork tokio, and patch this project to it\n  \
                  cargo tls-slots build --manifest-path host/Cargo.toml --manifest-path module/Cargo.toml\n  \
                  cargo tls-slots check host/target/debug/host module/target/debug/libmodule.so",
    arg_required_else_help = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// The commands, in the order of the help.
#[derive(Subcommand)]
enum Command {
    Fork(fork::ForkArgs),
    Agree(agree::AgreeArgs),
    Build(build::BuildArgs),
    Watch(watch::WatchArgs),
    Check(check::CheckArgs),
    Inspect(inspect::InspectArgs),
    Audit(audit::AuditArgs),
    Conformance(conformance::ConformanceArgs),
    Releases(releases::ReleasesArgs),
}

/// Runs the command with the process's arguments. cargo's arguments for a `RUSTC_WRAPPER` begin
/// with the path of a rustc, which is no command: see `type_ids.rs`.
pub fn main() -> ExitCode {
    // `cargo tls-slots …` runs `cargo-tls-slots tls-slots …`.
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    if let Some(status) = type_ids::wrapped(&arguments) {
        return status;
    }
    if arguments.get(1).is_some_and(|first| first == "tls-slots") {
        arguments.remove(1);
    }
    let command = Cli::parse_from(arguments).command;
    let trouble = match command {
        // 1 is the answer "does not fit".
        Command::Check(_) | Command::Inspect(_) | Command::Audit(_) => ExitCode::from(2),
        _ => ExitCode::FAILURE,
    };
    let done = match command {
        Command::Fork(args) => args.run(),
        Command::Agree(args) => args.run(),
        Command::Build(args) => args.run(),
        Command::Watch(args) => args.run(),
        Command::Check(args) => args.run(),
        Command::Inspect(args) => args.run(),
        Command::Audit(args) => args.run(),
        Command::Conformance(args) => args.run(),
        Command::Releases(args) => args.run(),
    };
    done.unwrap_or_else(|error| {
        eprintln!("{}", shared::error_text(&*error));
        trouble
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
