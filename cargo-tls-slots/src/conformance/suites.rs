//! Modes `upstream`, `off` and `self-hosted`: builds a suite by `cargo test --no-run` and runs the
//! test binaries as `cargo test` would, but each with a deadline.
//!
//! The problem: `cargo test` waits for ever for a test that hangs, and one test that dies takes the
//! results of its whole binary with it.
//!
//! The way, for each binary:
//!
//! 1. The binary runs all of its tests at once.
//! 2. A test without an outcome runs again, alone. There may be none because the binary was killed
//!    at its deadline, because it died, or because the line was garbled. A test that hangs alone is
//!    killed, and named.
//! 3. A test that failed runs again, alone, once. If it passes then, it counts as passed, and is
//!    listed among those that needed a second try. So does a test whose binary was killed or died.
//!
//! These rules hold for every mode, upstream's too.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::builds::{artifacts, build, common_env, failed};
use super::error::Error;
use super::libtest;
use super::options::Context;
use super::outcome::{Outcome, Tests};
use super::suite::Suite;
use crate::cargo;
use crate::process::{self, Ended};

/// How long a binary may take for all of its tests.
const BINARY: Duration = Duration::from_secs(300);
/// How long one test may take alone.
pub(super) const TEST: Duration = Duration::from_secs(60);
/// How long a loom model may take alone, and all doctests together.
const LONG: Duration = Duration::from_secs(45 * 60);

/// A package whose tests are run.
pub(crate) struct Package<'a> {
    /// The folder of the package's `Cargo.toml`.
    pub(crate) folder: &'a Path,
    /// The features that the tests are built with, commas between.
    pub(crate) features: &'a str,
    /// The target folder.
    pub(crate) target: PathBuf,
    /// The name of suite and mode, for logs.
    pub(crate) name: String,
}

/// One test binary.
struct Binary {
    /// The name of the test file, or of the package for unit tests.
    name: String,
    path: PathBuf,
}

/// Builds and runs one suite of a package; `files` choose among the integration tests.
///
/// # Errors
///
/// [`Error::Start`] if a program does not start, and [`Error::Build`] if the tests cannot be built.
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
        build: ended.took,
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

/// A cargo command with the environment that the suite needs.
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

/// The arguments of `cargo test` that choose the tests of a suite; `files` are for the integration
/// suite alone.
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

/// The test binaries among what cargo built, by name.
fn binaries(messages: &str) -> Vec<Binary> {
    let mut found: Vec<Binary> = artifacts(messages)
        .filter(|artifact| artifact.profile.test)
        .filter_map(|artifact| {
            Some(Binary {
                name: artifact.target.name,
                path: artifact.executable?.into_std_path_buf(),
            })
        })
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// Runs the tests of one binary, and adds their outcomes to `tests`.
///
/// The working folder and `CARGO_MANIFEST_DIR` are those of the package, as under `cargo test`:
/// some tests read files of the package. Backtraces are off: the reason of a failure is read from
/// the lines after a panic.
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
        process::run_logged(&mut command, deadline, &log).map_err(Error::Start)
    };
    let names = libtest::list(&run(&["--list", "--format", "terse"], TEST)?.stdout);
    if names.is_empty() {
        return Ok(());
    }
    let ended = run(&[], whole)?;
    tests.run += ended.took;
    // libtest ends with 0 or 101. Then a test has no outcome only because its line was garbled.
    let orderly = matches!(ended.status.and_then(|status| status.code()), Some(0 | 101));
    let mut outcomes = libtest::outcomes(&ended.stdout);
    for name in names {
        let full = format!("{}::{name}", binary.name);
        let first = outcomes.remove(&name);
        let outcome = match first {
            Some(outcome) if !outcome.is_failure() => outcome,
            first => {
                let ended = run(&["--exact", &name], single)?;
                tests.run += ended.took;
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

/// The outcome of a test that ran alone. The test's line may be garbled, so the exit status
/// decides.
fn alone(ended: &Ended, name: &str) -> Outcome {
    let seen = libtest::outcomes(&ended.stdout).remove(name);
    match (ended.status.map(|status| status.success()), seen) {
        (None, _) => Outcome::Hung(ended.how()),
        (Some(true), Some(Outcome::Ignored)) => Outcome::Ignored,
        (Some(true), _) if ended.stdout.contains(" 1 passed;") => Outcome::Passed,
        (Some(true), _) => Outcome::Failed("it did not run".to_owned()),
        (Some(false), Some(failed)) if !failed.reason().is_empty() => failed,
        (Some(false), _) => {
            let said = libtest::reason(&format!("{}\n{}", ended.stdout, ended.stderr));
            Outcome::Failed(format!("{}: {said}", ended.how()))
        }
    }
}

/// Runs the doctests. Only cargo can build those, so there are no binaries to run with a deadline
/// each: one deadline is for all.
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
    let ended = process::run_logged(&mut command, LONG, &log).map_err(Error::Start)?;
    let found = libtest::outcomes(&ended.stdout);
    // If the run was killed, the tests that did not end are named, and those that did not begin are
    // missing.
    if found.is_empty() {
        let what = format!("{} (doctests)", package.name);
        return Err(failed(&what, &ended));
    }
    Ok(Tests {
        outcomes: libtest::without_lines(found),
        run: ended.took,
        ..Tests::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How a program ended: with a code, or killed.
    #[cfg(unix)]
    fn ended(code: Option<i32>, stdout: &str) -> Ended {
        use std::os::unix::process::ExitStatusExt as _;
        Ended {
            command: String::new(),
            status: code.map(|code| std::process::ExitStatus::from_raw(code << 8)),
            stdout: stdout.to_owned(),
            stderr: String::new(),
            took: Duration::ZERO,
        }
    }

    #[cfg(unix)]
    #[test]
    fn alone_the_exit_decides() {
        let passed = "test a ... noise ok\ntest result: ok. 1 passed; 0 failed; 0 ignored";
        assert_eq!(alone(&ended(Some(0), passed), "a"), Outcome::Passed);
        let nothing = "test result: ok. 0 passed; 0 failed; 0 ignored";
        assert!(alone(&ended(Some(0), nothing), "a").is_failure());
        let ignored = "test a ... ignored\ntest result: ok. 0 passed; 0 failed; 1 ignored";
        assert_eq!(alone(&ended(Some(0), ignored), "a"), Outcome::Ignored);
        assert!(matches!(alone(&ended(None, ""), "a"), Outcome::Hung(_)));
        let died = alone(&ended(Some(7), "test a ... "), "a");
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
