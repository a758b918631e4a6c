//! `cargo tls-slots conformance`: upstream's own tests, on the fork.
//!
//! The strongest proof that a fork is still tokio is the suite that tokio itself has to pass, and that nobody
//! here wrote. The published package carries it. It is run in up to four modes:
//!
//! | mode | tokio | who is the host |
//! | --- | --- | --- |
//! | [`Mode::Upstream`] | untouched: the baseline | |
//! | [`Mode::Off`] | the fork without `external-tls` | |
//! | [`Mode::SelfHosted`] | the fork with it | the test binary |
//! | [`Mode::Module`] | the fork with it, twice | a process that loads the tests as a `cdylib` |
//!
//! A test that fails in a mode, and passes on untouched upstream in the same run, is a
//! *regression*. So is one that is missing or ignored there. Without the baseline every failure is one.
//!
//! | module | what |
//! | --- | --- |
//! | `work` | the trees that are built |
//! | `suites` | builds and runs the first three modes |
//! | `module`, `rewrite` | the fourth |
//! | `libtest`, `process` | what test binaries say, and their deadlines |
//! | `exceptions` | the tests that make no sense in a mode |
//! | `report` | the table and the results file |

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::fork::{self, CrateSpec, ForkOptions, Forked};
use crate::progress::Progress;
use crate::upstream::error::UpstreamError;
use crate::upstream::release::{self, Wanted};

mod exceptions;
mod libtest;
mod module;
mod process;
mod report;
mod rewrite;
mod suites;
mod work;

use exceptions::Exceptions;
use libtest::Outcome;
pub use report::{Report, Row};

/// The release whose suite is run unless another is named.
pub const DEFAULT_VERSION: &str = "1.54.1";

/// The features that upstream runs its tests with.
const FEATURES: &str = "full,test-util";

/// The patch that makes a tree of tokio the only tokio of its tests.
const ITSELF: [(&str, &str); 1] = [("tokio", ".")];

/// The integration tests of a quick run: each part of tokio that has shared state, and the locks
/// and channels whose wakers cross copies.
pub const QUICK: [&str; 24] = [
    "io_driver",
    "macros_select",
    "net_panic",
    "rt_basic",
    "rt_common",
    "rt_handle",
    "rt_handle_block_on",
    "rt_shutdown_err",
    "rt_spawn_blocking",
    "signal_usr1",
    "sync_broadcast",
    "sync_mpsc",
    "sync_mutex",
    "sync_notify",
    "sync_oneshot",
    "sync_semaphore",
    "task_abort",
    "task_blocking",
    "task_id",
    "task_join_set",
    "task_local",
    "task_local_set",
    "time_pause",
    "time_sleep",
];

/// Which tokio the tests run on, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The registry's files: the baseline
    Upstream,
    /// The fork, without its feature
    Off,
    /// The fork with `external-tls`, each test binary being its own host
    SelfHosted,
    /// The tests in a module, the runtimes of `#[tokio::test]` in its host
    Module,
}

/// Which tests are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Suite {
    /// The files in tests/
    Integration,
    /// The unit tests
    Lib,
    /// The examples in the documentation
    Doc,
    /// Unit and integration tests with `--cfg tokio_unstable`
    Unstable,
    /// The loom models, with one preemption
    Loom,
    /// The integration tests of tokio-stream
    Stream,
    /// The integration tests of tokio-util
    Util,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        display(self, f)
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        display(self, f)
    }
}

fn display(value: &impl ValueEnum, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let value = value.to_possible_value();
    f.pad(value.as_ref().map_or("", |value| value.get_name()))
}

impl Suite {
    /// The modes in which the suite makes sense.
    pub fn modes(self) -> &'static [Mode] {
        use Mode::{Module, Off, SelfHosted, Upstream};
        match self {
            Suite::Integration => &[Upstream, Off, SelfHosted, Module],
            Suite::Lib | Suite::Doc | Suite::Unstable => &[Upstream, Off, SelfHosted],
            Suite::Loom => &[Off, SelfHosted],
            Suite::Stream | Suite::Util => &[Upstream, SelfHosted],
        }
    }

    /// The release of another package whose tests these are.
    fn companion(self) -> Option<(&'static str, Version)> {
        match self {
            Suite::Stream => Some(("tokio-stream", Version::new(0, 1, 19))),
            Suite::Util => Some(("tokio-util", Version::new(0, 7, 20))),
            _ => None,
        }
    }
}

/// What to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The modes; those that a suite does not have are left out.
    pub modes: Vec<Mode>,
    /// The suites.
    pub suites: Vec<Suite>,
    /// The releases of tokio.
    pub versions: Vec<Version>,
    /// Only these files of the integration suite; empty means all.
    pub files: Vec<String>,
    /// The folder for everything that is written, but for the results.
    pub work: PathBuf,
    /// How many tests run at a time.
    pub jobs: usize,
    /// Whether to do without the network.
    pub offline: bool,
    /// Where the steps are shown.
    pub progress: Progress,
}

impl Options {
    /// The whole integration suite in every mode, in a work folder.
    pub fn new(work: impl Into<PathBuf>) -> Self {
        Options {
            modes: Mode::value_variants().to_vec(),
            suites: vec![Suite::Integration],
            versions: DEFAULT_VERSION.parse().into_iter().collect(),
            files: Vec::new(),
            work: work.into(),
            jobs: std::thread::available_parallelism().map_or(1, usize::from),
            offline: false,
            progress: Progress::silent(),
        }
    }

    /// The quick run: [`QUICK`], self-hosted and in a module.
    pub fn quick(work: impl Into<PathBuf>) -> Self {
        Options {
            modes: vec![Mode::SelfHosted, Mode::Module],
            files: QUICK.map(str::to_owned).to_vec(),
            ..Options::new(work)
        }
    }
}

/// Why a suite could not be run. A test that fails is not an error, see [`Report::regressions`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The fork could not be made.
    #[error(transparent)]
    Fork(#[from] fork::Error),
    /// Upstream's release cannot be had.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// Something cannot be read.
    #[error("cannot read {0}")]
    Read(PathBuf, #[source] io::Error),
    /// Something cannot be written.
    #[error("cannot write {0}")]
    Write(PathBuf, #[source] io::Error),
    /// A program could not be started.
    #[error("cannot run a program of the suite")]
    Start(#[source] io::Error),
    /// cargo could not change a lock file.
    #[error("cannot lock the dependencies of {0}; cargo says:\n{1}")]
    Lock(PathBuf, String),
    /// A lock file holds more than one tokio.
    #[error("the tests in {0} would use {1} releases of tokio at once")]
    Tokios(PathBuf, usize),
    /// A build failed.
    #[error("{what}: {status}\n{says}")]
    Build {
        /// What was built.
        what: String,
        /// How it ended.
        status: String,
        /// The end of what it printed.
        says: String,
    },
    /// A manifest of upstream cannot be read.
    #[error("{0} is no manifest")]
    Manifest(PathBuf, #[source] toml_edit::TomlError),
    /// A test file of upstream cannot be read.
    #[error("{0} {1}")]
    Lex(PathBuf, String),
    /// The list of exceptions or a results file is wrong.
    #[error("cannot read {0}")]
    Parse(String, #[source] toml::de::Error),
}

/// What steps have in common.
pub(crate) struct Context {
    jobs: usize,
    offline: bool,
    progress: Progress,
    logs: PathBuf,
}

impl Context {
    /// The file, without its extension, for what a step prints.
    fn log(&self, name: &str, what: &str) -> PathBuf {
        self.logs.join(name).join(format!("{what}.log"))
    }
}

/// What a suite did in one mode.
#[derive(Debug, Default)]
pub(crate) struct Tests {
    outcomes: BTreeMap<String, Outcome>,
    /// Those that did not pass at first, among others, and passed alone.
    second_try: BTreeSet<String>,
    build: Duration,
    run: Duration,
}

/// Runs the suites.
///
/// # Errors
///
/// Each variant of [`Error`] is a step that could not be done. Tests that fail are in the report.
pub fn run(options: &Options) -> Result<Report, Error> {
    let result = run_all(options);
    if result.is_err() {
        options.progress.clear();
    }
    result
}

fn run_all(options: &Options) -> Result<Report, Error> {
    let exceptions = Exceptions::built_in()
        .map_err(|error| Error::Parse("conformance/exceptions.toml".to_owned(), error))?;
    let root = std::path::absolute(&options.work)
        .map_err(|source| Error::Write(options.work.clone(), source))?;
    let mut report = Report::default();
    for version in &options.versions {
        let release = Release::prepare(options, &root.join(version.to_string()), version)?;
        for suite in &options.suites {
            let mut results = BTreeMap::new();
            for mode in suite
                .modes()
                .iter()
                .filter(|mode| options.modes.contains(mode))
            {
                let label = format!("tokio {version}, {suite}, {mode}");
                options.progress.step(&label);
                let tests = release.run(options, *suite, *mode)?;
                let passed = tests
                    .outcomes
                    .values()
                    .filter(|one| **one == Outcome::Passed);
                options.progress.done(&format!(
                    "{label}: {} of {} passed; {} s to build, {} s to run",
                    passed.count(),
                    tests.outcomes.len(),
                    tests.build.as_secs(),
                    tests.run.as_secs(),
                ));
                results.insert(*mode, tests);
            }
            let whole = options.files.is_empty();
            report.add(version, *suite, results, &exceptions, whole);
        }
    }
    Ok(report)
}

/// The folder in which cargo keeps a release.
fn registry_folder(name: &str, version: &Version, offline: bool) -> Result<PathBuf, Error> {
    let wanted = Wanted {
        name: name.to_owned(),
        version: Some(version.clone()),
        along: false,
        features: Vec::new(),
        checksum: None,
    };
    let found = release::get(&[wanted], Path::new("."), offline)?;
    Ok(found
        .into_iter()
        .map(|one| one.folder)
        .next()
        .unwrap_or_default())
}

/// A release of tokio, in the trees of all modes.
struct Release {
    version: Version,
    work: PathBuf,
    upstream: PathBuf,
    forked: Forked,
}

impl Release {
    fn prepare(options: &Options, work: &Path, version: &Version) -> Result<Self, Error> {
        options.progress.step(&format!("preparing tokio {version}"));
        let upstream = registry_folder("tokio", version, options.offline)?;
        // All modes use the releases that upstream has tested with, where it says which.
        let published = upstream.join("Cargo.lock");
        let forked = fork::fork(&ForkOptions {
            lockfile: published.is_file().then_some(published),
            crates: vec![CrateSpec {
                name: "tokio".to_owned(),
                version: Some(version.clone()),
            }],
            offline: options.offline,
            ..ForkOptions::new(work.join("forks"))
        })?;
        Ok(Release {
            version: version.clone(),
            work: work.to_owned(),
            upstream,
            forked,
        })
    }

    fn run(&self, options: &Options, suite: Suite, mode: Mode) -> Result<Tests, Error> {
        let context = Context {
            jobs: options.jobs.max(1),
            offline: options.offline,
            progress: options.progress.clone(),
            logs: self.work.join("logs"),
        };
        if mode == Mode::Module {
            let projects = module::prepare(
                &context,
                &self.work,
                &self.upstream,
                &self.forked,
                &self.version,
                &options.files,
            )?;
            return module::run(&context, &self.work, &projects);
        }
        let tokio = self.tree(mode)?;
        let self_hosted = mode == Mode::SelfHosted;
        let mut features = match (suite, suite.companion()) {
            // Models have no clock to be paused.
            (Suite::Loom, _) | (_, Some(_)) => "full".to_owned(),
            _ => FEATURES.to_owned(),
        };
        let (folder, upstream) = match suite.companion() {
            None => {
                features += if self_hosted { ",external-tls" } else { "" };
                (tokio, self.upstream.clone())
            }
            Some((name, version)) => {
                features += if self_hosted {
                    ",tokio/external-tls"
                } else {
                    ""
                };
                let upstream = registry_folder(name, &version, options.offline)?;
                let folder = tokio.with_file_name(name);
                let patches = [("tokio", "../tokio"), (name, ".")];
                work::copy_to_test(&upstream, &folder, &patches, |_, _| None)?;
                (folder, upstream)
            }
        };
        let published = upstream.join("Cargo.lock");
        work::lock(&folder, &published, &self.version, options.offline)?;
        let target = match suite {
            Suite::Unstable => "target-unstable",
            Suite::Loom => "target-loom",
            _ => "target",
        };
        let package = suites::Package {
            folder: &folder,
            features: &features,
            target: self.work.join(target),
            name: format!("{suite}-{mode}"),
        };
        suites::run(&context, suite, &package, &options.files)
    }

    /// Makes the tree of a mode, and returns tokio's folder in it.
    fn tree(&self, mode: Mode) -> Result<PathBuf, Error> {
        let tree = self.work.join(mode.to_string());
        let tokio = tree.join("tokio");
        if mode == Mode::Upstream {
            work::copy_to_test(&self.upstream, &tokio, &ITSELF, |_, _| None)?;
            return Ok(tokio);
        }
        for one in &self.forked.crates {
            let (from, to) = (&one.dir, tree.join(&one.name));
            match one.name.as_str() {
                "tokio" => work::copy_to_test(from, &to, &ITSELF, |path, text| match mode {
                    Mode::SelfHosted => self_host(path, text),
                    _ => None,
                })?,
                _ => work::copy(from, &to, |_, _| None)?,
            }
        }
        Ok(tokio)
    }
}

/// Makes every program that links tokio a host: unit tests, integration tests and doctests alike.
///
/// A host says `use tls_slots as _;`. In place of 190 test files and 800 examples, tokio says it for
/// them, in this tree only.
fn self_host(path: &Path, text: &str) -> Option<String> {
    if path == Path::new("Cargo.toml") {
        Some(format!(
            "{text}\n[dependencies.tls-slots]\npath = \"../tls-slots\"\n"
        ))
    } else if path == Path::new("src/lib.rs") {
        Some(format!(
            "{text}\n#[cfg(feature = \"external-tls\")]\nuse tls_slots as _;\n"
        ))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_self_host_links_the_slots() {
        let manifest = self_host(Path::new("Cargo.toml"), "[package]\n").unwrap();
        assert!(manifest.contains("[dependencies.tls-slots]"));
        let root = self_host(Path::new("src/lib.rs"), "mod a;\n").unwrap();
        assert!(root.ends_with("use tls_slots as _;\n"));
        assert_eq!(self_host(Path::new("src/task/lib.rs"), ""), None);
    }

    #[test]
    fn the_default_is_the_recipes() {
        let recipe = crate::embedded::file("patches/tokio.toml").unwrap();
        let recipe: toml::Table = recipe.parse().unwrap();
        assert_eq!(recipe["default"].as_str(), Some(DEFAULT_VERSION));
    }

    #[test]
    fn names_are_those_of_the_command_line() {
        assert_eq!(Mode::SelfHosted.to_string(), "self-hosted");
        assert_eq!(Suite::Integration.to_string(), "integration");
        assert!(
            Suite::Loom
                .modes()
                .iter()
                .all(|mode| *mode != Mode::Upstream)
        );
    }
}
