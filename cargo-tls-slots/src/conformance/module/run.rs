//! Builds host and module, and runs every test in a process of its own.
//!
//! ```text
//! host MODULE list        prints a line for each test: name, kind, arguments, `ignored`
//! host MODULE run NAME    ends with 0 if the test passes, else prints `FAILED: why`
//! ```
//!
//! The list decides what is run. Tests register themselves when the module is loaded, so a test
//! that the rewriting has lost is not in the list, and is reported as missing.

use std::collections::BTreeMap;
use std::fs;
use std::panic;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use cargo_metadata::TargetKind;

use super::projects::Projects;
use crate::cargo;
use crate::conformance::builds::{TARGET, artifacts, build, common_env, failed};
use crate::conformance::error::Error;
use crate::conformance::libtest;
use crate::conformance::options::Context;
use crate::conformance::outcome::{Outcome, Tests};
use crate::conformance::suites::TEST;
use crate::process;

/// A host and a module that are built.
///
/// Both are used as they are for all tests: no test changes a file of theirs.
struct Built {
    host: PathBuf,
    module: PathBuf,
    /// The folder that tests run in: some read the files of their package.
    folder: PathBuf,
    /// How long the builds took.
    took: Duration,
}

/// What became of one test.
struct Ran {
    test: String,
    outcome: Outcome,
    /// Whether the test failed at first.
    second_try: bool,
}

/// Builds host and module, and runs every test of the module.
///
/// # Errors
///
/// [`Error::Build`] if host or module cannot be built, or the host cannot list the tests, and
/// [`Error::Start`] if a program does not start.
pub(in crate::conformance) fn run(
    context: &Context,
    work: &Path,
    projects: &Projects,
) -> Result<Tests, Error> {
    let built = Built::build(context, work, projects)?;
    let mut tests = Tests {
        build: built.took,
        ..Tests::default()
    };
    let mut queue = Vec::new();
    for (name, ignored) in built.list(context)? {
        match ignored {
            true => drop(tests.outcomes.insert(name, Outcome::Ignored)),
            false => queue.push(name),
        }
    }
    let started = Instant::now();
    for ran in built.run_all(context, &queue)? {
        if ran.second_try {
            tests.second_try.insert(ran.test.clone());
        }
        tests.outcomes.insert(ran.test, ran.outcome);
    }
    tests.run = started.elapsed();
    Ok(tests)
}

impl Built {
    /// Builds module and host, by two cargo invocations. What both depend on is compiled once.
    fn build(context: &Context, work: &Path, projects: &Projects) -> Result<Self, Error> {
        let mut took = Duration::ZERO;
        let mut one = |folder: &Path, name: &str, kind: TargetKind| -> Result<PathBuf, Error> {
            let mut command = cargo::command(folder);
            common_env(&mut command, &work.join(TARGET));
            command.args(["build", "--message-format", "json-render-diagnostics"]);
            let label = format!("module-{name}");
            let ended = build(context, &mut command, &label)?;
            took += ended.took;
            artifact(&ended.stdout, &kind).ok_or_else(|| failed(&label, &ended))
        };
        Ok(Built {
            module: one(&projects.module, "module", TargetKind::CDyLib)?,
            host: one(&projects.host, "host", TargetKind::Bin)?,
            folder: projects.tokio.clone(),
            took,
        })
    }

    /// The host, which opens the module.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.host);
        command
            .arg(&self.module)
            .args(args)
            .current_dir(&self.folder)
            .env("CARGO_MANIFEST_DIR", &self.folder)
            .env_remove("RUST_BACKTRACE");
        command
    }

    /// The names of the module's tests, and whether each is ignored.
    fn list(&self, context: &Context) -> Result<BTreeMap<String, bool>, Error> {
        let log = context.log("module", "list");
        let listed = process::run_logged(&mut self.command(&["list"]), TEST, &log);
        let listed = listed.map_err(Error::Start)?;
        match listed.success() {
            true => Ok(parse_list(&listed.stdout)),
            false => Err(failed("the module's list of tests", &listed)),
        }
    }

    /// Runs the tests, as many at a time as the options say. A test that fails gets a second try.
    fn run_all(&self, context: &Context, queue: &[String]) -> Result<Vec<Ran>, Error> {
        let next = AtomicUsize::new(0);
        let work = || -> Result<Vec<Ran>, Error> {
            let mut done = Vec::new();
            while let Some(test) = queue.get(next.fetch_add(1, Ordering::Relaxed)) {
                context.progress.detail(&format!("module: {test}"));
                let first = self.run_one(context, test)?;
                let again = matches!(first, Outcome::Failed(_));
                let outcome = match again {
                    true => self.run_one(context, test)?,
                    false => first,
                };
                done.push(Ran {
                    test: test.clone(),
                    second_try: again && outcome == Outcome::Passed,
                    outcome,
                });
            }
            Ok(done)
        };
        thread::scope(|scope| {
            let workers: Vec<_> = (0..context.jobs).map(|_| scope.spawn(work)).collect();
            let mut ran = Vec::new();
            for worker in workers {
                ran.extend(
                    worker
                        .join()
                        .unwrap_or_else(|payload| panic::resume_unwind(payload))?,
                );
            }
            Ok(ran)
        })
    }

    /// Runs one test in a process of its own, which is killed at the deadline.
    fn run_one(&self, context: &Context, test: &str) -> Result<Outcome, Error> {
        let log = context.log("module", &test.replace("::", "."));
        let mut command = self.command(&["run", test]);
        let ended = process::run_logged(&mut command, TEST, &log).map_err(Error::Start)?;
        Ok(match ended.status {
            Some(status) if status.success() => {
                // 1,400 empty files are of no use to anyone.
                let _ = fs::remove_file(log.with_extension("out"));
                let _ = fs::remove_file(log.with_extension("err"));
                Outcome::Passed
            }
            Some(_) => Outcome::Failed(verdict(&ended.stderr, &ended.how())),
            None => Outcome::Hung(ended.how()),
        })
    }
}

/// The file that a build made, if it made one of this kind.
fn artifact(messages: &str, kind: &TargetKind) -> Option<PathBuf> {
    let built = artifacts(messages).filter(|artifact| artifact.target.kind.contains(kind));
    let files = built.filter_map(|artifact| match artifact.executable {
        Some(program) => Some(program),
        None => artifact.filenames.into_iter().next(),
    });
    files.last().map(Into::into)
}

/// The names of the tests in the host's list, and whether each is ignored.
fn parse_list(text: &str) -> BTreeMap<String, bool> {
    text.lines()
        .filter_map(|line| {
            let mut fields = line.split('\t');
            let name = fields.next()?.to_owned();
            let ignored = fields.nth(2)?;
            Some((name, ignored == "ignored"))
        })
        .collect()
}

/// Why a test failed, from what its host printed to standard error and how the host ended.
///
/// The host's last line is `FAILED: why`. If the test has panicked, the panic's own lines before it
/// also say where. A host that died has printed neither, and the way it ended is all there is.
fn verdict(stderr: &str, status: &str) -> String {
    let said = libtest::reason(stderr);
    let reason = stderr
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("FAILED: "));
    match reason {
        // The panic's own text is the same, and says where.
        Some(reason) if said.starts_with(reason.trim_start_matches("panicked: ")) => said,
        Some(reason) => reason.to_owned(),
        None => format!("{status}: {said}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_verdicts() {
        let list = parse_list("a::b\tasync\tflavor = \"local\"\t\nc::d\tsync\t\tignored\n");
        assert_eq!(
            list,
            [("a::b".to_owned(), false), ("c::d".to_owned(), true)].into()
        );
        let said = "\nthread 'x' panicked at tests/a.rs:1:2:\nboom\nFAILED: panicked: boom\n";
        assert_eq!(verdict(said, ""), "boom (tests/a.rs:1:2)");
        assert_eq!(verdict("FAILED: no such test\n", ""), "no such test");
        assert_eq!(verdict("abort\n", "signal: 6"), "signal: 6: abort");
    }
}
