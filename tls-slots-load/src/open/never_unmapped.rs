//! Finds what makes the dynamic linker keep a file mapped for ever, whatever is closed.
//!
//! The problem: `dlclose` of such a file does nothing, and does not say so. A host that wants to
//! unload a module should learn of it from the first attempt, with the reason.
//!
//! | in the file | what glibc does |
//! | --- | --- |
//! | `DF_1_NODELETE` in the dynamic section (`-z nodelete`) | never unmaps it |
//! | a symbol of binding `STB_GNU_UNIQUE` (GNU C++, for a template's or an inline function's statics) | never unmaps the file whose definition is the first in the process that something is bound to |
//!
//! rustc makes neither by itself. They come from linker arguments, and from C++ that is linked in.

use object::elf;
use object::read::elf::{Dyn as _, FileHeader, Sym as _};
use object::{Endianness, FileKind};

/// What keeps the file mapped, each as the end of a sentence "this host still has of it: …".
///
/// Empty if the file is damaged. `elf/` reports that.
pub(crate) fn of(bytes: &[u8], kind: FileKind) -> Vec<String> {
    match kind {
        FileKind::Elf32 => of_elf::<elf::FileHeader32<Endianness>>(bytes),
        FileKind::Elf64 => of_elf::<elf::FileHeader64<Endianness>>(bytes),
        _ => return Vec::new(),
    }
    .unwrap_or_default()
}

fn of_elf<Elf>(bytes: &[u8]) -> object::Result<Vec<String>>
where
    Elf: FileHeader<Endian = Endianness>,
{
    let header = Elf::parse(bytes)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, bytes)?;
    let mut reasons = Vec::new();

    let dynamic = sections.dynamic(endian, bytes)?;
    let entries = dynamic.map_or(&[][..], |(entries, _)| entries);
    let mut flags = entries
        .iter()
        .filter(|entry| entry.tag(endian) == elf::DT_FLAGS_1);
    if flags.any(|entry| entry.val(endian) & elf::DF_1_NODELETE.0 != 0) {
        reasons.push(
            "a mark in the file, for which the system never unmaps it (link it without \
             `-z nodelete`)"
                .to_owned(),
        );
    }

    let symbols = sections.symbols(endian, bytes, elf::SHT_DYNSYM)?;
    let unique = symbols
        .iter()
        .find(|symbol| symbol.st_bind() == elf::STB_GNU_UNIQUE && !symbol.is_undefined(endian))
        .and_then(|symbol| symbols.symbol_name(endian, symbol).ok());
    if let Some(name) = unique {
        reasons.push(format!(
            "the symbol `{}`, for which the system never unmaps the file, as the process may have \
             only one of it (compile the C++ in it with `-fno-gnu-unique`)",
            String::from_utf8_lossy(name)
        ));
    }
    Ok(reasons)
}
