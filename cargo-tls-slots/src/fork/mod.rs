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
//! | `make` | the steps, one after another |
//! | `check` | whether all of it has been done |
//! | `patches` | which patch lines a project gets, and which go |
//! | `there` | what is in the folder already |
//! | `trees` | gets releases, and forks them in memory |
//! | `pins` | which versions the dependencies are pinned to |
//! | `plan` | which folders are made |
//! | `choose` | which releases are forked |
//! | `locked` | what the lock files say |
//! | `local` | the state of crates that no patch reaches |
//! | `target` | the project: its patches, and what it uses |
//! | `known_left` | remembers what could not be forked |
//! | `left` | what is left as published, and the words about it |
//! | `method` | with a recipe, or by rule |
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
//!   tokio-1.54.1/        upstream + our files + the recipe's edits
//!   tokio-macros-2.7.2/  likewise
//!   foldhash-0.1.5/      two releases of a crate stand beside each other
//!   foldhash-0.2.0/
//!   tls-keys/            ours, from inside this command, like the others below
//!   tls-slots/
//!   tls-slots-build/
//!   tls-slots-load/
//!   tls-slots-manifest/
//! ```
//!
//! So projects with different releases can have one fork folder, and share what is the same.
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

mod check;
mod choose;
mod content;
mod error;
mod folder;
mod forked;
mod known_left;
mod left;
mod local;
mod locked;
mod make;
mod method;
mod options;
mod patches;
mod pins;
mod plan;
mod stamp;
mod target;
mod there;
mod trees;

pub use check::{OutOfStep, check};
pub use error::Error;
pub use forked::{Forked, ForkedCrate, Outcome};
pub use left::{Left, Why};
pub use make::fork;
pub use options::{CrateSpec, DEFAULT_OUT, ForkOptions, Pin, Write};
pub use stamp::STAMP;
#[cfg(feature = "command")]
pub(crate) use stamp::digest_of;
pub use target::fork_folder;
