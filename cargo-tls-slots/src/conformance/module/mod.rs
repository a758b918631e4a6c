//! Mode `module`: upstream's test bodies as one `cdylib` with its own copy of tokio, and a host
//! process whose runtime is built by the host's copy.
//!
//! Three projects are written, each a workspace of its own. Host and module are built by two cargo
//! invocations, with the same profile, features and lock file. They share a target folder, so what
//! both depend on is compiled once:
//!
//! | project | what |
//! | --- | --- |
//! | `macros/` | the attribute that takes the place of `#[test]` and `#[tokio::test]` |
//! | `module/` | upstream's test files, rewritten, with the releases that tokio's own lock file holds |
//! | `host/` | links tls-slots, opens the module through its loader, runs one test |
//!
//! | upstream | here |
//! | --- | --- |
//! | `#[tokio::test(..)]` | the host builds the runtime that the arguments ask for, and polls the body on it |
//! | `#[test]` | the body as it is, on a thread of the host; a runtime that it builds is the module's |
//!
//! A test that breaks takes others with it, so each test has a process of its own. A test that
//! passes in mode `self-hosted` and is not in the module's list is `missing`: no test can get lost.
//!
//! | file | what it does |
//! | --- | --- |
//! | `projects.rs` | writes the three projects |
//! | `cargo_toml.rs` | makes the module's `Cargo.toml` from tokio's |
//! | `run.rs` | builds host and module, and runs each test in a host |

mod cargo_toml;
mod projects;
mod run;

pub(super) use projects::{Projects, Sources};
pub(super) use run::run;
