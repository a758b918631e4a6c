//! Modes `upstream`, `off` and `self-hosted`: builds a suite by `cargo test --no-run` and runs its
//! binaries as `cargo test` would, but with a deadline each.
//!
//! 1. A binary runs all its tests at once.
//! 2. A test that has no outcome then (the binary was killed at its deadline, or died, or the line was
//!    garbled) runs again, alone. One that hangs is killed, and named.
//! 3. A test that failed runs again, alone, once; if it passes then, it passed, and is listed as one
//!    that needed a second try. So is one whose binary was killed or died. That holds for every
//!    mode, upstream's too.

use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cargo_metadata::Message;

use super::libtest::{self, Outcome};
use super::process::{self, Ended};
use super::{Context, Error, Suite, Tests};
use crate::cargo;

/// How long a build may take.
pub(crate) const BUILD: Duration = Duration::from_secs(45 * 60);
/// How long a binary may take for all of its tests.
const BINARY: Duration = Duration::from_secs(300);
/// How long one test may take alone.
pub(crate) const TEST: Duration = Duration::from_secs(60);
/// How long a loom model may take alone, and all doctests together.
const LONG: Duration = Duration::from_secs(45 * 60);

/// A package whose tests are run.
pub(crate) struct Package<'a> {
    /// Its folder.
    pub(crate) folder: &'a Path,
    /// The features of its tests.
    pub(crate) features: &'a str,
    /// The folder that it is built in.
    pub(crate) target: PathBuf,
    /// For logs.
    pub(crate) name: String,
}

/// One test binary.
struct Binary {
    name: String,
    path: PathBuf,
}

/// Builds and runs one suite of a package.
pub(crate) fn run(
    context: &Context,
    suite: Suite,
    package: &Package<'_>,
    files: &[String],
) -> Result<Tests, Error> {
    if suite == Suite::Doc {
        return doctests(context, package);
    }
    let mut command = command(suite, package);
    command.args([
        "test",
        "--no-run",
        "--message-format",
        "json-render-diagnostics",
    ]);
    command.args(["--features", package.features]);
    command.args(selection(suite, files));
    let ended = build(context, &mut command, &package.name)?;
    let binaries = binaries(&ended.stdout);
    let mut tests = Tests {
        build: ended.time,
        ..Tests::default()
    };
    for binary in &binaries {
        context
            .progress
            .detail(&format!("{}: {}", package.name, binary.name));
        run_binary(context, suite, package, binary, &mut tests)?;
    }
    Ok(tests)
}

/// Runs a cargo that builds something.
pub(crate) fn build(context: &Context, command: &mut Command, name: &str) -> Result<Ended, Error> {
    if context.offline {
        command.arg("--offline");
    }
    let ended = process::run(command, BUILD, &context.log(name, "build")).map_err(Error::Start)?;
    if ended.success != Some(true) {
        return Err(Error::Build {
            what: name.to_owned(),
            status: ended.status,
            says: process::tail(&ended.stderr, 60),
        });
    }
    Ok(ended)
}

/// cargo, with what the suite needs in its environment.
fn command(suite: Suite, package: &Package<'_>) -> Command {
    let mut command = cargo::command(package.folder);
    common_env(&mut command, &package.target);
    match suite {
        Suite::Unstable => {
            command.env("RUSTFLAGS", "--cfg tokio_unstable");
        }
        Suite::Loom => {
            command.env(
                "RUSTFLAGS",
                "--cfg loom --cfg tokio_unstable -C debug_assertions",
            );
        }
        _ => {}
    }
    command
}

/// The environment of every build: no debug info, which would only fill the disk.
pub(crate) fn common_env(command: &mut Command, target: &Path) {
    command
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("CARGO_PROFILE_TEST_DEBUG", "0")
        .env("CARGO_INCREMENTAL", "0")
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
}

fn selection(suite: Suite, files: &[String]) -> Vec<String> {
    let fixed: &[&str] = match suite {
        Suite::Lib => &["--lib"],
        Suite::Unstable => &["--lib", "--test", "*"],
        Suite::Loom => &["--lib", "--release"],
        _ if files.is_empty() => &["--test", "*"],
        _ => &[],
    };
    let mut args: Vec<String> = fixed.iter().map(ToString::to_string).collect();
    if suite == Suite::Integration {
        for file in files {
            args.extend(["--test".to_owned(), file.clone()]);
        }
    }
    args
}

fn binaries(messages: &str) -> Vec<Binary> {
    let mut found: Vec<Binary> = Message::parse_stream(BufReader::new(messages.as_bytes()))
        .filter_map(Result::ok)
        .filter_map(|message| match message {
            Message::CompilerArtifact(artifact) if artifact.profile.test => Some(Binary {
                name: artifact.target.name.clone(),
                path: artifact.executable?.into_std_path_buf(),
            }),
            _ => None,
        })
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn run_binary(
    context: &Context,
    suite: Suite,
    package: &Package<'_>,
    binary: &Binary,
    tests: &mut Tests,
) -> Result<(), Error> {
    let (whole, single) = match suite {
        Suite::Loom => (LONG, LONG),
        _ => (BINARY, TEST),
    };
    let run = |args: &[&str], deadline| -> Result<Ended, Error> {
        let mut command = Command::new(&binary.path);
        command
            .args(args)
            .current_dir(package.folder)
            .env("CARGO_MANIFEST_DIR", package.folder)
            .env("RUST_TEST_THREADS", context.jobs.to_string())
            .env_remove("RUST_BACKTRACE");
        if suite == Suite::Loom {
            command
                .env("LOOM_MAX_PREEMPTIONS", "1")
                .env("LOOM_MAX_BRANCHES", "10000");
        }
        let log = context.log(&package.name, &binary.name);
        process::run(&mut command, deadline, &log).map_err(Error::Start)
    };
    let names = libtest::list(&run(&["--list", "--format", "terse"], TEST)?.stdout);
    if names.is_empty() {
        return Ok(());
    }
    let ended = run(&[], whole)?;
    tests.run += ended.time;
    // 0 and 101 are libtest's own: then a test without an outcome is only a line that was garbled.
    let orderly = matches!(ended.code, Some(0 | 101));
    let mut outcomes = libtest::outcomes(&ended.stdout);
    for name in names {
        let full = format!("{}::{name}", binary.name);
        let first = outcomes.remove(&name);
        let outcome = match first {
            Some(outcome) if !outcome.is_failure() => outcome,
            first => {
                let ended = run(&["--exact", &name], single)?;
                tests.run += ended.time;
                let second = alone(&ended, &name);
                if second == Outcome::Passed && (first.is_some() || !orderly) {
                    tests.second_try.insert(full.clone());
                }
                second
            }
        };
        tests.outcomes.insert(full, outcome);
    }
    Ok(())
}

/// The outcome of a test that ran alone; its line may be garbled, so the exit decides.
fn alone(ended: &Ended, name: &str) -> Outcome {
    let seen = libtest::outcomes(&ended.stdout).remove(name);
    match (ended.success, seen) {
        (None, _) => Outcome::Hung(ended.status.clone()),
        (Some(true), Some(Outcome::Ignored)) => Outcome::Ignored,
        (Some(true), _) if ended.stdout.contains(" 1 passed;") => Outcome::Passed,
        (Some(true), _) => Outcome::Failed("it did not run".to_owned()),
        (Some(false), Some(failed)) if !failed.reason().is_empty() => failed,
        (Some(false), _) => {
            let said = libtest::reason(&format!("{}\n{}", ended.stdout, ended.stderr));
            Outcome::Failed(format!("{}: {said}", ended.status))
        }
    }
}

/// Doctests, which only cargo can build: there are no binaries.
fn doctests(context: &Context, package: &Package<'_>) -> Result<Tests, Error> {
    let mut command = command(Suite::Doc, package);
    command.args([
        "test",
        "--doc",
        "--no-fail-fast",
        "--features",
        package.features,
    ]);
    if context.offline {
        command.arg("--offline");
    }
    command.env("RUST_TEST_THREADS", context.jobs.to_string());
    let log = context.log(&package.name, "doc");
    let ended = process::run(&mut command, LONG, &log).map_err(Error::Start)?;
    let found = libtest::outcomes(&ended.stdout);
    // If they were killed, those that did not end are named, and those that did not begin are missing.
    if found.is_empty() {
        return Err(Error::Build {
            what: format!("{} (doctests)", package.name),
            status: ended.status,
            says: process::tail(&ended.stderr, 60),
        });
    }
    Ok(Tests {
        outcomes: libtest::without_lines(found),
        run: ended.time,
        ..Tests::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(success: Option<bool>, stdout: &str) -> Ended {
        Ended {
            success,
            code: success.map(|success| if success { 0 } else { 7 }),
            status: "exit status: 7".to_owned(),
            stdout: stdout.to_owned(),
            stderr: String::new(),
            time: Duration::ZERO,
        }
    }

    #[test]
    fn alone_the_exit_decides() {
        let passed = "test a ... noise ok\ntest result: ok. 1 passed; 0 failed; 0 ignored";
        assert_eq!(alone(&ended(Some(true), passed), "a"), Outcome::Passed);
        let nothing = "test result: ok. 0 passed; 0 failed; 0 ignored";
        assert!(alone(&ended(Some(true), nothing), "a").is_failure());
        let ignored = "test a ... ignored\ntest result: ok. 0 passed; 0 failed; 1 ignored";
        assert_eq!(alone(&ended(Some(true), ignored), "a"), Outcome::Ignored);
        assert!(matches!(alone(&ended(None, ""), "a"), Outcome::Hung(_)));
        let died = alone(&ended(Some(false), "test a ... "), "a");
        assert_eq!(died.reason(), "exit status: 7: test a ...");
    }

    #[test]
    fn files_select_integration_tests() {
        let only = ["sync_mutex".to_owned()];
        assert_eq!(
            selection(Suite::Integration, &only),
            ["--test", "sync_mutex"]
        );
        assert_eq!(selection(Suite::Integration, &[]), ["--test", "*"]);
        assert_eq!(selection(Suite::Lib, &only), ["--lib"]);
    }
}
