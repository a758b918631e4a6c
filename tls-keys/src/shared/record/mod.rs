//! The image's manifest: records of bytes that are made while the image is compiled.
//!
//! The problem: whether a module fits its host must be known before any of its code runs, from the
//! file alone. So what matters is written down as plain bytes, without a pointer in them, in a
//! section of its own. `strip` and LTO keep that section, as they keep the keys.
//!
//! Each record is a static. A `const fn` puts its bytes together from literals and `cfg!`s. The
//! format is described in `format.rs` of the crate `tls-slots-manifest`, which reads it. This crate
//! must not depend on that one, as everybody links this one.
//!
//! | record | where it is declared |
//! | --- | --- |
//! | compiler | in `records.rs`, once in every image |
//! | key | beside the key, by the macros that declare it |
//! | forked crate | by `crate_record!`, in a file that `cargo tls-slots fork` adds to the crate |
//! | global allocator | where the allocator is declared |
//!
//! All of it is for macros and for generated code.

mod layout;
mod records;
mod writer;

pub use layout::{HASH, TypeLayout, hash_all};
pub(crate) use records::__key_record;
pub use records::{AllocatorRecord, CrateRecord, KeyRecord, Sources};
