//! How a test ended, and how all tests of a run did.
//!
//! Tests of all modes have the same names: `file::test` for integration tests,
//! `package::module::test` for unit tests, and item and number for doctests. So the outcome of a
//! test in one mode can be looked up in another.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How a test ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It passed.
    Passed,
    /// It failed. The text is its last panic, or the last line that it printed.
    Failed(String),
    /// It is marked `#[ignore]`.
    Ignored,
    /// It did not end before its deadline. The text says what was done about that.
    Hung(String),
    /// The mode does not have the test, but the mode that it is compared with does.
    Missing,
}

impl Outcome {
    /// The outcome in one word, as in the results file.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Outcome::Passed => "passed",
            Outcome::Failed(_) => "failed",
            Outcome::Ignored => "ignored",
            Outcome::Hung(_) => "hung",
            Outcome::Missing => "missing",
        }
    }

    /// Why the test did not pass; empty where there is nothing to explain.
    pub(super) fn reason(&self) -> &str {
        match self {
            Outcome::Failed(reason) | Outcome::Hung(reason) => reason,
            Outcome::Missing => "the mode does not have it",
            Outcome::Passed | Outcome::Ignored => "",
        }
    }

    /// Whether the outcome counts as a failure.
    pub(crate) fn is_failure(&self) -> bool {
        !matches!(self, Outcome::Passed | Outcome::Ignored)
    }
}

/// What a suite did in one mode.
#[derive(Debug, Default)]
pub(crate) struct Tests {
    /// Each test's outcome, by `file::test`.
    pub(crate) outcomes: BTreeMap<String, Outcome>,
    /// The tests that did not pass at first, among others, and passed when they ran alone.
    pub(super) second_try: BTreeSet<String>,
    /// How long cargo took to build the tests.
    pub(super) build: Duration,
    /// How long the tests ran.
    pub(super) run: Duration,
}
