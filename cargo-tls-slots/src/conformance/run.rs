//! Runs the suites that the options name, release by release and mode by mode.
//!
//! All modes of a suite are run before its report is made: the outcome of a test in one mode means
//! something only beside that of upstream's.

use std::collections::BTreeMap;

use semver::Version;

use super::error::Error;
use super::exceptions::Exceptions;
use super::options::Options;
use super::outcome::{Outcome, Tests};
use super::release::Release;
use super::report::Report;
use super::suite::{Mode, Suite};

/// Runs the suites, and reports how each test ended.
///
/// A second run in the same work folder builds only what has changed.
///
/// # Errors
///
/// Each variant of [`Error`] is a step that could not be done. A test that fails is no error: see
/// [`Report::regressions`].
///
/// # Examples
///
/// ```no_run
/// use cargo_tls_slots::conformance::{self, Options};
///
/// let report = conformance::run(&Options::quick("target/conformance"))?;
/// print!("{}", report.render());
/// assert!(report.is_good());
/// # Ok::<(), cargo_tls_slots::conformance::Error>(())
/// ```
pub fn run(options: &Options) -> Result<Report, Error> {
    let result = run_all(options);
    if result.is_err() {
        options.progress.clear();
    }
    result
}

/// [`run`], without the last step: to take the progress off the terminal before an error.
fn run_all(options: &Options) -> Result<Report, Error> {
    let exceptions = Exceptions::built_in()
        .map_err(|error| Error::Parse("conformance/exceptions.toml".to_owned(), error))?;
    let root = std::path::absolute(&options.work)
        .map_err(|source| Error::Write(options.work.clone(), source))?;
    let mut report = Report::default();
    for version in &options.versions {
        let release = Release::prepare(options, &root.join(version.to_string()), version)?;
        for suite in &options.suites {
            let results = run_suite(options, &release, version, *suite)?;
            let whole = options.files.is_empty();
            report.add(version, *suite, results, &exceptions, whole);
        }
    }
    Ok(report)
}

/// Runs one suite in each mode that the suite has and the options want.
fn run_suite(
    options: &Options,
    release: &Release,
    version: &Version,
    suite: Suite,
) -> Result<BTreeMap<Mode, Tests>, Error> {
    let mut results = BTreeMap::new();
    let wanted = |mode: &&Mode| options.modes.contains(mode);
    for mode in suite.modes().iter().filter(wanted) {
        let label = format!("tokio {version}, {suite}, {mode}");
        options.progress.step(&label);
        let tests = release.run(options, suite, *mode)?;
        let passed = |one: &&Outcome| **one == Outcome::Passed;
        options.progress.done(&format!(
            "{label}: {} of {} passed; {} s to build, {} s to run",
            tests.outcomes.values().filter(passed).count(),
            tests.outcomes.len(),
            tests.build.as_secs(),
            tests.run.as_secs(),
        ));
        results.insert(*mode, tests);
    }
    Ok(results)
}
