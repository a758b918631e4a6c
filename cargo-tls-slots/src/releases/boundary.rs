//! Whether a host and a module that were built apart share the state of a release: the repository's
//! own tests, run with other releases.
//!
//! | crate | test file | variable that names releases |
//! | --- | --- | --- |
//! | tokio | `tests/tests/scenarios.rs`, `unload.rs` | `TLS_SLOTS_TOKIO`: one |
//! | the others | `tests/tests/crates.rs` | `TLS_SLOTS_CRATES`: one of each crate |
//!
//! Of each crate an old, a middle and a new release are tried. Host and module link all crates, so
//! three runs are enough for all of them, besides those of tokio. Each case has a control: it must
//! fail with the crates of the registry. A crate whose cases have a prefix of another name is in
//! [`PREFIXES`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use semver::Version;

use super::choose::along;
use super::error::Error;
use super::options::Options;
use crate::cargo;
use crate::conformance::libtest;
use crate::conformance::outcome::Outcome;
use crate::process;
use crate::release_table::{Answer, Facts, Table};

/// How long one run may take, builds included.
const RUN: Duration = Duration::from_secs(60 * 60);

/// The minors of tokio, besides the newest, whose last release in the table is tried.
const TOKIO_MINORS: [u64; 4] = [38, 43, 47, 51];

/// What the cases of a crate begin with, where it is not the crate's name.
const PREFIXES: [(&str, &[&str]); 3] = [
    ("foldhash", &["hashbrown_"]),
    ("parking_lot_core", &["parking_lot_", "dashmap_"]),
    ("tracing-core", &["tracing_"]),
];

/// What came of one release: its crate, which, and the answer. Without an answer, why there is
/// none.
pub(super) struct Shared {
    pub(super) name: String,
    pub(super) version: Version,
    pub(super) answer: Result<Answer, String>,
}

/// One run of a test file.
struct Run {
    tests: &'static [&'static str],
    variable: &'static str,
    releases: Vec<(String, Version)>,
}

/// The repository around the table, whose tests are run.
///
/// # Errors
///
/// [`Error::NoRepository`].
pub(super) fn repository(options: &Options) -> Result<PathBuf, Error> {
    let table = options.table.as_deref().unwrap_or(Path::new(""));
    let folder = table.parent().unwrap_or(Path::new("")).join("..");
    match folder.join("tests/tests/crates.rs").is_file() {
        true => Ok(folder),
        false => Err(Error::NoRepository(table.to_owned())),
    }
}

/// Runs the tests of the repository.
///
/// # Errors
///
/// [`Error::Recipe`].
pub(super) fn run(
    options: &Options,
    table: &Table,
    repository: &Path,
) -> Result<Vec<Shared>, Error> {
    let mut all = Vec::new();
    for run in runs(options, table)? {
        let releases = run.releases.iter();
        let names: Vec<String> = releases
            .map(|(name, version)| format!("{name}@{version}"))
            .collect();
        let text = match run.variable {
            "TLS_SLOTS_TOKIO" => run.releases[0].1.to_string(),
            _ => names.join(" "),
        };
        options
            .progress
            .step(&format!("host and module with {}", names.join(" ")));
        let outcomes = test(options, repository, &run, &text);
        for (name, version) in run.releases {
            all.push(Shared {
                answer: match &outcomes {
                    Ok(outcomes) => Ok(of_crate(&name, outcomes)),
                    Err(why) => Err(why.clone()),
                },
                name,
                version,
            });
        }
    }
    Ok(all)
}

/// The runs that the options ask for.
fn runs(options: &Options, table: &Table) -> Result<Vec<Run>, Error> {
    let along = along()?;
    let named = &options.crates;
    let mut runs = Vec::new();
    let mut old_middle_new = [Vec::new(), Vec::new(), Vec::new()];
    for name in table.crates() {
        if along.iter().any(|one| one == name) {
            continue;
        }
        if !named.is_empty() && named.iter().all(|spec| spec.name != name) {
            continue;
        }
        let fits = |facts: &Facts| {
            facts.forks.is_yes() && !matches!(facts.compiles, Answer::No(_) | Answer::None(_))
        };
        let fitting = table.releases(name).filter(|(_, facts)| fits(facts));
        let fitting: Vec<&Version> = fitting.map(|(version, _)| version).collect();
        let (Some(oldest), Some(newest)) = (fitting.first(), fitting.last()) else {
            continue;
        };
        if name == "tokio" {
            let minors = TOKIO_MINORS.iter();
            let last = |minor: &u64| fitting.iter().rfind(|version| version.minor == *minor);
            let mut tried: Vec<&&Version> = minors.filter_map(last).collect();
            tried.push(newest);
            tried.dedup();
            runs.extend(tried.into_iter().map(|version| Run {
                tests: &["scenarios", "unload"],
                variable: "TLS_SLOTS_TOKIO",
                releases: vec![(name.to_owned(), (*version).clone())],
            }));
            continue;
        }
        let middle = &fitting[fitting.len() / 2];
        for (set, version) in old_middle_new.iter_mut().zip([oldest, middle, newest]) {
            set.push((name.to_owned(), (*version).clone()));
        }
    }
    let sets = old_middle_new.into_iter().filter(|set| !set.is_empty());
    runs.extend(sets.map(|releases| Run {
        tests: &["crates"],
        variable: "TLS_SLOTS_CRATES",
        releases,
    }));
    Ok(runs)
}

/// Runs one test file, and returns what became of its tests.
///
/// # Errors
///
/// If not one of them has passed: then the programs were not built.
fn test(
    options: &Options,
    repository: &Path,
    run: &Run,
    releases: &str,
) -> Result<BTreeMap<String, Outcome>, String> {
    let mut command = cargo::command(repository);
    command
        .args(["test", "-p", "tls-slots-tests", "--no-fail-fast"])
        .args(run.tests.iter().flat_map(|test| ["--test", test]))
        .env(run.variable, releases);
    let log = options.work.join("logs").join(format!(
        "boundary-{}-{}.log",
        run.releases[0].0, run.releases[0].1
    ));
    let ended = process::run_logged(&mut command, RUN, &log)
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    let outcomes = libtest::outcomes(&ended.stdout);
    match outcomes.values().any(|one| *one == Outcome::Passed) {
        true => Ok(outcomes),
        false => Err(format!(
            "{}; what was printed is in {}",
            ended.how(),
            log.display()
        )),
    }
}

/// The answer for one crate, by the outcomes of all tests.
fn of_crate(name: &str, outcomes: &BTreeMap<String, Outcome>) -> Answer {
    let own = [format!("{}_", name.replace('-', "_"))];
    let other = PREFIXES.iter().find(|(one, _)| *one == name);
    let prefixes: Vec<&str> = match other {
        Some((_, prefixes)) => prefixes.to_vec(),
        None => own.iter().map(String::as_str).collect(),
    };
    let is_of = |test: &str| {
        let case = test.rsplit("::").next().unwrap_or_default();
        name == "tokio" || prefixes.iter().any(|prefix| case.starts_with(prefix))
    };
    let of = outcomes.iter().filter(|(test, _)| is_of(test));
    let (failed, passed): (Vec<_>, Vec<_>) = of.partition(|(_, outcome)| outcome.is_failure());
    let names: Vec<&str> = failed.iter().map(|(test, _)| test.as_str()).collect();
    match (names.is_empty(), passed.is_empty()) {
        (true, true) => Answer::None("no case".to_owned()),
        (true, false) => Answer::yes(),
        (false, _) => Answer::No(names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fork::CrateSpec;

    #[test]
    fn of_each_crate_an_old_a_middle_and_a_new_release_are_run() {
        let mut table = Table::default();
        let minors = [("tokio", 36..=54), ("log", 1..=5), ("metrics", 1..=1)];
        for (name, minors) in minors {
            for minor in minors {
                table.entry(name, &Version::new(1, minor, 0)).forks = Answer::yes();
            }
        }
        table.entry("log", &Version::new(1, 1, 0)).forks = Answer::No(String::new());
        let texts = |crates: Vec<CrateSpec>| -> Vec<String> {
            let options = Options {
                crates,
                ..Options::new("work")
            };
            let of = |run: Run| {
                let releases = run.releases.iter();
                let releases = releases.map(|(name, version)| format!("{name} {}", version.minor));
                releases.collect::<Vec<_>>().join(", ")
            };
            runs(&options, &table)
                .unwrap()
                .into_iter()
                .map(of)
                .collect()
        };
        assert_eq!(
            texts(Vec::new()),
            [
                "tokio 38",
                "tokio 43",
                "tokio 47",
                "tokio 51",
                "tokio 54",
                "log 2, metrics 1",
                "log 4, metrics 1",
                "log 5, metrics 1"
            ]
        );
        let log = texts(vec!["log".parse().unwrap()]);
        assert_eq!(log, ["log 2", "log 4", "log 5"]);
    }

    #[test]
    fn a_crate_has_the_answer_of_its_cases() {
        let outcome = |test: &str, outcome| (test.to_owned(), outcome);
        let outcomes = BTreeMap::from([
            outcome("shared::log_a", Outcome::Passed),
            outcome("control::log_a", Outcome::Passed),
            outcome("shared::hashbrown_a", Outcome::Passed),
            outcome("control::hashbrown_a", Outcome::Failed(String::new())),
        ]);
        assert_eq!(of_crate("log", &outcomes), Answer::yes());
        let no = Answer::No("control::hashbrown_a".to_owned());
        assert_eq!(of_crate("foldhash", &outcomes), no);
        assert!(!of_crate("arc-swap", &outcomes).is_yes());
    }
}
