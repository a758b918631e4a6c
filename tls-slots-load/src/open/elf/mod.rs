//! Checks the parts of an ELF file that the dynamic linker trusts.
//!
//! # The problem
//!
//! `dlopen` maps whatever the program headers say, and follows whatever addresses the dynamic
//! section holds. If the file was cut off, or one byte of a header is damaged, the process ends
//! there, by a signal or by an assertion of the dynamic linker. A host wants an error instead.
//!
//! # The way
//!
//! The section headers say most of it a second time, and no loader reads them. So the two
//! descriptions are compared in both directions:
//!
//! - Every section that is loaded must lie in a segment. Its distance from the start of the segment
//!   must be the same in the file and in memory. It must not need more rights than the segment has.
//! - Every table that the dynamic section names must be a section, and every section of such a kind
//!   must be named.
//!
//! Neither description covers the contents of code, data and most relocations. A digest
//! ([`LoadOptions::sha256`](crate::LoadOptions::sha256)) protects those.
//!
//! # How it fits
//!
//! [`check`] is one step of `format.rs`. It reads the file from the outside to the inside:
//!
//! | file | what |
//! | --- | --- |
//! | `file.rs` | the file that is checked |
//! | `range.rs` | ranges of addresses |
//! | `segments.rs` | the program headers: order, size in the file, alignment, what lies inside a `PT_LOAD` |
//! | `sections.rs` | every loaded section against its segment |
//! | `tables.rs` | the tables of which a file has at most one |
//! | `dynamic.rs` | the dynamic section against the sections |
//! | `relocations.rs` | the tables of relocations, and what they refer to |
//!
//! Every error is the end of a sentence "the module is cut off or damaged: …".
//!
//! Sources: the System V ABI (chapters "Object Files" and "Program Loading and Dynamic Linking"),
//! and glibc's `elf/dl-load.c` and `elf/dl-reloc.c`.

mod dynamic;
mod file;
mod range;
mod relocations;
mod sections;
mod segments;
mod tables;

use object::Endianness;
use object::read::elf::FileHeader;

use dynamic::Dynamic;
use file::ElfFile;
use range::Checked;
use sections::Sections;
use segments::Segments;

/// Checks a file of this machine's class and byte order.
///
/// # Errors
///
/// What is damaged.
pub(super) fn check<Elf>(data: &[u8]) -> Checked
where
    Elf: FileHeader<Endian = Endianness>,
{
    let file = ElfFile::<Elf>::new(data)?;
    let segments = Segments::read(&file)?;
    let sections = Sections::read(&file, &segments)?;
    let dynamic = Dynamic::read(&file, &segments, &sections)?;
    dynamic.check(&file, &segments, &sections)?;
    relocations::check(&file, &segments, &sections, &dynamic)
}
