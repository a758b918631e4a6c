//! The data of a report, as the results file keeps it.
//!
//! The names of the fields are the keys of the TOML file, so a change of a name is a change of the
//! format.

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::conformance::suite::{Mode, Suite};

/// A row of the table: what one suite of one release did in one mode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The release of tokio.
    pub version: Version,
    /// The suite.
    pub suite: Suite,
    /// The mode.
    pub mode: Mode,
    /// The number of tests that passed, those of `second_try` among them.
    pub passed: usize,
    /// The number of tests that failed, hung or were missing, and are not excepted.
    pub failed: usize,
    /// The number of tests that are marked `#[ignore]`.
    pub ignored: usize,
    /// The number of tests that failed as the list of exceptions says.
    pub excepted: usize,
    /// The number of tests that did not pass, and passed on untouched upstream in the same run.
    pub regressions: usize,
    /// The number of tests that did not pass among others, and passed alone.
    pub second_try: usize,
    /// The time of the build, in seconds; 0 for doctests, whose build is part of the run.
    pub build_seconds: u64,
    /// The time of the tests, in seconds.
    pub run_seconds: u64,
    /// The day of the run, in UTC.
    pub date: String,
    /// `rustc --version`.
    pub rustc: String,
}

/// A test that does not pass in some mode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// The release of tokio.
    pub version: Version,
    /// The suite.
    pub suite: Suite,
    /// The mode.
    pub mode: Mode,
    /// The test, as `file::test`.
    pub test: String,
    /// How the test ended: `failed`, `hung`, `missing`, `ignored`, or `second try`.
    pub outcome: String,
    /// What that means: `upstream`, `upstream too`, `regression`, `excepted`, or `noted`.
    pub verdict: String,
    /// What the test said, or why it is excepted.
    pub reason: String,
}

/// What a run found, or what a results file holds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The rows of the table.
    #[serde(default)]
    pub row: Vec<Row>,
    /// The tests that do not pass in some mode.
    #[serde(default)]
    pub difference: Vec<Difference>,
    /// What is wrong with the list of exceptions, in sentences. A results file does not keep this.
    #[serde(skip)]
    pub stale: Vec<String>,
}

impl Report {
    /// The tests that do not pass and should: those that pass on untouched upstream.
    ///
    /// Where upstream's mode was not run, these are all tests that do not pass and are not
    /// excepted.
    pub fn regressions(&self) -> impl Iterator<Item = &Difference> {
        self.difference
            .iter()
            .filter(|one| one.verdict == "regression")
    }

    /// Whether nothing regressed and the list of exceptions is up to date.
    ///
    /// A test that fails on upstream as well is not held against the fork: a machine without a
    /// network fails some.
    pub fn is_good(&self) -> bool {
        self.regressions().next().is_none() && self.stale.is_empty()
    }
}
