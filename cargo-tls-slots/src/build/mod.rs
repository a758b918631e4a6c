//! Builds hosts and modules, each by its own cargo invocation, with the patches injected.
//!
//! The problem: a host and a module are different projects. Each has its own lock file and its own
//! target folder, as it would have on different machines. Yet they must agree on the tokio that
//! they are patched to, and a difference shows only when the module is loaded.
//!
//! The way:
//!
//! 1. Read each project. A forked crate whose release differs between two lock files is an error
//!    before anything is built.
//! 2. Make the forks of these releases, or leave them alone if they are there.
//! 3. Run cargo for one project after another. The patches go in by
//!    `cargo --config patch.crates-io.…`, so no `Cargo.toml` has to be changed.
//! 4. See from cargo's messages that the project was built with the fork, and which programs and
//!    libraries were made.
//!
//! A lock file that was made without the patches stays valid, as the fork has upstream's version;
//! cargo only drops the registry's checksum of the forked crates from the lock file.
//!
//! | file | what it does |
//! | --- | --- |
//! | `run.rs` | the steps, for all projects |
//! | `compile.rs` | one project: runs cargo, and shows what cargo says |
//! | `messages.rs` | reads cargo's messages: artifacts, progress |
//! | `versions.rs` | whether the lock files agree |
//! | `options.rs`, `error.rs` | what goes in, and what comes out |

mod compile;
mod error;
mod messages;
mod options;
mod run;
mod versions;

pub use error::Error;
pub use options::{Artifact, ArtifactKind, BuildOptions};
pub use run::build;

pub(crate) use run::check_versions;
