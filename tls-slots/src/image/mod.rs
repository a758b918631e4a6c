//! Which file and which memory an address belongs to.
//!
//! | file | question | who answers |
//! | --- | --- | --- |
//! | `file.rs` | which file an image was loaded from | `dladdr`, and loaders that open copies |
//! | `memory.rs` | where an image lies, and what of it is writable | `dl_iterate_phdr` |
//!
//! Both are the bottom of this crate: they know no keys.

pub mod file;
pub mod memory;
