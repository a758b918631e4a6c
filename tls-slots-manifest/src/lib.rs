//! What a host or a module says about itself, and whether the two fit together.
//!
//! # The problem
//!
//! A host and its modules pass Rust values to each other, whose layout nothing promises but the same
//! compiler, the same features, the same cfgs, the same versions of the crates that they share. A
//! module that differs in one of these crashes, at best. So each image carries a *manifest*: what it was
//! built by and from, as plain bytes in a section of its own, that are read before any code of the
//! module runs, from the file or from memory.
//!
//! # How it fits
//!
//! | who | what |
//! | --- | --- |
//! | `tls-keys` | writes the records at compile time: one for the compiler, one for each key |
//! | `cargo tls-slots fork` | has each forked crate write one about itself |
//! | [`Manifest::parse`] | reads a section's bytes |
//! | [`Manifest::from_object`] | finds the section in a file (feature `file`) |
//! | [`compare`] | says what does not fit, and how to make it fit |
//! | `tls-slots` | compares when a module is loaded, and refuses one that does not fit |
//! | `cargo tls-slots check` | compares files |
//!
//! The bytes come from a file that may be damaged or hostile: reading never panics, never goes beyond
//! them, and allocates no more than in proportion to their length.
//!
//! The format is described in `format.rs`, what must match and why in [`compare`].
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
//! - `file`: [`Manifest::from_object`], by the crate `object`.

mod compare;
#[cfg(feature = "file")]
mod file;
mod format;

pub use compare::{Difference, Mismatch, compare};
#[cfg(feature = "file")]
pub use file::FileError;
pub use format::ParseError;

use std::fmt;

/// What an image says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Manifest {
    /// The version of the binary interface between host and module.
    pub abi: u32,
    /// What it was built by, and how.
    pub compiler: Compiler,
    /// The forked crates in it.
    pub crates: Vec<Crate>,
    /// The keys in it: thread-locals and statics that may be shared.
    pub keys: Vec<Key>,
    /// Its global allocator, where it says.
    pub allocator: Option<Allocator>,
}

/// What an image was built by, and how: as seen by the crate `tls-keys` in it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Compiler {
    /// What `rustc --version` says.
    pub rustc: String,
    /// The commit that the compiler was built from; `unknown` for some distributions'.
    pub commit: String,
    /// The target triple.
    pub target: String,
    /// `unwind` or `abort`.
    pub panic: String,
    /// `cfg!(debug_assertions)`.
    pub debug_assertions: bool,
    /// A hash of how the compiler lays out some structs: `-Z randomize-layout` changes it.
    pub layout_probe: u64,
}

/// A forked crate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Crate {
    /// Its name.
    pub name: String,
    /// Upstream's version.
    pub version: String,
    /// The registry's SHA-256 of upstream's archive.
    pub checksum: String,
    /// The SHA-256 of the sources that were compiled: upstream's with the recipe applied.
    pub source: String,
    /// Every feature that the crate declares.
    pub features: Vec<Feature>,
    /// The cfgs that change the crate.
    pub cfgs: Vec<Cfg>,
    /// The dependencies that its layouts depend on.
    pub dependencies: Vec<Dependency>,
    /// The layout of some of its types, and of its dependencies'.
    pub types: Vec<Type>,
}

/// A feature of a forked crate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Feature {
    /// Its name.
    pub name: String,
    /// Whether it is on.
    pub enabled: bool,
    /// Whether all it does is to turn on others, as `full` does, or its recipe says that it changes nothing
    /// that is shared. It is then not compared.
    pub group: bool,
}

/// A cfg that changes a forked crate, such as `tokio_unstable`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cfg {
    /// Its name.
    pub name: String,
    /// Whether it is set.
    pub enabled: bool,
}

/// A dependency of a forked crate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dependency {
    /// The package's name.
    pub name: String,
    /// The version that the fork is pinned to; empty where it is not.
    pub version: String,
    /// Whether features, cfgs and target of this build ask for it. Others are not compared.
    pub enabled: bool,
}

/// The layout of a type.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Type {
    /// Its name.
    pub name: String,
    /// Its size.
    pub size: u64,
    /// Its alignment.
    pub align: u64,
    /// A hash of the offsets of its fields, as far as they are looked at.
    pub fields: u64,
}

/// What a key stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum KeyKind {
    /// A value per thread.
    ThreadLocal,
    /// A static.
    Process,
}

/// A key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Key {
    /// Thread-local or static.
    pub kind: KeyKind,
    /// The package that declares it.
    pub package: String,
    /// The package's version.
    pub version: String,
    /// The module path, as `module_path!` gives it: without functions.
    pub path: String,
    /// The static's name.
    pub name: String,
    /// The source file, for messages only: it may be a path of the building machine.
    pub file: String,
    /// Line of the declaration.
    pub line: u32,
    /// Column of the declaration.
    pub column: u32,
    /// The type, as it was written.
    pub type_text: String,
    /// Size of the type.
    pub size: u64,
    /// Alignment of the type.
    pub align: u64,
}

/// A global allocator that told of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Allocator {
    /// Its name.
    pub name: String,
    /// Whether it is a module's that hands everything on to the host's.
    pub forwards: bool,
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ThreadLocal => "thread-local",
            Self::Process => "static",
        })
    }
}

impl Crate {
    /// The names of the features that are on, of those that are compared.
    pub fn enabled_features(&self) -> impl Iterator<Item = &str> {
        self.features
            .iter()
            .filter(|one| one.enabled && !one.group)
            .map(|one| one.name.as_str())
    }
}
