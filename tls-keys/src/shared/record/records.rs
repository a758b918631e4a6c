//! The kinds of records, and the macros that make them.

use super::super::key::Kind;
use super::super::object::__in_manifest_section;
use super::layout::{__layout_probe, TypeLayout};
use super::writer::{ALLOCATOR, COMPILER, CRATE, ENABLED, GROUP, KEY, Writer};
use crate::names::ABI;

/// Gives a record its two passes: counting, and writing.
macro_rules! passes {
    () => {
        /// How many bytes the record has.
        pub const fn size(&self) -> usize {
            self.write::<0>().len
        }

        /// The record; `N` is [`size`](Self::size).
        pub const fn bytes<const N: usize>(&self) -> [u8; N] {
            self.write::<N>().finish()
        }
    };
}

/// Which compiler has built the image, and how.
struct CompilerRecord;

impl CompilerRecord {
    passes!();

    const fn write<const N: usize>(&self) -> Writer<N> {
        let panic = if cfg!(panic = "unwind") {
            "unwind"
        } else {
            "abort"
        };
        Writer::new(COMPILER)
            .number(1, ABI as u64)
            .text(2, env!("TLS_KEYS_RUSTC"))
            .text(3, env!("TLS_KEYS_COMMIT"))
            .text(4, env!("TLS_KEYS_TARGET"))
            .text(5, panic)
            .number(6, cfg!(debug_assertions) as u64)
            .number(7, __layout_probe!())
            .text(8, env!("TLS_KEYS_FLAGS"))
            .text(9, env!("TLS_KEYS_ASKED_FOR"))
    }
}

__in_manifest_section! {
    static COMPILED: [u8; CompilerRecord.size()] = CompilerRecord.bytes();
}

/// A digest of a crate's sources, and the features and cfgs that they ask for, each with whether it
/// is set: what `tls_keys_macros::sources` expands to.
pub type Sources = (&'static str, &'static [(&'static str, bool)]);

/// Appends cfgs, a field each.
const fn with_cfgs<const N: usize>(
    mut record: Writer<N>,
    tag: u16,
    cfgs: &[(&str, bool)],
) -> Writer<N> {
    let mut at = 0;
    while at < cfgs.len() {
        let (name, enabled) = cfgs[at];
        record = record.flagged(tag, ENABLED * enabled as u8, name);
        at += 1;
    }
    record
}

/// What a key is, and where it is declared.
#[derive(Clone, Copy)]
#[allow(missing_docs)] // the fields are those of `Declared`
pub struct KeyRecord {
    pub kind: Kind,
    pub package: &'static str,
    pub version: &'static str,
    pub path: &'static str,
    pub name: &'static str,
    pub file: &'static str,
    pub line: u32,
    pub column: u32,
    pub type_text: &'static str,
    pub size: usize,
    pub align: usize,
    /// What the crate was compiled from.
    pub sources: Sources,
}

impl KeyRecord {
    passes!();

    const fn write<const N: usize>(&self) -> Writer<N> {
        let record = Writer::new(KEY)
            .number(1, self.kind as u64)
            .text(2, self.package)
            .text(3, self.version)
            .text(4, self.path)
            .text(5, self.name)
            .text(6, self.file)
            .number(7, self.line as u64)
            .number(8, self.column as u64)
            .text(9, self.type_text)
            .number(10, self.size as u64)
            .number(11, self.align as u64)
            .text(12, self.sources.0);
        with_cfgs(record, 13, self.sources.1)
    }
}

/// The image's global allocator.
#[derive(Clone, Copy)]
pub struct AllocatorRecord {
    /// Its name.
    pub name: &'static str,
    /// Whether it forwards everything to the host's.
    pub forwards: bool,
}

impl AllocatorRecord {
    passes!();

    const fn write<const N: usize>(&self) -> Writer<N> {
        Writer::new(ALLOCATOR)
            .text(1, self.name)
            .number(2, self.forwards as u64)
    }
}

/// A forked crate. Made by a file that `cargo tls-slots fork` writes.
#[derive(Clone, Copy)]
pub struct CrateRecord {
    /// Its name.
    pub name: &'static str,
    /// Upstream's version.
    pub version: &'static str,
    /// The checksum of upstream's archive.
    pub checksum: &'static str,
    /// A digest of the sources that are compiled.
    pub source: &'static str,
    /// Every feature that the crate declares: its name, whether it is on, whether it only turns on
    /// other features.
    pub features: &'static [(&'static str, bool, bool)],
    /// Cfgs that change the crate: the name, and whether the cfg is set.
    pub cfgs: &'static [(&'static str, bool)],
    /// Dependencies that layouts depend on: name, version, and whether this build has the
    /// dependency.
    pub dependencies: &'static [(&'static str, &'static str, bool)],
    /// Layouts of the crate's types.
    pub types: &'static [TypeLayout],
    /// The crate's own layout probe, see `layout.rs`.
    pub probe: u64,
    /// Where the record stands, as `module_path!` says. It begins with the crate's name in Rust.
    pub path: &'static str,
}

impl CrateRecord {
    passes!();

    const fn write<const N: usize>(&self) -> Writer<N> {
        let mut record = Writer::new(CRATE)
            .text(1, self.name)
            .text(2, self.version)
            .text(3, self.checksum)
            .text(4, self.source)
            .text(9, first_part(self.path));
        let mut at = 0;
        while at < self.features.len() {
            let (name, enabled, group) = self.features[at];
            let flags = ENABLED * enabled as u8 + GROUP * group as u8;
            record = record.flagged(5, flags, name);
            at += 1;
        }
        record = with_cfgs(record, 6, self.cfgs);
        let mut at = 0;
        while at < self.dependencies.len() {
            let (name, version, enabled) = self.dependencies[at];
            record = record
                .field(7, 1 + 4 + name.len() + version.len())
                .put(&[ENABLED * enabled as u8])
                .put(&(name.len() as u32).to_le_bytes())
                .put(name.as_bytes())
                .put(version.as_bytes());
            at += 1;
        }
        let mut at = 0;
        while at < self.types.len() {
            record = self.types[at].write(record);
            at += 1;
        }
        // Randomised layouts have a seed for each crate, so each crate has a probe.
        TypeLayout::probe(self.probe).write(record)
    }
}

/// The name of the crate that a path in Rust begins with.
const fn first_part(path: &str) -> &str {
    let bytes = path.as_bytes();
    let mut at = 0;
    while at < bytes.len() && bytes[at] != b':' {
        at += 1;
    }
    path.split_at(at).0
}

/// Declares the record of a forked crate, once in that crate.
#[doc(hidden)]
#[macro_export]
macro_rules! crate_record {
    ($($field:ident: $value:expr),* $(,)?) => {
        const _: () = {
            const FIELDS: $crate::record::CrateRecord = $crate::record::CrateRecord {
                $($field: $value,)*
                probe: $crate::__layout_probe!(),
                path: ::core::module_path!(),
            };
            $crate::__in_manifest_section! {
                static RECORD: [u8; FIELDS.size()] = FIELDS.bytes();
            }
        };
    };
}

/// Has host and module compare a crate of your own whose types cross between them.
///
/// Once, anywhere in that crate. Both sides must then be built from the same sources of it, with
/// the same features. Otherwise the module is refused when it is loaded, with both sides named.
/// Comments and unit tests may differ. A crate that declares keys is compared without this.
///
/// For a crate of somebody else, `cargo tls-slots agree NAME` does the same.
///
/// # Examples
///
/// ```
/// # use tls_slots as _;
/// tls_keys::agree!();
///
/// /// What a module gets from its host.
/// pub struct Page {
///     /// In Markdown.
///     pub text: String,
/// }
/// ```
#[macro_export]
macro_rules! agree {
    () => {
        const _: () = {
            const BUILT: $crate::record::Sources = $crate::__sources!();
            $crate::crate_record! {
                name: ::core::env!("CARGO_PKG_NAME"),
                version: ::core::env!("CARGO_PKG_VERSION"),
                checksum: "",
                source: BUILT.0,
                features: &[],
                cfgs: BUILT.1,
                dependencies: &[],
                types: &[],
            }
        };
    };
}

/// Declares the record of a global allocator, beside the allocator.
#[doc(hidden)]
#[macro_export]
macro_rules! allocator_record {
    ($name:expr, forwards: $forwards:expr $(,)?) => {
        const _: () = {
            const FIELDS: $crate::record::AllocatorRecord = $crate::record::AllocatorRecord {
                name: $name,
                forwards: $forwards,
            };
            $crate::__in_manifest_section! {
                static RECORD: [u8; FIELDS.size()] = FIELDS.bytes();
            }
        };
    };
}

/// Declares the record of a key, beside the key.
#[doc(hidden)]
#[macro_export]
macro_rules! __key_record {
    ($kind:ident $name:ident [$t:ty]) => {
        const _: () = {
            const FIELDS: $crate::record::KeyRecord = $crate::record::KeyRecord {
                kind: $crate::abi::Kind::$kind,
                package: match ::core::option_env!("CARGO_PKG_NAME") {
                    $crate::__private::Some(package) => package,
                    $crate::__private::None => "",
                },
                version: match ::core::option_env!("CARGO_PKG_VERSION") {
                    $crate::__private::Some(version) => version,
                    $crate::__private::None => "",
                },
                path: ::core::module_path!(),
                name: ::core::stringify!($name),
                file: ::core::file!(),
                line: ::core::line!(),
                column: ::core::column!(),
                type_text: ::core::stringify!($t),
                size: ::core::mem::size_of::<$t>(),
                align: ::core::mem::align_of::<$t>(),
                sources: $crate::__sources!(),
            };
            $crate::__in_manifest_section! {
                static RECORD: [u8; FIELDS.size()] = FIELDS.bytes();
            }
        };
    };
}

pub(crate) use __key_record;
