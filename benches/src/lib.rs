//! Measures what sharing a runtime costs: against std, against static linking, against peers.
//!
//! Problem: "as fast as" is a claim about two binaries that were built apart, on a machine that
//! does other things, too. So everything that is compared is built from one source with one profile
//! (`projects/`), run in turn and not one after the other, and counted in instructions as well as
//! timed.
//!
//! | file | what it does |
//! | --- | --- |
//! | `project.rs` | copies and builds the projects, once with the registry's tokio and once with the fork |
//! | `measure.rs` | runs programs, in turn; counts instructions by callgrind |
//! | `access.rs`, `runtime.rs`, `scale.rs`, `edit.rs`, `fork.rs` | the sections of the table |
//! | `guard.rs` | the instruction counts that CI holds |
//! | `results.rs`, `plot.rs` | the table, the file that keeps it, the pages and plots made of it |

pub mod access;
pub mod edit;
pub mod fork;
pub mod guard;
pub mod measure;
pub mod plot;
pub mod project;
pub mod results;
pub mod runtime;
pub mod scale;

use std::path::{Path, PathBuf};

/// Why a measurement could not be made: a sentence.
pub type Error = String;

/// This package's folder.
pub fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The repository's.
pub fn repository() -> PathBuf {
    folder().join("..")
}

/// How much to measure.
#[derive(Clone, Debug)]
pub struct Effort {
    /// How often each pair is run.
    pub pairs: usize,
    /// How often instructions are counted.
    pub counts: usize,
    /// Whether to do less of everything: to see that it works.
    pub quick: bool,
    /// Whether to measure with fat LTO as well, which takes long to build.
    pub fat: bool,
    /// Only rows whose name contains this.
    pub filter: Option<String>,
}

impl Effort {
    /// Whether a row is wanted.
    pub fn wants(&self, name: &str) -> bool {
        match &self.filter {
            Some(filter) => name.contains(filter.as_str()),
            None => true,
        }
    }

    /// A smaller number where less is to be done.
    pub fn scaled(&self, n: u64) -> u64 {
        if self.quick { (n / 8).max(1) } else { n }
    }
}
