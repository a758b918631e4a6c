//! The engine behind `cargo tls-slots`.
//!
//! A module that is built on its own carries its own copy of tokio's code and, unless something
//! is done, of tokio's state. This crate makes the tokio that gives up the state: it gets an
//! upstream release through cargo, applies a recipe to it and lays our own files over it.
//!
//! | folder or file  | what it does                                                   |
//! | --------------- | -------------------------------------------------------------- |
//! | [`fork`]        | makes the forked crates in a folder, and the patch lines       |
//! | [`build`]       | builds hosts and modules with the patches injected             |
//! | [`watch`]       | builds modules again whenever their sources change             |
//! | [`check`]       | compares modules with their host, from the files alone         |
//! | [`inspect`]     | reads what a host or module says about itself                  |
//! | [`audit`]       | says what state a built file has, and what of it is not shared |
//! | [`conformance`] | runs upstream's own tests on the fork                          |
//! | [`releases`]    | tries upstream's releases, and fills the table of those that fit |
//! | [`release_table`] | that table                                                     |
//! | [`cli`]         | the command line: arguments, and how results are printed       |
//! | `type_ids`      | as a `RUSTC_WRAPPER`: ids of types that all profiles have      |
//! | [`progress`]    | how they say what they are doing                               |
//! | [`cargo`]       | starts cargo, without what an outer cargo says                 |
//! | [`process`]     | runs a program to its end, or to a deadline                    |
//!
//! Without the feature `command`, which is on by default, the crate has only what forks, builds and
//! watches: `audit`, `check`, `cli`, `conformance`, `inspect`, `process`, `releases` and
//! `type_ids` are not there.
//!
//! The recipes are data, in `patches/`; their format is described in `patches/README.md`.

#[cfg(feature = "command")]
pub mod audit;
pub mod build;
pub mod cargo;
#[cfg(feature = "command")]
pub mod check;
#[cfg(feature = "command")]
pub mod cli;
#[cfg(feature = "command")]
pub mod conformance;
pub mod fork;
#[cfg(feature = "command")]
pub mod inspect;
#[cfg(feature = "command")]
pub mod process;
pub mod progress;
pub mod release_table;
#[cfg(feature = "command")]
pub mod releases;
pub mod watch;

mod by_rule;
mod cargo_toml;
mod causes;
mod digest;
mod embedded;
mod features;
mod parallel;
mod project;
mod recipe;
mod replace_file;
mod self_description;
mod source;
#[cfg(feature = "command")]
mod type_ids;
mod upstream;

pub use by_rule::report::{Report, Sharing, State};
pub use causes::with_causes;
pub use project::error::ProjectError;
pub use recipe::RecipeError;
pub use source::problem::Problem;
pub use upstream::error::UpstreamError;
pub use upstream::lockfile::LockError;
