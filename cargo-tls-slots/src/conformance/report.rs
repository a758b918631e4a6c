//! The table, and the file that keeps it.
//!
//! The results file is data (TOML), and a Markdown page beside it is made from it. A run replaces the rows of
//! the suites and modes that it ran, and leaves the others, each with its own date: the whole takes
//! hours, and may be run in parts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use semver::Version;
use serde::{Deserialize, Serialize};

use super::exceptions::Exceptions;
use super::libtest::Outcome;
use super::{Error, Mode, Suite, Tests, work};

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The release of tokio.
    pub version: Version,
    /// The tests.
    pub suite: Suite,
    /// The mode.
    pub mode: Mode,
    /// Passed, those of `second_try` among them.
    pub passed: usize,
    /// Failed or hung, and not excepted.
    pub failed: usize,
    /// Marked `#[ignore]`.
    pub ignored: usize,
    /// Failed, as the list of exceptions says.
    pub excepted: usize,
    /// Failed, and passed on untouched upstream in the same run.
    pub regressions: usize,
    /// Did not pass among others, and passed alone.
    pub second_try: usize,
    /// The time of the build, in seconds; 0 where the tests' own time has it.
    pub build_seconds: u64,
    /// The time of the tests, in seconds.
    pub run_seconds: u64,
    /// The day of the run, in UTC.
    pub date: String,
    /// `rustc --version`.
    pub rustc: String,
}

/// The table's columns.
const COLUMNS: [&str; 11] = [
    "tokio",
    "suite",
    "mode",
    "passed",
    "failed",
    "ignored",
    "excepted",
    "regressions",
    "second try",
    "build, s",
    "run, s",
];
/// How many of them are text.
const LEFT: usize = 3;

impl Row {
    fn cells(&self) -> [String; COLUMNS.len()] {
        [
            self.version.to_string(),
            self.suite.to_string(),
            self.mode.to_string(),
            self.passed.to_string(),
            self.failed.to_string(),
            self.ignored.to_string(),
            self.excepted.to_string(),
            self.regressions.to_string(),
            self.second_try.to_string(),
            self.build_seconds.to_string(),
            self.run_seconds.to_string(),
        ]
    }
}

/// A test that does not pass in some mode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// The release of tokio.
    pub version: Version,
    /// The tests.
    pub suite: Suite,
    /// The mode.
    pub mode: Mode,
    /// `file::test`.
    pub test: String,
    /// One word: `failed`, `hung`, `missing`, `ignored`, or `second try`.
    pub outcome: String,
    /// `upstream`, `upstream too`, `regression`, `excepted`, or `noted`.
    pub verdict: String,
    /// What it said, or why it is excepted.
    pub reason: String,
}

/// What was found.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The table.
    #[serde(default)]
    pub row: Vec<Row>,
    /// The tests that do not pass in some mode.
    #[serde(default)]
    pub difference: Vec<Difference>,
    /// What is wrong with the list of exceptions.
    #[serde(skip)]
    pub stale: Vec<String>,
}

impl Report {
    /// Adds what one suite did in its modes. Exceptions can be out of date only if it was `whole`.
    pub(crate) fn add(
        &mut self,
        version: &Version,
        suite: Suite,
        mut results: BTreeMap<Mode, Tests>,
        exceptions: &Exceptions,
        whole: bool,
    ) {
        let date = today();
        let rustc = rustc();
        add_missing(&mut results);
        let baseline: Option<BTreeSet<String>> = results.get(&Mode::Upstream).map(|tests| {
            let passed = tests
                .outcomes
                .iter()
                .filter(|(_, one)| **one == Outcome::Passed);
            passed.map(|(name, _)| name.clone()).collect()
        });
        for (mode, tests) in &results {
            let mut row = Row {
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
            };
            let mut differs = |test: &str, outcome: &str, verdict: &str, reason: &str| {
                self.difference.push(Difference {
                    version: version.clone(),
                    suite,
                    mode: *mode,
                    test: test.to_owned(),
                    outcome: outcome.to_owned(),
                    verdict: verdict.to_owned(),
                    reason: reason.to_owned(),
                });
            };
            for (test, outcome) in &tests.outcomes {
                let passed_before = baseline.as_ref().map(|passed| passed.contains(test));
                match outcome {
                    Outcome::Passed => {
                        row.passed += 1;
                        continue;
                    }
                    Outcome::Ignored => {
                        row.ignored += 1;
                        if passed_before != Some(true) {
                            continue;
                        }
                    }
                    _ => {}
                }
                if let Some(reason) = exceptions.reason(suite, *mode, test) {
                    row.excepted += 1;
                    differs(test, outcome.word(), "excepted", reason);
                    continue;
                }
                row.failed += usize::from(outcome.is_failure());
                let regression = *mode != Mode::Upstream && passed_before != Some(false);
                row.regressions += usize::from(regression);
                let verdict = match *mode {
                    Mode::Upstream => "upstream",
                    _ if regression => "regression",
                    _ => "upstream too",
                };
                differs(test, outcome.word(), verdict, outcome.reason());
            }
            for test in &tests.second_try {
                differs(
                    test,
                    "second try",
                    "noted",
                    "did not pass among others, passed alone",
                );
            }
            if whole {
                self.stale
                    .extend(exceptions.stale(suite, *mode, &tests.outcomes));
            }
            self.row.push(row);
        }
    }

    /// The tests that fail and should not.
    pub fn regressions(&self) -> impl Iterator<Item = &Difference> {
        self.difference
            .iter()
            .filter(|one| one.verdict == "regression")
    }

    /// Whether nothing regressed and the list of exceptions is up to date.
    pub fn is_good(&self) -> bool {
        self.regressions().next().is_none() && self.stale.is_empty()
    }

    /// The table as text, and what is wrong.
    pub fn render(&self) -> String {
        let line = |cells: [String; COLUMNS.len()]| {
            let mut line = String::new();
            for (at, (cell, head)) in cells.iter().zip(COLUMNS).enumerate() {
                let width = head.len().max(if at < LEFT { 11 } else { 6 });
                let _ = match at < LEFT {
                    true => write!(line, "{cell:<width$}  "),
                    false => write!(line, "{cell:>width$}  "),
                };
            }
            line.trim_end().to_owned() + "\n"
        };
        let mut text = line(COLUMNS.map(str::to_owned));
        for row in &self.row {
            text += &line(row.cells());
        }
        let unexpected = |one: &&Difference| one.verdict != "excepted";
        for one in self.difference.iter().filter(unexpected) {
            let _ = writeln!(
                text,
                "{}: tokio {}, {}, {}: {} {}: {}",
                one.verdict, one.version, one.suite, one.mode, one.test, one.outcome, one.reason
            );
        }
        for sentence in &self.stale {
            let _ = writeln!(text, "exceptions: {sentence}");
        }
        text
    }

    /// The same as a page.
    pub fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let mut text = String::from(
            "# tokio's own tests on the fork\n\n\
             Made by `cargo tls-slots conformance`, see [README.md](README.md). What was built \
             already takes no time to build again. A failure is a regression if the test passes on \
             untouched upstream in the same run.\n\n",
        );
        text += &line(&COLUMNS.map(str::to_owned));
        text += &line(&std::array::from_fn::<_, { COLUMNS.len() }, _>(|at| {
            String::from(if at < LEFT { "---" } else { "---:" })
        }));
        for row in &self.row {
            text += &line(&row.cells());
        }
        let days: BTreeSet<_> = self.row.iter().map(|row| (&row.date, &row.rustc)).collect();
        for (date, rustc) in days {
            let _ = write!(text, "\nRun on {date} with {rustc}.\n");
        }
        text += "\n## Tests that do not pass in some mode\n\n";
        let head = [
            "tokio", "suite", "mode", "test", "outcome", "verdict", "reason",
        ];
        text += &line(&head.map(str::to_owned));
        text += &line(&head.map(|_| "---".to_owned()));
        for one in &self.difference {
            text += &line(&[
                one.version.to_string(),
                one.suite.to_string(),
                one.mode.to_string(),
                format!("`{}`", one.test),
                one.outcome.clone(),
                one.verdict.clone(),
                one.reason.replace('|', "\\|").replace('\n', " "),
            ]);
        }
        text
    }

    /// Reads a results file.
    ///
    /// # Errors
    ///
    /// [`Error::Read`] or [`Error::Parse`].
    pub fn read(results: &Path) -> Result<Self, Error> {
        toml::from_str(&work::read(results)?)
            .map_err(|error| Error::Parse(results.display().to_string(), error))
    }

    /// Writes both files; what they say about other suites and modes stays.
    ///
    /// # Errors
    ///
    /// [`Error::Read`], [`Error::Parse`] or [`Error::Write`].
    pub fn write(&self, results: &Path) -> Result<(), Error> {
        let old = match results.is_file() {
            true => Report::read(results)?,
            false => Report::default(),
        };
        let all = self.clone().over(old);
        let text = toml::to_string(&all).unwrap_or_default();
        let head = "# Written by `cargo tls-slots conformance`; not meant to be edited.\n\n";
        work::write(results, &format!("{head}{text}"))?;
        work::write(&results.with_file_name("RESULTS.md"), &all.markdown())
    }

    /// Puts this report's suites and modes in place of `old`'s.
    fn over(mut self, old: Report) -> Report {
        let key = |version: &Version, suite, mode| (version.clone(), suite, mode);
        let mine: BTreeSet<_> = self
            .row
            .iter()
            .map(|row| key(&row.version, row.suite, row.mode))
            .collect();
        let others = |one: &Row| !mine.contains(&key(&one.version, one.suite, one.mode));
        self.row.extend(old.row.into_iter().filter(others));
        let others = |one: &Difference| !mine.contains(&key(&one.version, one.suite, one.mode));
        self.difference
            .extend(old.difference.into_iter().filter(others));
        // The newest release first.
        self.row.sort_by(|a, b| {
            b.version
                .cmp(&a.version)
                .then((a.suite, a.mode).cmp(&(b.suite, b.mode)))
        });
        self.difference.sort_by(|a, b| {
            b.version
                .cmp(&a.version)
                .then((a.suite, a.mode, &a.test).cmp(&(b.suite, b.mode, &b.test)))
        });
        self
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

fn rustc() -> String {
    let program = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(program).arg("--version").output();
    output.map_or_else(
        |_| "an unknown rustc".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}

/// The day in UTC, as `2026-01-31`.
fn today() -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    date((now.as_secs() / 86_400) as i64)
}

/// The date of a day counted from 1970-01-01, by the well-known arithmetic on years that begin in
/// March.
fn date(days: i64) -> String {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
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

    #[test]
    fn a_file_keeps_what_other_runs_found() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("results.toml");
        let upstream = tests(&[("a", failed())]);
        report([(Mode::Upstream, upstream)].into())
            .write(&file)
            .unwrap();
        report([(Mode::Off, tests(&[("a", Outcome::Passed)]))].into())
            .write(&file)
            .unwrap();
        report([(Mode::Off, tests(&[("a", failed())]))].into())
            .write(&file)
            .unwrap();
        let all: Report = toml::from_str(&work::read(&file).unwrap()).unwrap();
        let rows: Vec<_> = all.row.iter().map(|row| (row.mode, row.failed)).collect();
        assert_eq!(rows, [(Mode::Upstream, 1), (Mode::Off, 1)]);
        assert_eq!(all.difference.len(), 2);
        let page = work::read(&place.path().join("RESULTS.md")).unwrap();
        assert!(page.contains("| 1.2.3 | lib | off | 0 | 1 |"), "{page}");
    }

    #[test]
    fn days_are_dates() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(11_016), "2000-02-29");
        assert_eq!(date(20_454), "2026-01-01");
    }
}
