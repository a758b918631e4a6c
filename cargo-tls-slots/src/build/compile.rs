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
use crate::cargo;
use crate::fork::{Forked, ForkedCrate};
use crate::progress::Progress;
use crate::project::read::Project;
use crate::project::used::Named;
use crate::upstream::release::compatible;

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
    let fork = |found: &semver::Version| {
        let mut tokio = forked.crates.iter().filter(|one| one.name == "tokio");
        tokio.find(|one| compatible(&one.version) == compatible(found))
    };
    if let Some(found) = told.unpatched
        && let Some(fork) = fork(&found)
    {
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
    let named = Named::of(project);
    let patches = forked.config_args(|one| uses(project, &named, one));
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

/// Whether a project uses a fork. cargo warns of a patch that it does not use, and a user who did
/// nothing wrong would see that warning at every build.
///
/// A crate that comes in only through another one is in the lock file, if there is one. At a first
/// build there is none. That is why tokio, which nearly always comes in so, is patched in any case.
fn uses(project: &Project, named: &Named, fork: &ForkedCrate) -> bool {
    let locked = project.lock.packages.iter();
    let mut locked = locked.filter(|one| one.name == fork.name).peekable();
    match locked.peek() {
        Some(_) if fork.is_ours() => true,
        // Another release is another project's.
        Some(_) => locked.any(|one| compatible(&one.version) == compatible(&fork.version)),
        None => fork.name == "tokio" || named.declared.contains_key(&fork.name),
    }
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
