//! The image's manifest: records of bytes that are made while the image is compiled.
//!
//! The problem: whether a module fits its host must be known before any of its code runs, from the
//! file alone. So what matters is written down as plain bytes, without a pointer in them, in a section
//! of its own; `strip` and LTO keep it, as they keep the keys.
//!
//! Each record is a static whose bytes a `const fn` puts together from literals and `cfg!`s. The format
//! is described in `format.rs` of the crate `tls-slots-manifest`, which reads it. That crate must not be
//! named here, as everybody links this one.
//!
//! | record | where it stands |
//! | --- | --- |
//! | compiler | here, once in every image |
//! | key | beside the key, by the macros that declare it |
//! | forked crate | in a file that `cargo tls-slots fork` adds to it, by [`crate_record!`](crate::crate_record) |
//! | global allocator | where it is declared |
//!
//! All of it is for macros and for generated code.

use crate::abi::Kind;
use crate::names::ABI;

/// See `tls-slots-manifest`'s `format.rs`, for these and for all tags below.
const MAGIC: [u8; 8] = *b"\xA7tlsrec\n";
const FORMAT: u16 = 1;
const HEADER: usize = 16;

const COMPILER: u16 = 1;
const CRATE: u16 = 2;
const KEY: u16 = 3;
const ALLOCATOR: u16 = 4;

const ENABLED: u8 = 1;
const GROUP: u8 = 2;

/// A record that is being put together in `N` bytes. What does not fit is only counted: so a record is
/// written twice, first with no room at all.
struct Writer<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Writer<N> {
    const fn new(kind: u16) -> Self {
        Self {
            bytes: [0; N],
            len: 0,
        }
        .put(&MAGIC)
        .put(&FORMAT.to_le_bytes())
        .put(&kind.to_le_bytes())
        // The length of the fields; it is put right when they are all there.
        .put(&[0; 4])
    }

    const fn put(mut self, bytes: &[u8]) -> Self {
        if self.len + bytes.len() <= N {
            let (_, room) = self.bytes.split_at_mut(self.len);
            let (room, _) = room.split_at_mut(bytes.len());
            room.copy_from_slice(bytes);
        }
        self.len += bytes.len();
        self
    }

    /// What a field starts with, `len` bytes of contents following.
    const fn field(self, tag: u16, len: usize) -> Self {
        self.put(&tag.to_le_bytes())
            .put(&(len as u32).to_le_bytes())
    }

    const fn text(self, tag: u16, text: &str) -> Self {
        self.field(tag, text.len()).put(text.as_bytes())
    }

    const fn number(self, tag: u16, number: u64) -> Self {
        self.field(tag, 8).put(&number.to_le_bytes())
    }

    const fn flagged(self, tag: u16, flags: u8, name: &str) -> Self {
        self.field(tag, 1 + name.len())
            .put(&[flags])
            .put(name.as_bytes())
    }

    const fn finish(mut self) -> [u8; N] {
        assert!(self.len == N, "a record is as long as it was counted");
        let fields = ((N - HEADER) as u32).to_le_bytes();
        let (header, _) = self.bytes.split_at_mut(HEADER);
        let (_, length) = header.split_at_mut(HEADER - 4);
        length.copy_from_slice(&fields);
        self.bytes
    }
}

/// Gives a record its two passes.
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

/// What built the image, and how.
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
            .number(7, crate::__layout_probe!())
    }
}

crate::__in_manifest_section! {
    static COMPILED: [u8; CompilerRecord.size()] = CompilerRecord.bytes();
}

/// A key.
#[derive(Clone, Copy)]
#[allow(missing_docs)] // as in `abi::Declared`
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
}

impl KeyRecord {
    passes!();

    const fn write<const N: usize>(&self) -> Writer<N> {
        Writer::new(KEY)
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
    }
}

/// A global allocator.
#[derive(Clone, Copy)]
pub struct AllocatorRecord {
    /// Its name.
    pub name: &'static str,
    /// Whether it hands everything on to the host's.
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

/// A forked crate, by `cargo tls-slots fork`.
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
    /// Every feature it declares: name, whether it is on, whether it only turns on others.
    pub features: &'static [(&'static str, bool, bool)],
    /// Cfgs that change it: name, whether it is set.
    pub cfgs: &'static [(&'static str, bool)],
    /// Dependencies that layouts depend on: name, version, whether this build has it.
    pub dependencies: &'static [(&'static str, &'static str, bool)],
    /// Layouts of the crate's types.
    pub types: &'static [TypeLayout],
    /// The crate's own layout probe.
    pub probe: u64,
}

impl CrateRecord {
    passes!();

    const fn write<const N: usize>(&self) -> Writer<N> {
        let mut record = Writer::new(CRATE)
            .text(1, self.name)
            .text(2, self.version)
            .text(3, self.checksum)
            .text(4, self.source);
        let mut at = 0;
        while at < self.features.len() {
            let (name, enabled, group) = self.features[at];
            let flags = ENABLED * enabled as u8 + GROUP * group as u8;
            record = record.flagged(5, flags, name);
            at += 1;
        }
        let mut at = 0;
        while at < self.cfgs.len() {
            let (name, enabled) = self.cfgs[at];
            record = record.flagged(6, ENABLED * enabled as u8, name);
            at += 1;
        }
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
        // Randomised layouts have a seed for each crate.
        let probe = TypeLayout {
            name: "(layout probe)",
            size: 0,
            align: 1,
            fields: self.probe,
        };
        probe.write(record)
    }
}

/// The layout of a type, by [`type_layout!`](crate::type_layout).
#[derive(Clone, Copy)]
pub struct TypeLayout {
    name: &'static str,
    size: usize,
    align: usize,
    fields: u64,
}

impl TypeLayout {
    /// The layout of `T`, with the offsets of the fields that can be named.
    pub const fn of<T>(name: &'static str, offsets: &[usize]) -> Self {
        // An `Option` of it tells whether it has a niche, which is as much a part of its layout.
        let niche = hash(HASH, size_of::<Option<T>>());
        Self {
            name,
            size: size_of::<T>(),
            align: align_of::<T>(),
            fields: hash_all(niche, offsets),
        }
    }

    const fn write<const N: usize>(&self, record: Writer<N>) -> Writer<N> {
        record
            .field(8, 3 * 8 + self.name.len())
            .put(&(self.size as u64).to_le_bytes())
            .put(&(self.align as u64).to_le_bytes())
            .put(&self.fields.to_le_bytes())
            .put(self.name.as_bytes())
    }
}

/// The hash of nothing: FNV-1a's.
pub const HASH: u64 = 0xCBF2_9CE4_8422_2325;

/// Adds a number to a hash.
const fn hash(hash: u64, number: usize) -> u64 {
    let bytes = (number as u64).to_le_bytes();
    let mut hash = hash;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01B3);
        at += 1;
    }
    hash
}

/// Adds numbers to a hash.
pub const fn hash_all(start: u64, numbers: &[usize]) -> u64 {
    let mut all = start;
    let mut at = 0;
    while at < numbers.len() {
        all = hash(all, numbers[at]);
        at += 1;
    }
    all
}

/// A hash of the offsets of fields that a compiler lays out in one way, unless it is told to randomise:
/// as the crate that uses the macro is told.
#[doc(hidden)]
#[macro_export]
macro_rules! __layout_probe {
    () => {{
        /// Fields of one size: in the order of their declaration, or in one of 12! others.
        #[rustfmt::skip]
        #[allow(dead_code)]
        struct Equal { a: u32, b: u32, c: u32, d: u32, e: u32, f: u32, g: u32, h: u32, i: u32, j: u32, k: u32, l: u32 }

        /// Fields of several sizes, with niches.
        #[allow(dead_code)]
        struct Mixed {
            a: u8,
            b: u64,
            c: bool,
            d: u16,
            e: &'static u8,
            f: u32,
            g: (u8, u32, u8),
        }

        const OFFSETS: &[usize] = &[
            ::core::mem::offset_of!(Equal, a),
            ::core::mem::offset_of!(Equal, b),
            ::core::mem::offset_of!(Equal, c),
            ::core::mem::offset_of!(Equal, d),
            ::core::mem::offset_of!(Equal, e),
            ::core::mem::offset_of!(Equal, f),
            ::core::mem::offset_of!(Equal, g),
            ::core::mem::offset_of!(Equal, h),
            ::core::mem::offset_of!(Equal, i),
            ::core::mem::offset_of!(Equal, j),
            ::core::mem::offset_of!(Equal, k),
            ::core::mem::offset_of!(Equal, l),
            ::core::mem::offset_of!(Mixed, a),
            ::core::mem::offset_of!(Mixed, b),
            ::core::mem::offset_of!(Mixed, c),
            ::core::mem::offset_of!(Mixed, d),
            ::core::mem::offset_of!(Mixed, e),
            ::core::mem::offset_of!(Mixed, f),
            ::core::mem::offset_of!(Mixed, g),
            ::core::mem::size_of::<Mixed>(),
        ];
        $crate::record::hash_all($crate::record::HASH, OFFSETS)
    }};
}

/// The [`TypeLayout`](crate::record::TypeLayout) of a type, with the offsets of some of its fields.
#[doc(hidden)]
#[macro_export]
macro_rules! type_layout {
    ($t:ty $(, $field:ident)* $(,)?) => {
        $crate::record::TypeLayout::of::<$t>(
            ::core::stringify!($t),
            &[$(::core::mem::offset_of!($t, $field)),*],
        )
    };
}

/// The record of a forked crate, once in that crate.
#[doc(hidden)]
#[macro_export]
macro_rules! crate_record {
    ($($field:ident: $value:expr),* $(,)?) => {
        const _: () = {
            const FIELDS: $crate::record::CrateRecord = $crate::record::CrateRecord {
                $($field: $value,)*
                probe: $crate::__layout_probe!(),
            };
            $crate::__in_manifest_section! {
                static RECORD: [u8; FIELDS.size()] = FIELDS.bytes();
            }
        };
    };
}

/// The record of a global allocator, beside it.
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

/// The record of a key, beside it.
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
            };
            $crate::__in_manifest_section! {
                static RECORD: [u8; FIELDS.size()] = FIELDS.bytes();
            }
        };
    };
}

/// Puts a static into the manifest's section.
#[doc(hidden)]
#[macro_export]
#[cfg(tls_keys_elf)]
macro_rules! __in_manifest_section {
    ($($item:tt)*) => {
        #[used]
        #[unsafe(link_section = "tls_slots_manifest_v1")]
        $($item)*
    };
}

/// Puts a static into the manifest's section.
#[doc(hidden)]
#[macro_export]
#[cfg(tls_keys_macho)]
macro_rules! __in_manifest_section {
    ($($item:tt)*) => {
        #[used]
        #[unsafe(link_section = "__DATA,__tls_slots_m_v1,regular,no_dead_strip")]
        $($item)*
    };
}

/// Puts a static into the manifest's section.
#[doc(hidden)]
#[macro_export]
#[cfg(tls_keys_pe)]
macro_rules! __in_manifest_section {
    ($($item:tt)*) => {
        #[used]
        #[unsafe(link_section = ".tlsman$m")]
        $($item)*
    };
}
