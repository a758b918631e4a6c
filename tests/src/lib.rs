//! The harness of the end-to-end tests.
//!
//! What is tested exists only between binaries that were built apart, so a test cannot link it.
//! Each test builds real hosts and real modules, by separate cargo invocations, and runs them as
//! processes:
//!
//! | file         | what it does                                                             |
//! | ------------ | ------------------------------------------------------------------------ |
//! | [`fixtures`] | the hosts and modules of the scenarios, one set per configuration        |
//! | `guide`      | the Rust blocks of `docs/`, as documentation tests                       |
//! | [`project`]  | runs cargo on a fixture, with the fork's patches, and keeps what it made |
//! | [`chosen`]   | other releases for the scenarios about crates                            |
//! | `forks`      | makes the forks that the projects are patched to                         |
//! | [`building`] | one build at a time in a profile's folder, and each build once           |
//! | [`process`]  | runs a program with a deadline and shows what it said                    |
//! | [`running`]  | a process that a test talks with while it runs                           |
//! | [`quotes`]   | documents that quote results                                             |
//! | [`sanitizer`]| builds and runs all of it under a sanitizer, if asked to                 |
//! | `sources`    | copies the fixtures, so that the source tree stays as it was             |
//!
//! A file uses only those that stand below it in this table.

pub mod building;
pub mod chosen;
pub mod fixtures;
mod forks;
#[cfg(doctest)]
pub mod guide;
pub mod process;
pub mod project;
pub mod quotes;
pub mod running;
pub mod sanitizer;
mod sources;

pub use forks::{Locked, Place};
pub use sources::{Tokio, scratch};
