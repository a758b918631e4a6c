//! How a record is put together: its header, its fields, its tags.
//!
//! The format is described in `format.rs` of the crate `tls-slots-manifest`, which reads it.

/// What each record starts with.
const MAGIC: [u8; 8] = *b"\xA7tlsrec\n";
const FORMAT: u16 = 1;
const HEADER: usize = 16;

// Kinds of records.
pub(super) const COMPILER: u16 = 1;
pub(super) const CRATE: u16 = 2;
pub(super) const KEY: u16 = 3;
pub(super) const ALLOCATOR: u16 = 4;

// Flags of a field that has some.
pub(super) const ENABLED: u8 = 1;
pub(super) const GROUP: u8 = 2;

/// A record that is being put together in `N` bytes.
///
/// Bytes that do not fit are only counted. So a record is written twice: first without any room, to
/// learn its size.
pub(super) struct Writer<const N: usize> {
    bytes: [u8; N],
    /// How many bytes there are, if they all fit or not.
    pub(super) len: usize,
}

impl<const N: usize> Writer<N> {
    /// A record of this kind, still without fields.
    pub(super) const fn new(kind: u16) -> Self {
        Self {
            bytes: [0; N],
            len: 0,
        }
        .put(&MAGIC)
        .put(&FORMAT.to_le_bytes())
        .put(&kind.to_le_bytes())
        // The length of the fields, which `finish` puts right.
        .put(&[0; 4])
    }

    /// Appends bytes.
    pub(super) const fn put(mut self, bytes: &[u8]) -> Self {
        if self.len + bytes.len() <= N {
            let (_, room) = self.bytes.split_at_mut(self.len);
            let (room, _) = room.split_at_mut(bytes.len());
            room.copy_from_slice(bytes);
        }
        self.len += bytes.len();
        self
    }

    /// The start of a field. `len` bytes of contents follow.
    pub(super) const fn field(self, tag: u16, len: usize) -> Self {
        self.put(&tag.to_le_bytes())
            .put(&(len as u32).to_le_bytes())
    }

    /// A field that is a text.
    pub(super) const fn text(self, tag: u16, text: &str) -> Self {
        self.field(tag, text.len()).put(text.as_bytes())
    }

    /// A field that is a number.
    pub(super) const fn number(self, tag: u16, number: u64) -> Self {
        self.field(tag, 8).put(&number.to_le_bytes())
    }

    /// A field that is a name with flags.
    pub(super) const fn flagged(self, tag: u16, flags: u8, name: &str) -> Self {
        self.field(tag, 1 + name.len())
            .put(&[flags])
            .put(name.as_bytes())
    }

    /// The bytes, which must be exactly as many as there is room for.
    pub(super) const fn finish(mut self) -> [u8; N] {
        assert!(self.len == N, "a record must be as long as it was counted");
        let fields = ((N - HEADER) as u32).to_le_bytes();
        let (header, _) = self.bytes.split_at_mut(HEADER);
        let (_, length) = header.split_at_mut(HEADER - 4);
        length.copy_from_slice(&fields);
        self.bytes
    }
}
