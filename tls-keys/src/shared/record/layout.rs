//! The layout of a type, as a record tells it.

use super::writer::Writer;

/// The layout of a type. Made by [`type_layout!`](crate::type_layout).
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
        // The size of an `Option` tells whether the type has a niche, which is a part of its
        // layout.
        let niche = hash(HASH, size_of::<Option<T>>());
        Self {
            name,
            size: size_of::<T>(),
            align: align_of::<T>(),
            fields: hash_all(niche, offsets),
        }
    }

    /// No type's layout, but a hash that comes as a field of that kind.
    pub(super) const fn probe(hash: u64) -> Self {
        Self {
            name: "(layout probe)",
            size: 0,
            align: 1,
            fields: hash,
        }
    }

    /// Appends the layout to a record, as a field.
    pub(super) const fn write<const N: usize>(&self, record: Writer<N>) -> Writer<N> {
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

/// A hash of the offsets of some fields.
///
/// A compiler lays these fields out in one way only, unless it is told to randomise layouts. So the
/// hash tells whether the crate that uses the macro was compiled like that.
#[doc(hidden)]
#[macro_export]
macro_rules! __layout_probe {
    () => {{
        /// Fields of one size: in the order of their declaration, or in one of 12! orders.
        #[allow(dead_code)]
        struct Equal {
            a: u32,
            b: u32,
            c: u32,
            d: u32,
            e: u32,
            f: u32,
            g: u32,
            h: u32,
            i: u32,
            j: u32,
            k: u32,
            l: u32,
        }

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

pub(crate) use __layout_probe;
