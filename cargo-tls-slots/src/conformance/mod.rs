//! `cargo tls-slots conformance`: upstream's own tests, on the fork.
//!
//! The problem: is the fork still tokio? The strongest proof is the suite that tokio itself has to
//! pass, and that nobody here wrote. The published package carries it.
//!
//! The way: the suite is run in up to four modes, from untouched upstream to tests that live in a
//! module.
//!
//! | mode | tokio | who is the host |
//! | --- | --- | --- |
//! | [`Mode::Upstream`] | untouched: the baseline | |
//! | [`Mode::Off`] | the fork without `external-tls` | |
//! | [`Mode::SelfHosted`] | the fork with it | the test binary |
//! | [`Mode::Module`] | the fork with it, twice | a process that loads the tests as a `cdylib` |
//!
//! A test that fails in a mode, and passes on untouched upstream in the same run, is a
//! *regression*. So is a test that is missing or ignored in the mode. Without the baseline every
//! failure is a regression.
//!
//! | file | what it does |
//! | --- | --- |
//! | `run.rs` | runs the suites of the options, one after another |
//! | `release.rs` | one release of tokio: its fork, and a suite in a mode |
//! | `work.rs` | the trees that are built |
//! | `suites.rs` | builds and runs the first three modes |
//! | `module/`, `rewrite.rs`, and `templates/` beside `src/` | the fourth mode |
//! | `builds.rs` | runs cargo |
//! | `libtest.rs` | reads what test binaries say |
//! | `exceptions.rs` | the tests that make no sense in a mode |
//! | `report/` | the table and the results file |
//! | `options.rs`, `suite.rs`, `outcome.rs`, `error.rs` | what goes in, and what comes out |
//!
//! # What a run costs
//!
//! Each mode builds tokio, its dev-dependencies and some 190 test programs. What was built stays in
//! the work folder, and a second run builds only what has changed. The quick run is part of this
//! crate's tests. The results of whole runs are kept in `conformance/results.toml`, and a test
//! holds them to be good.
//!
//! # When a test regresses
//!
//! 1. `cargo tls-slots conformance --test FILE --mode upstream,self-hosted` runs one file in two
//!    modes. Upstream's mode says whether the test is to blame.
//! 2. What programs printed is in `WORK/VERSION/logs/`, by mode and file.
//! 3. The tree that was built is in `WORK/VERSION/MODE/tokio`: an ordinary package, in which
//!    `cargo test --features full,test-util,external-tls` works.
//! 4. A test that makes no sense in a mode goes into `conformance/exceptions.toml`, with the
//!    reason.

mod builds;
mod error;
mod exceptions;
pub(crate) mod libtest;
mod module;
pub(crate) mod options;
pub(crate) mod outcome;
mod release;
mod report;
mod rewrite;
mod run;
pub(crate) mod suite;
pub(crate) mod suites;
pub(crate) mod work;

pub use error::Error;
pub use options::Options;
pub use report::{Difference, Report, Row};
pub use run::run;
pub use suite::{DEFAULT_VERSION, Mode, QUICK, Suite};
