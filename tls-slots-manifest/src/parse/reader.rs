//! Bytes, read from front to back, never beyond their end.

use crate::parse::error::ParseError;

/// Bytes that are read from front to back.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    /// How many have been read. Invariant: no more than the length of `bytes`.
    at: usize,
    /// Where in the section `bytes` starts. Errors name places of the section.
    base: usize,
}

impl<'a> Reader<'a> {
    /// A reader of bytes that start at byte `base` of the section.
    pub(super) fn new(bytes: &'a [u8], base: usize) -> Self {
        Self { bytes, at: 0, base }
    }

    /// Goes to the next byte that is not zero, and says whether there is one.
    pub(super) fn skip_padding(&mut self) -> bool {
        let rest = &self.bytes[self.at..];
        self.at += rest.iter().take_while(|byte| **byte == 0).count();
        !self.is_empty()
    }

    /// Where the reader is, counted from its first byte.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Whether the bytes that are left start with these.
    pub(super) fn starts_with(&self, bytes: &[u8]) -> bool {
        self.bytes[self.at..].starts_with(bytes)
    }

    /// Whether nothing is left.
    pub(super) fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// The next `length` bytes.
    ///
    /// # Errors
    ///
    /// [`ParseError::CutOff`], as all that read a fixed length, if there are fewer.
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], ParseError> {
        let cut_off = ParseError::CutOff {
            offset: self.base.saturating_add(self.at),
        };
        let end = self.at.checked_add(length).ok_or(cut_off.clone())?;
        let taken = self.bytes.get(self.at..end).ok_or(cut_off)?;
        self.at = end;
        Ok(taken)
    }

    /// The next `N` bytes.
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], ParseError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// The next number of 16 bits.
    pub(super) fn u16(&mut self) -> Result<u16, ParseError> {
        self.array().map(u16::from_le_bytes)
    }

    /// The next number of 32 bits.
    pub(super) fn u32(&mut self) -> Result<u32, ParseError> {
        self.array().map(u32::from_le_bytes)
    }

    /// The next number of 64 bits.
    pub(super) fn u64(&mut self) -> Result<u64, ParseError> {
        self.array().map(u64::from_le_bytes)
    }

    /// All bytes that are left; there may be none.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        let rest = &self.bytes[self.at..];
        self.at = self.bytes.len();
        rest
    }
}
