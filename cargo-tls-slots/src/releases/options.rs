//! What to try.

use std::path::PathBuf;

use crate::fork::CrateSpec;
use crate::progress::Progress;

/// Which releases of each crate are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The newest that cargo finds.
    Newest,
    /// Every one since the oldest that the recipe is meant for.
    All,
    /// Those of the table.
    Known,
}

/// What to try, and how thoroughly.
#[derive(Clone, Debug)]
pub struct Options {
    /// The crates, or releases of them; empty means all crates that there are recipes for.
    pub crates: Vec<CrateSpec>,
    /// Which releases of the crates that are named without one.
    pub which: Which,
    /// Lock files: the releases that they hold are tried as well, and marked in the table.
    pub lockfiles: Vec<PathBuf>,
    /// Whether the forks are compiled.
    pub compile: bool,
    /// Whether their own tests are run.
    pub own_tests: bool,
    /// Whether host and module are tried with some of the table's releases of each crate. Needs a
    /// checkout of this command's repository.
    pub boundary: bool,
    /// The folder for everything that is written, but for the table.
    pub work: PathBuf,
    /// The table's file, which is written after each release; nowhere if there is none.
    pub table: Option<PathBuf>,
    /// Whether cargo must do without the network.
    pub offline: bool,
    /// Where the steps are shown.
    pub progress: Progress,
}

impl Options {
    /// Forks and compiles the newest release of each crate, silently, in a work folder.
    pub fn new(work: impl Into<PathBuf>) -> Self {
        Options {
            crates: Vec::new(),
            which: Which::Newest,
            lockfiles: Vec::new(),
            compile: true,
            own_tests: false,
            boundary: false,
            work: work.into(),
            table: None,
            offline: false,
            progress: Progress::silent(),
        }
    }
}
