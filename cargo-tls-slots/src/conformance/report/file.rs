//! The results file: reading it, and writing a run into it.
//!
//! Rows and differences are replaced by release, suite and mode. The order in the file is fixed, so
//! that a difference between two versions of it is a difference of results.

use std::collections::BTreeSet;
use std::path::Path;

use semver::Version;

use super::rows::{Difference, Report, Row};
use crate::conformance::error::Error;
use crate::conformance::work;

impl Report {
    /// Reads a results file.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use cargo_tls_slots::conformance::Report;
    ///
    /// let report = Report::read("conformance/results.toml".as_ref())?;
    /// for row in &report.row {
    ///     println!("{} {} {}: {} passed", row.version, row.suite, row.mode, row.passed);
    /// }
    /// # Ok::<(), cargo_tls_slots::conformance::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Read`] if there is no such file, and [`Error::Parse`] if the file is of another
    /// form.
    pub fn read(results: &Path) -> Result<Self, Error> {
        toml::from_str(&work::read(results)?)
            .map_err(|error| Error::Parse(results.display().to_string(), error))
    }

    /// Writes the results file, and `RESULTS.md` beside it. What the files say about other suites
    /// and modes stays.
    ///
    /// # Errors
    ///
    /// [`Error::Read`] and [`Error::Parse`] for the file that is there, and [`Error::Write`].
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::suite::{Mode, Suite};

    /// A report of one test in one mode, which failed or passed.
    fn report(mode: Mode, failed: bool) -> Report {
        let (version, suite) = (Version::new(1, 2, 3), Suite::Lib);
        let mut report = Report::default();
        report.row.push(Row {
            version: version.clone(),
            suite,
            mode,
            passed: usize::from(!failed),
            failed: usize::from(failed),
            ignored: 0,
            excepted: 0,
            regressions: 0,
            second_try: 0,
            build_seconds: 0,
            run_seconds: 0,
            date: "2026-01-01".to_owned(),
            rustc: "rustc 1".to_owned(),
        });
        if failed {
            report.difference.push(Difference {
                version,
                suite,
                mode,
                test: "a".to_owned(),
                outcome: "failed".to_owned(),
                verdict: "upstream".to_owned(),
                reason: "why".to_owned(),
            });
        }
        report
    }

    #[test]
    fn a_file_keeps_what_other_runs_found() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("results.toml");
        report(Mode::Upstream, true).write(&file).unwrap();
        report(Mode::Off, false).write(&file).unwrap();
        report(Mode::Off, true).write(&file).unwrap();
        let all: Report = toml::from_str(&work::read(&file).unwrap()).unwrap();
        let rows: Vec<_> = all.row.iter().map(|row| (row.mode, row.failed)).collect();
        assert_eq!(rows, [(Mode::Upstream, 1), (Mode::Off, 1)]);
        assert_eq!(all.difference.len(), 2);
        let page = work::read(&place.path().join("RESULTS.md")).unwrap();
        assert!(page.contains("| 1.2.3 | lib | off | 0 | 1 |"), "{page}");
    }
}
