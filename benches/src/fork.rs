//! Section `fork`: how long the command itself takes.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::access::Ours;
use crate::measure::{self, Samples};
use crate::project::{self, Profile, Tokio, Work};
use crate::results::{Row, Section};
use crate::{Effort, Error};

/// Measures the section.
///
/// # Errors
///
/// What cannot be built or run.
pub fn measure(work: &Work, effort: &Effort) -> Result<Vec<Row>, Error> {
    let target = work.folder().join("target/command");
    eprintln!("building cargo-tls-slots");
    project::run_cargo(
        project::cargo()
            .current_dir(crate::repository())
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
    let manifest = work.source(Tokio::Fork).join("program/Cargo.toml");
    let mut rows = Vec::new();

    let variants = ["cold", "warm"];
    let samples = Samples::take(effort.pairs, 2, |variant| {
        if variant == 0 {
            let _ = fs::remove_dir_all(&out);
        }
        let mut fork = Command::new(&command);
        fork.args(["tls-slots", "fork", "tokio", "--out"]).arg(&out);
        timed(fork.arg("--manifest-path").arg(&manifest))
    })?;
    push(&mut rows, "cargo tls-slots fork tokio", &variants, &samples);

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
        push(
            &mut rows,
            "cargo tls-slots check",
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
        push(
            &mut rows,
            "cargo tls-slots audit",
            &["a host's dependencies"],
            &samples,
        );
    }
    Ok(rows)
}

fn timed(command: &mut Command) -> Result<f64, Error> {
    let start = Instant::now();
    // In a folder without a project: nothing of this repository's is looked at.
    measure::run(command.current_dir(Path::new("/")))?;
    Ok(start.elapsed().as_secs_f64() * 1000.0)
}

fn push(rows: &mut Vec<Row>, name: &str, variants: &[&str], samples: &Samples) {
    for (at, variant) in variants.iter().enumerate() {
        let mut row = Row::new(Section::Fork, name, variant, "ms", samples, at, 0);
        row.against = variants[0].to_owned();
        eprintln!("{row}");
        rows.push(row);
    }
}
