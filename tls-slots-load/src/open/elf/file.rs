//! The file that is checked.

use object::Endianness;
use object::read::elf::FileHeader;

use super::range::Checked;

/// The bytes of an ELF file, with what every look at them needs.
pub(super) struct ElfFile<'data, Elf> {
    pub(super) header: &'data Elf,
    pub(super) endian: Endianness,
    pub(super) data: &'data [u8],
}

impl<'data, Elf> ElfFile<'data, Elf>
where
    Elf: FileHeader<Endian = Endianness>,
{
    /// Reads the file header.
    ///
    /// # Errors
    ///
    /// The header is cut off, or is of another class or byte order.
    pub(super) fn new(data: &'data [u8]) -> Checked<Self> {
        let header = Elf::parse(data).map_err(|error| error.to_string())?;
        let endian = header.endian().map_err(|error| error.to_string())?;
        Ok(Self {
            header,
            endian,
            data,
        })
    }
}
