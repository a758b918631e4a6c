//! Section `fork`: how long the command itself takes.
//!
//! Cold is with an empty folder of forks: the release is read, edited and written. Warm is what
//! each further build pays, which asks whether the forks are up to date. The release is on this
//! machine in both cases: a download would measure the network.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::effort::Effort;
use crate::error::Error;
use crate::measure::{self, Samples};
use crate::places;
use crate::programs::Ours;
use crate::project::{self, Profile, Tokio, Work};
use crate::row::{Row, Rows, Section};

/// Measures the section.
///
/// # Errors
///
/// If a program cannot be built or run.
pub fn measure(work: &Work, effort: &Effort) -> Result<Vec<Row>, Error> {
    let target = work.folder().join("target/command");
    eprintln!("building cargo-tls-slots");
    project::run_cargo(
        project::cargo()
            .current_dir(places::repository())
            .args([
                "build",
                "--release",
                "-p",
                "cargo-tls-slots",
                "--target-dir",
            ])
            .arg(&target),
    )?;
    let command = target.join("release/cargo-tls-slots");
    let out = work.folder().join("timed-fork");
    let cargo_toml = work.source(Tokio::Fork).join("program/Cargo.toml");
    let mut rows = Rows::new(Section::Fork);

    let variants = ["cold", "warm"];
    let samples = Samples::take(effort.pairs, 2, |variant| {
        if variant == 0 {
            let _ = fs::remove_dir_all(&out);
        }
        let mut fork = Command::new(&command);
        fork.args(["tls-slots", "fork", "tokio", "--out"]).arg(&out);
        timed(fork.arg("--manifest-path").arg(&cargo_toml))
    })?;
    rows.add("cargo tls-slots fork tokio", "ms", &variants, &samples);

    let ours = Ours::build(work, Profile::Release)?;
    let has = |subcommand: &str| {
        measure::run(Command::new(&command).args(["tls-slots", subcommand, "--help"])).is_ok()
    };
    if has("check") {
        let samples = Samples::take(effort.pairs, 1, |_| {
            timed(
                Command::new(&command)
                    .args(["tls-slots", "check"])
                    .args([&ours.program, &ours.module]),
            )
        })?;
        rows.add(
            "cargo tls-slots check",
            "ms",
            &["a host and a module"],
            &samples,
        );
    }
    if has("audit") {
        let samples = Samples::take(effort.pairs, 1, |_| {
            timed(
                Command::new(&command)
                    .args(["tls-slots", "audit"])
                    .arg(&ours.module),
            )
        })?;
        rows.add(
            "cargo tls-slots audit",
            "ms",
            &["a host's dependencies"],
            &samples,
        );
    }
    Ok(rows.into_rows())
}

/// How long a command takes, in milliseconds.
fn timed(command: &mut Command) -> Result<f64, Error> {
    let start = Instant::now();
    // This folder has no project, so nothing of this repository's is looked at.
    measure::run(command.current_dir(Path::new("/")))?;
    Ok(start.elapsed().as_secs_f64() * 1000.0)
}
