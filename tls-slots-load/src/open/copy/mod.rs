//! Ways to hand to `dlopen` the very bytes that were checked.
//!
//! The problem: `dlopen` takes a path, and whoever may write to the path's file or folders can change
//! what is there after it was checked.
//!
//! | file | system | a copy is | run here |
//! | --- | --- | --- | --- |
//! | `linux.rs` | Linux, Android | sealed memory, opened by its descriptor; or else an unnamed file in the temporary folder | yes |
//! | `folder.rs` | other unix | a file in a folder of its own, mode 0700, removed when it is open | **not run** |
//! | `kept_open.rs` | Windows | none: the file is held open, so that nobody can change it | **not run** |
//!
//! Each file gives `WAYS`, a list of functions that are tried in turn, and `by_descriptor`.

use std::fs::File;
use std::io;

use place::{Place, Way};

pub(crate) mod content;
pub(crate) mod place;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod sealed;

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux;
#[cfg(any(target_os = "linux", target_os = "android"))]
use linux as system;

#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
mod folder;
#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
use folder as system;

#[cfg(not(unix))]
mod kept_open;
#[cfg(not(unix))]
use kept_open as system;

/// The ways of this system, the best one first.
pub(crate) const WAYS: &[Way] = system::WAYS;

/// The file behind a descriptor, whatever its path has come to mean.
pub(crate) fn by_descriptor(file: &File) -> io::Result<Place> {
    system::by_descriptor(file)
}
