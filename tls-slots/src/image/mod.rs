//! Which file and which memory an address belongs to.
//!
//! | file | question | who answers |
//! | --- | --- | --- |
//! | `file.rs` | which file an image was loaded from | `program_headers.rs` or `dladdr`, and loaders that open copies |
//! | `memory.rs` | where an image lies, and what of it is writable | `program_headers.rs`, where images are ELF |
//!
//! All are at the bottom of this crate: they know no keys.

pub mod file;
pub mod memory;
#[cfg(tls_slots_program_headers)]
pub mod program_headers;
