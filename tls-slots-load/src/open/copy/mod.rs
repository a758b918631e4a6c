//! Ways to give `dlopen` exactly the bytes that were checked.
//!
//! The problem: `dlopen` takes a path. Whoever may write to the file or to a folder above it can
//! change what is there, after the check and before the opening.
//!
//! | file | system | a copy is | run by the authors |
//! | --- | --- | --- | --- |
//! | `linux.rs` | Linux, Android | sealed memory, opened by its descriptor; or else an unnamed file in the temporary folder | yes |
//! | `folder.rs` | other unix | a file in a folder of its own, mode 0700, removed when it is open | **no** |
//! | `kept_open.rs` | Windows | none: the file is held open, so that nobody can change it | **no** |
//!
//! Each of these files has `WAYS`, a list of functions that are tried in turn, and `by_descriptor`.
//! `content.rs` has what was read, `sealed.rs` sealed memory, and `openable.rs` the result.

use std::fs::File;
use std::io;

use openable::{Openable, Way};

pub(crate) mod content;
pub(crate) mod openable;
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

/// The file behind a descriptor, even if another file has taken its path.
///
/// # Errors
///
/// The system has no path for a descriptor's file.
pub(crate) fn by_descriptor(file: &File) -> io::Result<Openable> {
    system::by_descriptor(file)
}
