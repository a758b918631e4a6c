//! The data: what a manifest says, in the words of this crate.
//!
//! The types have public fields and no invariants. What they mean for a host and its module is
//! decided in `compare.rs` alone.

use std::fmt;

/// What an image says about itself.
///
/// [`Manifest::parse`] makes it from the bytes of a section. All texts are as the image wrote them:
/// they may be of any length and contain any character.
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
    /// Its global allocator, if the image says which one it has.
    pub allocator: Option<Allocator>,
}

/// What an image was built by, and how. The crate `tls-keys` in the image sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Compiler {
    /// What `rustc --version` says.
    pub rustc: String,
    /// The commit that the compiler was built from. Compilers of some distributions say `unknown`.
    pub commit: String,
    /// The target triple.
    pub target: String,
    /// `unwind` or `abort`.
    pub panic: String,
    /// Whether `cfg!(debug_assertions)` was true.
    pub debug_assertions: bool,
    /// A hash of how the compiler laid out some structs. `-Z randomize-layout` changes it.
    pub layout_probe: u64,
    /// The features of the target that are on, and the cfgs of `RUSTFLAGS`: what crates may ask
    /// for, and what no other record of a crate without a fork tells.
    pub asked_for: String,
    /// The flags for rustc that change the binary interface and are set, sorted by name.
    ///
    /// An image that was built before manifests had them says nothing of flags, and counts as one
    /// that sets none.
    pub flags: Vec<Flag>,
}

/// A flag for rustc that changes the binary interface, such as `-Z sanitizer=address`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Flag {
    /// The name of the `-Z` or `-C` option.
    pub name: String,
    /// Its value, in one spelling of several that mean the same. Never the default.
    pub value: String,
}

/// A forked crate, as the file says that `cargo tls-slots fork` generates in it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Crate {
    /// Its name.
    pub name: String,
    /// Upstream's version.
    pub version: String,
    /// The registry's SHA-256 of upstream's archive, in hexadecimal digits.
    pub checksum: String,
    /// The SHA-256 of the sources that were compiled, in hexadecimal digits: upstream's sources
    /// with the recipe applied.
    pub source: String,
    /// Every feature that the crate declares.
    pub features: Vec<Feature>,
    /// The cfgs that change the crate.
    pub cfgs: Vec<Cfg>,
    /// The dependencies that its layouts depend on.
    pub dependencies: Vec<Dependency>,
    /// The layouts of some of its types, and of some types of its dependencies.
    pub types: Vec<Type>,
    /// Its name in Rust, which paths begin with. It need not be the package's: see `[lib] name`.
    pub lib: String,
}

/// A feature of a forked crate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Feature {
    /// Its name.
    pub name: String,
    /// Whether it is on.
    pub enabled: bool,
    /// Whether the feature is left out of the comparison: all it does is to turn on others, as
    /// `full` does, or it changes nothing that is shared. `fork` knows by its rule, or by the
    /// crate's recipe.
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
    /// The version that the fork is pinned to; empty where it is pinned to none.
    pub version: String,
    /// Whether features, cfgs and target of this build ask for the dependency. The comparison
    /// leaves out the others.
    pub enabled: bool,
}

/// The layout of a type.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Type {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its alignment in bytes.
    pub align: u64,
    /// A hash of the offsets of those fields that the fork looks at.
    pub fields: u64,
}

/// What a key stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum KeyKind {
    /// A value per thread.
    ThreadLocal,
    /// A static, of which there is one in the process.
    Process,
}

/// A key: one declared piece of state, a thread-local or a process-wide static.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Key {
    /// What the key stands for.
    pub kind: KeyKind,
    /// The package that declares it.
    pub package: String,
    /// The package's version.
    pub version: String,
    /// Where it is declared, as `module_path!` says: without functions.
    pub path: String,
    /// The static's name.
    pub name: String,
    /// The source file. It is for messages only, as it may be a path of the building machine.
    pub file: String,
    /// The line of the declaration; the first is 1.
    pub line: u32,
    /// The column of the declaration; the first is 1.
    pub column: u32,
    /// The type, as it was written.
    pub type_text: String,
    /// The size of the type in bytes.
    pub size: u64,
    /// The alignment of the type in bytes.
    pub align: u64,
    /// A digest of the sources of the crate that declares the key. Empty in a forked crate, whose
    /// own record has one.
    pub sources: String,
    /// The features and cfgs that these sources ask for and that were set, as rustc was told them
    /// (`feature="x"`), sorted.
    pub cfgs: Vec<String>,
}

/// A global allocator that says so: that of a module (`host_allocator!` of `tls-keys`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Allocator {
    /// Its name.
    pub name: String,
    /// Whether it is a module's allocator that hands every request on to the host's.
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
    /// The names of the features that are on, without those that the comparison leaves out.
    pub fn enabled_features(&self) -> impl Iterator<Item = &str> {
        self.features
            .iter()
            .filter(|one| one.enabled && !one.group)
            .map(|one| one.name.as_str())
    }
}
