//! What a host or a module says about itself, and whether the two fit together.
//!
//! # The problem
//!
//! A host and its modules pass Rust values to each other. Nothing promises the layout of these
//! values but the same compiler, the same features, the same cfgs, and the same versions of the
//! crates that host and module share. A module that differs in one of these crashes, at best.
//!
//! So each image carries a *manifest*: records that say what the image was built by and from. They
//! are plain bytes in a section of their own. They are read before any code of the module runs,
//! from the file or from memory.
//!
//! # How it fits
//!
//! | who | what |
//! | --- | --- |
//! | `tls-keys` | writes records at compile time: one for the compiler, one for each key |
//! | `cargo tls-slots fork` | has each forked crate write a record about itself |
//! | [`Manifest::parse`] | reads the bytes of a section |
//! | [`Manifest::from_object`] | finds the section in a file (feature `file`) |
//! | [`compare`] | says what does not fit, and how to make it fit |
//! | `tls-slots` | compares when a module registers its keys, and refuses one that does not fit |
//! | `tls-slots-load` | compares before a module is opened |
//! | `cargo tls-slots check` | compares files |
//!
//! The bytes come from a file that may be damaged or hostile. Reading never panics, never goes
//! beyond the bytes, and allocates no more than in proportion to their length.
//!
//! `format.rs` describes the format. [`compare`] says what must match, and `compare.rs` says why.
//!
//! # Examples
//!
//! ```
//! use tls_slots_manifest::{Manifest, ParseError};
//!
//! assert_eq!(Manifest::parse(&[0; 32]), Err(ParseError::NoCompiler));
//! ```
//!
//! # Cargo features
//!
//! - `file`: [`Manifest::from_object`], by the crate `object`. It reads ELF files, and those that
//!   the system loads that this crate is built for.
//! - `formats`: it reads ELF, Mach-O and PE files on every system. A host does without, as it opens
//!   no file of another system, and so compiles half as much of `object`.

mod allowed;
#[cfg(feature = "file")]
mod bounded;
mod compare;
#[cfg(feature = "file")]
mod describe;
mod description;
#[cfg(feature = "file")]
mod file;
mod format;
#[cfg(feature = "file")]
mod mangled;
mod manifest;
#[cfg(feature = "file")]
mod needed;
mod parse;
mod private_state;
#[cfg(feature = "file")]
mod state;

pub use allowed::Allowed;
#[cfg(feature = "file")]
pub use bounded::Bounded;
pub use compare::agreed::{Agreed, agreed};
pub use compare::compare;
pub use compare::difference::Difference;
pub use compare::host_half::HostHalf;
pub use compare::mismatch::Mismatch;
pub use compare::private::asks_for_private_state;
pub use compare::unforked::Unforked;
pub use description::{Description, StdCopy};
#[cfg(feature = "file")]
pub use file::FileError;
pub use manifest::{
    Allocator, Cfg, Compiler, Crate, Dependency, Feature, Flag, Key, KeyKind, Manifest, Type,
};
pub use parse::error::ParseError;
pub use private_state::PrivateState;
