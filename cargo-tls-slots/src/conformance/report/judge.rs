//! From the outcomes of tests to the rows of the table: which test is a regression.
//!
//! | outcome in a mode | and on untouched upstream | verdict |
//! | --- | --- | --- |
//! | passed | anything | none |
//! | ignored | did not pass | none |
//! | any other, or ignored | excepted in this mode | `excepted` |
//! | failed, hung, missing | did not pass | `upstream too` |
//! | failed, hung, missing, ignored | passed, or was not run | `regression` |
//!
//! A failure of upstream's own run is called `upstream`.
//!
//! A test that passed alone after it had failed among others is `noted`: it counts as passed, and
//! is listed, because a test that needs a second try in one mode only may be a regression that
//! shows now and then.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;

use super::origin::{rustc, today};
use super::rows::{Difference, Report, Row};
use crate::conformance::exceptions::Exceptions;
use crate::conformance::outcome::{Outcome, Tests};
use crate::conformance::suite::{Mode, Suite};

impl Report {
    /// Adds what one suite did in its modes. Exceptions can be out of date only if the suite was
    /// run as a `whole`.
    ///
    /// A suite of which only some files were run lacks most tests, and would have every exception
    /// of the others out of date.
    pub(in crate::conformance) fn add(
        &mut self,
        version: &Version,
        suite: Suite,
        mut results: BTreeMap<Mode, Tests>,
        exceptions: &Exceptions,
        whole: bool,
    ) {
        let (date, rustc) = (today(), rustc());
        add_missing(&mut results);
        let baseline: Option<BTreeSet<String>> = results.get(&Mode::Upstream).map(|tests| {
            let all = tests.outcomes.iter();
            let passed = all.filter(|(_, one)| **one == Outcome::Passed);
            passed.map(|(name, _)| name.clone()).collect()
        });
        for (mode, tests) in &results {
            let mut judge = Judge {
                row: Row {
                    version: version.clone(),
                    suite,
                    mode: *mode,
                    passed: 0,
                    failed: 0,
                    ignored: 0,
                    excepted: 0,
                    regressions: 0,
                    second_try: tests.second_try.len(),
                    build_seconds: tests.build.as_secs(),
                    run_seconds: tests.run.as_secs(),
                    date: date.clone(),
                    rustc: rustc.clone(),
                },
                differences: &mut self.difference,
            };
            for (test, outcome) in &tests.outcomes {
                let passed_before = baseline.as_ref().map(|passed| passed.contains(test));
                let excepted = exceptions.reason(suite, *mode, test);
                judge.count(test, outcome, passed_before, excepted);
            }
            for test in &tests.second_try {
                let reason = "did not pass among others, passed alone";
                judge.differs(test, "second try", "noted", reason);
            }
            self.row.push(judge.row);
            if whole {
                let stale = exceptions.stale(suite, *mode, &tests.outcomes);
                self.stale.extend(stale);
            }
        }
    }
}

/// Fills the row of one mode, and lists the tests that do not pass in it.
struct Judge<'a> {
    row: Row,
    differences: &'a mut Vec<Difference>,
}

impl Judge<'_> {
    /// Counts one test. `passed_before` says whether it passed on untouched upstream, if that was
    /// run; `excepted` is why the test may fail, if it may.
    fn count(
        &mut self,
        test: &str,
        outcome: &Outcome,
        passed_before: Option<bool>,
        excepted: Option<&str>,
    ) {
        match outcome {
            Outcome::Passed => {
                self.row.passed += 1;
                return;
            }
            Outcome::Ignored => {
                self.row.ignored += 1;
                if passed_before != Some(true) {
                    return;
                }
            }
            _ => {}
        }
        if let Some(reason) = excepted {
            self.row.excepted += 1;
            self.differs(test, outcome.word(), "excepted", reason);
            return;
        }
        self.row.failed += usize::from(outcome.is_failure());
        let upstream = self.row.mode == Mode::Upstream;
        let regression = !upstream && passed_before != Some(false);
        self.row.regressions += usize::from(regression);
        let verdict = match upstream {
            true => "upstream",
            false if regression => "regression",
            false => "upstream too",
        };
        self.differs(test, outcome.word(), verdict, outcome.reason());
    }

    /// Adds to the list of differences.
    fn differs(&mut self, test: &str, outcome: &str, verdict: &str, reason: &str) {
        self.differences.push(Difference {
            version: self.row.version.clone(),
            suite: self.row.suite,
            mode: self.row.mode,
            test: test.to_owned(),
            outcome: outcome.to_owned(),
            verdict: verdict.to_owned(),
            reason: reason.to_owned(),
        });
    }
}

/// A test that one mode has and another one lacks is missing there.
fn add_missing(results: &mut BTreeMap<Mode, Tests>) {
    let reference = [Mode::Upstream, Mode::Off, Mode::SelfHosted]
        .into_iter()
        .find_map(|mode| results.get(&mode));
    let Some(reference) = reference else { return };
    let names: Vec<String> = reference.outcomes.keys().cloned().collect();
    for tests in results.values_mut() {
        for name in &names {
            tests
                .outcomes
                .entry(name.clone())
                .or_insert(Outcome::Missing);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tests(outcomes: &[(&str, Outcome)]) -> Tests {
        Tests {
            outcomes: outcomes
                .iter()
                .map(|(name, outcome)| ((*name).to_owned(), outcome.clone()))
                .collect(),
            ..Tests::default()
        }
    }

    fn failed() -> Outcome {
        Outcome::Failed("why".to_owned())
    }

    fn report(results: BTreeMap<Mode, Tests>) -> Report {
        let mut report = Report::default();
        let version = Version::new(1, 2, 3);
        report.add(&version, Suite::Lib, results, &Exceptions::default(), true);
        report
    }

    #[test]
    fn a_regression_is_what_passes_on_upstream() {
        use Outcome::{Ignored, Passed};
        let baseline = [
            ("a", Passed),
            ("b", failed()),
            ("c", Passed),
            ("d", Ignored),
            ("e", Passed),
        ];
        let off = [
            ("a", failed()),
            ("b", failed()),
            ("d", Ignored),
            ("e", Ignored),
        ];
        let report = report([(Mode::Upstream, tests(&baseline)), (Mode::Off, tests(&off))].into());
        let found: Vec<_> = report
            .regressions()
            .map(|one| (one.test.as_str(), one.outcome.as_str()))
            .collect();
        assert_eq!(found, [("a", "failed"), ("c", "missing"), ("e", "ignored")]);
        let off = &report.row[1];
        assert_eq!((off.passed, off.failed, off.ignored), (0, 3, 2));
        assert!(!report.is_good());
    }

    #[test]
    fn without_a_baseline_every_failure_is_one() {
        let report = report([(Mode::Off, tests(&[("a", failed())]))].into());
        assert_eq!(report.regressions().count(), 1);
    }
}
