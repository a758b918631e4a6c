//! Measures what sharing a runtime costs: against std, against static linking, against peers.
//!
//! The problem: "as fast as" is a claim about two binaries that were built apart, on a machine that
//! does other things, too.
//!
//! The way: everything that is compared is built from one source with one profile (`projects/`),
//! run in turn and not one after the other, and counted in instructions as well as timed.
//!
//! | file | what it does |
//! | --- | --- |
//! | `access.rs`, `runtime.rs`, `scale.rs`, `edit.rs`, `fork.rs` | the sections of the table |
//! | `guard.rs` | the instruction counts that CI holds |
//! | `publish.rs`, `plot.rs` | the page and the plots |
//! | `results.rs`, `row.rs` | the table, and the file that keeps it |
//! | `programs.rs`, `project.rs` | builds the projects, with either tokio |
//! | `measure.rs` | runs programs, in turn; counts instructions by callgrind |
//! | `workloads.rs`, `machine.rs`, `effort.rs`, `places.rs`, `error.rs` | for all of them |

pub mod access;
pub mod edit;
pub mod fork;
pub mod guard;
pub mod machine;
pub mod measure;
pub mod plot;
pub mod programs;
pub mod project;
pub mod results;
pub mod row;
pub mod runtime;
pub mod scale;
pub mod workloads;

mod effort;
mod error;
mod places;
mod publish;

pub use effort::Effort;
pub use error::Error;
pub use places::{folder, repository};
