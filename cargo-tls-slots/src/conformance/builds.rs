//! Runs cargo for the suites: with a deadline, and with the same environment in every mode.
//!
//! The modes are compared with each other, so nothing but the tokio may differ between their
//! builds. cargo's settings for profiles and flags come from here, also where the caller's
//! environment has others.

use std::io::BufReader;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use cargo_metadata::{Artifact, Message};

use super::error::Error;
use super::options::Context;
use crate::process::{self, Ended};

/// How long a build may take.
const BUILD: Duration = Duration::from_secs(45 * 60);

/// The name of the target folder that the modes share: the crates that tokio's tests use are the
/// same in each mode, and are compiled once.
pub(super) const TARGET: &str = "target";

/// How many lines of what cargo printed go into an error.
const SAYS: usize = 60;

/// Runs a cargo that builds something; `name` is for the log and for the error.
///
/// # Errors
///
/// [`Error::Start`] if cargo does not start, and [`Error::Build`] if it fails or takes too long.
pub(super) fn build(context: &Context, command: &mut Command, name: &str) -> Result<Ended, Error> {
    if context.offline {
        command.arg("--offline");
    }
    let log = context.log(name, "build");
    let ended = process::run_logged(command, BUILD, &log).map_err(Error::Start)?;
    match ended.success() {
        true => Ok(ended),
        false => Err(failed(name, &ended)),
    }
}

/// The error for a program that did not do what was expected, with the end of what it said.
pub(super) fn failed(what: &str, ended: &Ended) -> Error {
    Error::Build {
        what: what.to_owned(),
        status: ended.how(),
        says: process::tail(&ended.stderr, SAYS),
    }
}

/// Gives cargo the environment of every build, with the target folder `target`.
///
/// There is no debug info, which would only fill the disk, and no flags of the caller's.
pub(super) fn common_env(command: &mut Command, target: &Path) {
    command
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("CARGO_PROFILE_TEST_DEBUG", "0")
        .env("CARGO_INCREMENTAL", "0")
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
}

/// The artifacts in what a cargo with `--message-format json-render-diagnostics` printed.
pub(super) fn artifacts(messages: &str) -> impl Iterator<Item = Artifact> {
    Message::parse_stream(BufReader::new(messages.as_bytes()))
        .filter_map(Result::ok)
        .filter_map(|message| match message {
            Message::CompilerArtifact(artifact) => Some(artifact),
            _ => None,
        })
}
