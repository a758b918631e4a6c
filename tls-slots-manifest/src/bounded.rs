//! Bytes that are read in pieces of a size, whatever a header says.
//!
//! The problem: `object` reads a table of a file as a whole, into memory of the size that the
//! file's header gives. A damaged header, or one that was made for it, gives gigabytes. So a piece
//! that is larger than any table of a host or module is an error, before memory is taken for it.

use std::ops::Range;

use object::ReadRef;

/// Far more than the largest table, that of the symbols, has: it has some megabytes.
const LARGEST: u64 = 256 << 20;

/// Bytes, of which no piece of more than 256 MiB is read at once.
///
/// It is for readers that need no more of a file than its tables.
#[derive(Clone, Copy, Debug)]
pub struct Bounded<R>(pub R);

impl<'a, R: ReadRef<'a>> ReadRef<'a> for Bounded<R> {
    fn len(self) -> Result<u64, ()> {
        self.0.len()
    }

    fn read_bytes_at(self, offset: u64, size: u64) -> Result<&'a [u8], ()> {
        match size > LARGEST {
            true => Err(()),
            false => self.0.read_bytes_at(offset, size),
        }
    }

    fn read_bytes_at_until(self, range: Range<u64>, delimiter: u8) -> Result<&'a [u8], ()> {
        self.0.read_bytes_at_until(range, delimiter)
    }
}
