//! Upstream's own tests on the fork: the quick subset is run here, and what is published of the
//! whole must be what was measured.
//!
//! The whole takes hours: `cargo tls-slots conformance`, see `conformance/README.md`.

use std::fs;
use std::path::{Path, PathBuf};

use cargo_tls_slots::conformance::{self, Mode, Options, QUICK, Report};
use tls_slots_tests::quotes::assert_quoted;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn results() -> Report {
    Report::read(&repository().join("conformance/results.toml")).unwrap()
}

#[test]
fn the_quick_subset_passes_also_inside_a_module() {
    let work = Path::new(env!("CARGO_TARGET_TMPDIR")).join("conformance");
    let report = conformance::run(&Options::quick(work)).unwrap_or_else(|error| panic!("{error}"));
    assert!(report.is_good(), "{}", report.render());
    let modes: Vec<Mode> = report.row.iter().map(|row| row.mode).collect();
    assert_eq!(modes, [Mode::SelfHosted, Mode::Module]);
    for row in &report.row {
        assert!(row.passed > 10 * QUICK.len(), "{}", report.render());
    }
    // Not one got lost on the way into the module.
    assert_eq!(report.row[0].passed, report.row[1].passed);
}

#[test]
fn the_results_are_good() {
    let results = results();
    assert!(results.is_good(), "{}", results.render());
    let whole = results
        .row
        .iter()
        .filter(|row| row.version.to_string() == conformance::DEFAULT_VERSION);
    let modes: Vec<Mode> = whole
        .filter(|row| row.suite == conformance::Suite::Integration)
        .map(|row| row.mode)
        .collect();
    assert_eq!(
        modes,
        [Mode::Upstream, Mode::Off, Mode::SelfHosted, Mode::Module]
    );
}

#[test]
fn the_page_is_made_from_the_results() {
    let page = fs::read_to_string(repository().join("conformance/RESULTS.md")).unwrap();
    assert_eq!(page, results().markdown());
}

/// A document may quote lines of the table, and then quotes them as they are.
#[test]
fn quoted_figures_are_the_measured_ones() {
    let page = results().markdown();
    let is_figures = |line: &str| {
        let mut cells = line.split('|').map(str::trim).skip(1);
        let first = cells.next().unwrap_or_default();
        line.starts_with('|') && first.starts_with("1.") && cells.count() == 11
    };
    let documents = [
        "README.md",
        "ARCHITECTURE.md",
        "docs/conformance.md",
        "conformance/README.md",
    ];
    assert_quoted(("conformance/RESULTS.md", &page), &documents, is_figures);
}
