//! `cargo tls-slots releases`: which releases of the crates with recipes fit.
//!
//! The problem: upstream publishes releases every week, and lock files hold old ones. A recipe that
//! fits one release may not fit the next.
//!
//! The way: each release is tried, and what came of it is written into a table that this command
//! carries, [`Table`]. A scheduled job tries the newest releases.
//!
//! | question | how it is answered |
//! | --- | --- |
//! | does it fork? | the recipe is applied |
//! | does it compile? | with the features that it has by default (tokio: `full`) and with none, with the sharing and without, and without a warning that upstream's release does not have |
//! | do its own tests pass? | its unit tests run on the fork; each test program is its own host |
//! | is it shared between host and module? | `tests/tests/crates.rs` and `scenarios.rs` of the repository are run with it |
//!
//! An answer "no" counts only for what upstream's untouched release can do on this machine: code
//! that does not compile there, and tests that fail there, say nothing about the fork.
//!
//! | file | what |
//! | --- | --- |
//! | `run` | tries releases, several side by side, and fills the table |
//! | `choose` | which releases |
//! | `attempt` | one release |
//! | `compile` | whether a fork compiles |
//! | `own_tests` | whether its own tests pass |
//! | `boundary` | whether host and module share a release's state |
//! | `place` | the folders of one release |
//! | `page` | the table as a page of the guide |
//! | `tried`, `options`, `error` | what comes out, and what goes in |

mod attempt;
mod boundary;
mod choose;
mod compile;
mod error;
mod options;
mod own_tests;
mod page;
mod place;
mod run;
mod tried;

pub use crate::release_table::{Answer, Facts, Table};
pub use error::Error;
pub use options::{Options, Which};
pub use page::page;
pub use run::run;
pub use tried::Tried;
