//! What to run: the options of the command, and what each step takes from them.
//!
//! [`Options`] is what a caller says. [`Context`] is what the steps of one release need of that,
//! and keeps their signatures short.

use std::path::PathBuf;

use clap::ValueEnum as _;
use semver::Version;

use super::suite::{DEFAULT_VERSION, Mode, QUICK, Suite};
use crate::progress::Progress;

/// What to run.
///
/// # Examples
///
/// ```
/// use cargo_tls_slots::conformance::{Mode, Options};
///
/// let options = Options {
///     modes: vec![Mode::Upstream, Mode::SelfHosted],
///     files: vec!["sync_mutex".to_owned()],
///     ..Options::new("target/conformance")
/// };
/// assert_eq!(options.suites.len(), 1);
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    /// The modes. A mode that a suite does not have is left out there.
    pub modes: Vec<Mode>,
    /// The suites, run one after another.
    pub suites: Vec<Suite>,
    /// The releases of tokio, run one after another.
    pub versions: Vec<Version>,
    /// Only these files of the integration suite, by name without `.rs`; empty means all.
    pub files: Vec<String>,
    /// The folder for everything that is written, except for the results.
    pub work: PathBuf,
    /// How many tests run at a time.
    pub jobs: usize,
    /// Whether cargo must do without the network.
    pub offline: bool,
    /// Where the steps are shown.
    pub progress: Progress,
}

impl Options {
    /// The whole integration suite of the default release in every mode, in a work folder.
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

/// What the steps of one release have in common.
pub(crate) struct Context {
    /// How many tests run at a time; at least one.
    pub(crate) jobs: usize,
    /// Whether cargo must do without the network.
    pub(crate) offline: bool,
    /// Where the steps are shown.
    pub(crate) progress: Progress,
    /// The folder for what programs print.
    pub(crate) logs: PathBuf,
}

impl Context {
    /// The path for what a step prints, to which `.out` and `.err` are put in place of `.log`.
    pub(super) fn log(&self, name: &str, what: &str) -> PathBuf {
        self.logs.join(name).join(format!("{what}.log"))
    }
}
