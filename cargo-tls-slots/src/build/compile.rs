//! Builds one project: runs cargo with the patches, and shows what cargo says.
//!
//! cargo talks on two streams at once, and both must be read, or cargo waits for its reader:
//!
//! | stream | what comes | who reads it |
//! | --- | --- | --- |
//! | standard output | JSON messages: what was built | this thread, by [`Told::read`] |
//! | standard error | status lines, warnings, errors | a thread of its own, by [`listen`] |
//!
//! A status line is shown while it is true and then gone. Warnings are shown when the build has
//! succeeded. If it fails, everything that cargo wrote is the error: an error of the compiler is
//! worth little without the warnings before it.

use std::io::{BufRead, BufReader};
use std::process::{ChildStderr, Command, Stdio};
use std::thread;

use super::error::Error;
use super::messages::{Told, status};
use super::options::{Artifact, BuildOptions};
use super::project::Project;
use super::used::used_crates;
use crate::cargo;
use crate::fork::Forked;
use crate::progress::Progress;

/// What cargo wrote to standard error.
#[derive(Default)]
struct Words {
    /// All of it, for the error of a build that failed.
    all: String,
    /// Without the status lines: warnings, which are shown if the build succeeds.
    warnings: String,
}

/// Builds a project with the forks, and returns the programs and libraries that are its own.
///
/// # Errors
///
/// - [`Error::Start`] if cargo cannot be started.
/// - [`Error::Failed`] if cargo fails, with what it wrote.
/// - [`Error::Messages`] if cargo's messages cannot be read.
/// - [`Error::Unpatched`] if the project was built with another tokio than the fork.
pub(super) fn build_project(
    options: &BuildOptions,
    project: &Project,
    forked: &Forked,
) -> Result<Vec<Artifact>, Error> {
    let label = project.cargo_toml.display();
    options.progress.step(&format!("building {label}"));
    let mut child = command(options, project, forked)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(Error::Start)?;
    let stderr = child.stderr.take();
    let progress = options.progress.clone();
    let words = thread::spawn(move || listen(stderr, &progress));
    let told = Told::read(project, child.stdout.take());
    if told.is_err() {
        // Nobody reads cargo's output any more. cargo must not wait for a reader.
        let _ = child.kill();
    }
    let status = child.wait().map_err(Error::Start)?;
    let words = words.join().unwrap_or_default();
    if !status.success() {
        return Err(Error::Failed {
            cargo_toml: project.cargo_toml.clone(),
            stderr: words.all.trim_end().to_owned(),
        });
    }
    if !words.warnings.trim().is_empty() {
        options.progress.line(words.warnings.trim_end());
    }
    let told = told.map_err(|source| Error::Messages(project.cargo_toml.clone(), source))?;
    let fork = forked.crates.iter().find(|one| one.name == "tokio");
    if let (Some(found), Some(fork)) = (told.unpatched, fork) {
        return Err(Error::Unpatched {
            cargo_toml: project.cargo_toml.clone(),
            found,
            forked: fork.version.clone(),
        });
    }
    let unchanged = told.artifacts.iter().all(|artifact| artifact.fresh);
    options.progress.done(&match unchanged {
        true => format!("{label} is up to date"),
        false => format!("built {label}"),
    });
    Ok(told.artifacts)
}

/// The `cargo build` of a project, in the project's own folder.
///
/// The folder matters: cargo looks for `.cargo/config.toml` from the current folder upwards, and
/// not from that of the `Cargo.toml`.
fn command(options: &BuildOptions, project: &Project, forked: &Forked) -> Command {
    let used = used_crates(project);
    // tokio may come in through any dependency, which only the lock file would tell.
    let patches = forked.config_args(|name| name == "tokio" || used.contains(name));
    let mut command = cargo::command(&project.folder);
    command
        .arg("build")
        .args(patches)
        .args(["--message-format", "json-render-diagnostics"])
        .arg("--manifest-path")
        .arg(project.folder.join("Cargo.toml"));
    if options.release {
        command.arg("--release");
    }
    if options.offline {
        command.arg("--offline");
    }
    command.args(&options.cargo_args);
    command
}

/// Reads what cargo writes to standard error, and shows cargo's status lines as they come.
fn listen(stderr: Option<ChildStderr>, progress: &Progress) -> Words {
    let mut words = Words::default();
    let lines = stderr
        .map(BufReader::new)
        .into_iter()
        .flat_map(BufRead::lines);
    for line in lines.map_while(Result::ok) {
        match status(&line) {
            Some(status) => progress.detail(status),
            None => words.warnings = words.warnings + &line + "\n",
        }
        words.all = words.all + &line + "\n";
    }
    words
}
