//! From a path to checked bytes to an image.
//!
//! The problem: after `dlopen` it is too late for most errors. The constructors have run, or the
//! process has ended. So everything that can be known of a file is checked before it is opened, and
//! exactly the bytes that were checked are opened.
//!
//! | file | step |
//! | --- | --- |
//! | `host.rs` | is this program a host? |
//! | `file.rs` | open the file once, and read it once |
//! | `look.rs` | in between: whether its header allows a module at all |
//! | `format.rs`, `elf/`, `never_unmapped.rs` | what kind of file it is, and its headers, from the bytes alone |
//! | `check.rs` | compare headers, manifest and state with this host |
//! | `own.rs` | what this host is, for the comparison |
//! | `source.rs` | where the code is loaded from: the host's choice |
//! | `copy/` | ways to give exactly these bytes to the system |
//! | `system.rs` | the system's loader |
//! | `image.rs` | an image that is open and registered |
//! | `error/` | a variant for each step that can fail |
//!
//! `load.rs`, above this folder, takes these steps in order.

pub(crate) mod check;
pub(crate) mod copy;
mod elf;
pub(crate) mod error;
pub(crate) mod file;
pub(crate) mod format;
pub(crate) mod host;
pub(crate) mod image;
pub(crate) mod look;
mod never_unmapped;
pub(crate) mod own;
pub(crate) mod source;
pub(crate) mod system;
