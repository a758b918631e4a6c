//! From a lock file, or from names, to forked crates in a folder and the lines that patch a project
//! to them.
//!
//! This is the one place that knows all layers below: `upstream` gets a release, a recipe or the
//! rule edits its sources, `cargo_toml` edits its `Cargo.toml`, and `self_description` adds what
//! the crate says about itself.
//!
//! | file | step |
//! | --- | --- |
//! | `options` | what a caller asks for |
//! | `choose` | which crates |
//! | `locked` | what the lock files say of them |
//! | `plan` | which release of each, and which crates of ours |
//! | `method` | with a recipe, or by rule |
//! | `make` | the steps, one after another |
//! | `pins` | which versions the dependencies are pinned to |
//! | `content` | a crate's files, in memory |
//! | `folder` | the same on disk; `stamp` says what is there |
//! | `forked` | the result, and the patch lines |
//!
//! # The folder
//!
//! A fork folder holds, side by side, the forked upstream crates and our own:
//!
//! ```text
//! tls-slots-forks/
//!   tokio/         upstream + our files + the recipe's edits
//!   tokio-macros/  likewise
//!   tls-keys/      ours, from inside this command, like the others below
//!   tls-slots/
//!   tls-slots-build/
//!   tls-slots-load/
//!   tls-slots-manifest/
//! ```
//!
//! Each crate's folder carries a stamp, `.tls-slots-fork.toml`. What it says decides what happens:
//!
//! | the folder                        | what `fork` does                                 |
//! | --------------------------------- | ------------------------------------------------ |
//! | is not there, or is empty         | writes beside it, then renames                   |
//! | has no stamp                      | refuses: it is not ours                          |
//! | stamp fits, files are as stamped  | nothing, and needs no network                    |
//! | stamp does not fit, or incomplete | rewrites the files that differ, and only those   |
//!
//! A run that is interrupted leaves a temporary folder or a stamp that says `incomplete`; the
//! next run clears the one and finishes the other. Files that are not ours in a folder that is
//! (a `target/`, a `Cargo.lock`) stay.

mod choose;
mod content;
mod error;
mod folder;
mod forked;
mod locked;
mod make;
mod method;
mod options;
mod pins;
mod plan;
mod replace_file;
mod stamp;

pub use error::Error;
pub use forked::{Forked, ForkedCrate, Outcome};
pub use make::fork;
pub use options::{CrateSpec, DEFAULT_OUT, ForkOptions};
pub use stamp::STAMP;
