//! Builds modules again whenever their sources change, for a host that reloads them.
//!
//! The problem has three parts. An edited module must be built as [`build`](crate::build) builds
//! it, or the host refuses the module. A change that comes while cargo runs must not be lost. And a
//! host that watches the file must never find half of it, though cargo and the linker write the
//! file in place.
//!
//! | file | what it does |
//! | --- | --- |
//! | `run.rs` | waits for changes, builds, says what became of each |
//! | `sources.rs` | which folders and files a project is built from |
//! | `publish.rs` | puts a built file into another folder at one stroke |
//! | `events.rs` | what goes in, and what comes out |
//!
//! # What counts as a change
//!
//! A project is its package and the packages that it depends on by path, as cargo's metadata tells
//! them, without dev-dependencies. All of their folders are watched, with these exceptions:
//!
//! - what cargo and this command make: target folders, forks, published files;
//! - hidden files;
//! - packages inside of the folders that are not the project's.
//!
//! Also watched are the `Cargo.toml` and `Cargo.lock` of the workspaces, and files elsewhere that
//! the last build read, such as those of an `include_str!`.
//!
//! Whether something has to be built is cargo's decision. A change of a file that cargo does not
//! read costs one `cargo build` that finds nothing to do.
//!
//! # How no change is lost
//!
//! The folders are watched before the first build begins, and changes wait in a queue while a build
//! runs. cargo takes a source that is newer than the *start* of the last build for changed, so a
//! source that was written in the middle of a build is built once more.
//!
//! "Newer" is by the file's time, which the kernel counts in steps of some milliseconds. A source
//! that is read and then changed within the step in which cargo began is cargo's blind spot.

mod events;
mod publish;
mod run;
mod sources;

pub use events::{Error, WatchEvent, WatchOptions};
pub use run::{Stop, Watch};
