//! Reads a manifest: bytes, then records, then what they say.
//!
//! | file | what |
//! | --- | --- |
//! | `parse/reader.rs` | bytes from front to back |
//! | `parse/record.rs` | the fields of each kind of record |
//! | `parse/error.rs` | what can be wrong |
//!
//! `format.rs` describes the format.

pub(crate) mod error;
mod reader;
mod record;

use crate::format::{ALLOCATOR, COMPILER, CRATE, FORMAT, KEY, MAGIC};
use crate::manifest::{Compiler, Manifest};

use error::ParseError;
use reader::Reader;
use record::Record;

impl Manifest {
    /// Reads the bytes of a section, `tls_slots_manifest_v1` on ELF.
    ///
    /// The result takes memory in proportion to the length of `bytes`, whatever they are.
    ///
    /// # Errors
    ///
    /// [`ParseError`] says what is wrong, and where. A manifest without a record of the compiler is
    /// an error; it may have no other records.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let mut compiler: Option<(u32, Compiler)> = None;
        let mut allocator = None;
        let mut crates = Vec::new();
        let mut keys = Vec::new();
        let mut reader = Reader::new(bytes, 0);
        while reader.skip_padding() {
            let offset = reader.at();
            if !reader.starts_with(&MAGIC) {
                return Err(ParseError::NoRecord { offset });
            }
            reader.take(MAGIC.len())?;
            let format = reader.u16()?;
            if format != FORMAT {
                return Err(ParseError::Format { found: format });
            }
            let kind = reader.u16()?;
            let length = reader.u32()? as usize;
            let record = Record {
                fields: reader.take(length)?,
                offset,
            };
            match kind {
                COMPILER => once("compiler", &mut compiler, record.compiler()?)?,
                ALLOCATOR => once("global allocator", &mut allocator, record.allocator()?)?,
                CRATE => crates.push(record.forked_crate()?),
                KEY => keys.push(record.key()?),
                _ => {}
            }
        }
        let (abi, compiler) = compiler.ok_or(ParseError::NoCompiler)?;
        Ok(Self {
            abi,
            compiler,
            crates,
            keys,
            allocator,
        })
    }
}

/// Keeps the one value of which there can be one. A crate that is linked twice says it twice, which
/// is no error.
fn once<T: PartialEq>(
    what: &'static str,
    place: &mut Option<T>,
    value: T,
) -> Result<(), ParseError> {
    match place {
        Some(known) if *known != value => Err(ParseError::Contradiction { what }),
        _ => {
            *place = Some(value);
            Ok(())
        }
    }
}
