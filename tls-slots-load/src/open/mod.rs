//! From a path to checked bytes to an image.
//!
//! | file | step |
//! | --- | --- |
//! | `host.rs` | is this program a host? |
//! | `file.rs` | open the file once, read it once |
//! | `format.rs`, `elf.rs`, `never_unmapped.rs` | what kind of file it is: a description, from the bytes alone |
//! | `check.rs` | the description and the manifest against this host |
//! | `copy/` | ways to hand those very bytes to the system |
//! | `system.rs` | the system's loader |
//! | `image.rs` | an image that is open and registered |
//! | `error.rs` | a variant for each step that can fail |
//!
//! `load.rs` goes these steps in order.

pub(crate) mod check;
pub(crate) mod copy;
mod elf;
pub(crate) mod error;
pub(crate) mod file;
pub(crate) mod format;
pub(crate) mod host;
pub(crate) mod image;
mod never_unmapped;
pub(crate) mod source;
pub(crate) mod system;
