//! The report as text: a table for the terminal, and a Markdown page.
//!
//! Both have the same columns. The terminal's table is followed by what is unexpected, a line for
//! each: what a person has to look at. The page is for the repository, and lists excepted tests
//! too.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::rows::{Difference, Report, Row};

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
/// How many of the columns, from the left, are text; the others are numbers.
const LEFT: usize = 3;

/// A row's text in each column.
fn cells(row: &Row) -> [String; COLUMNS.len()] {
    [
        row.version.to_string(),
        row.suite.to_string(),
        row.mode.to_string(),
        row.passed.to_string(),
        row.failed.to_string(),
        row.ignored.to_string(),
        row.excepted.to_string(),
        row.regressions.to_string(),
        row.second_try.to_string(),
        row.build_seconds.to_string(),
        row.run_seconds.to_string(),
    ]
}

impl Report {
    /// The table as text, and below it each test that does not pass and is not excepted.
    ///
    /// Columns are as wide as their headings, and as release, suite, mode and numbers need. What is
    /// wrong with the list of exceptions comes last.
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
            text += &line(cells(row));
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

    /// The report as a Markdown page, `RESULTS.md`.
    ///
    /// A test holds the page in the repository to be this text of the data beside it. Figures that
    /// documents quote are held to be lines of the page.
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
            text += &line(&cells(row));
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
}
